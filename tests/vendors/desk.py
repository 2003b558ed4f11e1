"""The desk of an administrator who comes from another product: its values as typed, the relay's commands, a tenant."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests import forked
from tests.e2e.configuration import COPIER, configuration, write
from tests.e2e.delegated import delegated
from tests.e2e.device import queued_as
from tests.e2e.person import Authorizing, Browser
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from relay.sandbox.mailbox import Arrived
    from tests.e2e.pretend import PretendCloud

LETTER = "From: {author}\r\nTo: {to}\r\nSubject: a scan\r\n\r\nHello\r\n"


class Desk:
    """One configuration in one directory, beside one pretend tenant."""

    def __init__(self, cloud: PretendCloud, directory: Path) -> None:
        self.cloud = cloud
        self.directory = directory
        self.config = directory / "relay.yaml"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- what is typed

    def types(self, *, app: dict[str, Any] | None = None, profile: dict[str, Any], **changes: Any) -> Path:
        """A profile named `product` for the copier; `app` and `profile` hold what the manual asks for."""
        return self._types(configuration, app or {}, profile, changes)

    def types_for_people(self, *, app: dict[str, Any] | None = None, profile: dict[str, Any], **changes: Any) -> Path:
        """The same where a person signs in."""
        return self._types(delegated, app or {}, profile | {"sign_in": "delegated"}, changes)

    def _types(self, make: Any, app: dict[str, Any], profile: dict[str, Any], changes: dict[str, Any]) -> Path:
        whole = make(self.cloud, self.directory, **changes)
        whole["apps"]["contoso"] |= app
        graph = {"url": self.cloud.settings.graph_url, "ca_file": str(self.cloud.settings.ca_file)}
        whole["profiles"] = {"product": {"app": "contoso", "endpoint": self.endpoint, "graph": graph} | profile}
        device = {"copier": {"address": COPIER, "profile": "product"}}
        whole["devices"] = device | changes.get("devices", {})
        return write(self.config, whole)

    @property
    def endpoint(self) -> dict[str, Any]:
        """Where the pretend tenant takes mail."""
        at = self.cloud.settings
        return {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}

    def sign_in_address(self, path: str) -> str:
        """An address of the manual with the pretend tenant's host in the place of Microsoft's."""
        host = self.cloud.settings.authority.rpartition("/")[0]
        return f"{host}/{path}"

    # -- what is run

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`relay …` to its end, with this configuration."""
        return forked.run(arguments, {"RELAY_CONFIG": str(self.config)})

    def serve(self) -> RunningRelay:
        """The relay in service, until the test ends."""
        return self._stack.enter_context(RunningRelay(self.config))

    def authorizes(self, *arguments: str) -> Authorizing:
        """`relay authorize product …`, until the test ends."""
        return self._stack.enter_context(Authorizing(self.config, *arguments, profile="product"))

    def browser(self) -> Browser:
        """A browser that trusts the pretend tenant."""
        return Browser(self.cloud.settings.ca_file)

    # -- what is sent

    def scan(self, relay: RunningRelay, recipient: str, *, author: str = "mfp@device.test", door: str = COPIER) -> str:
        """The copier hands in a scan; returns its id."""
        with relay.device(door) as device:
            device.hello()
            device.address(recipient, sender=author.rpartition("<")[2].rstrip(">"))
            return queued_as(device.pour(LETTER.format(author=author, to=recipient).encode()))

    def sent(self, relay: RunningRelay, recipient: str, **how: Any) -> Arrived:
        """The copier hands in a scan; returns it as it arrived."""
        self.scan(relay, recipient, **how)
        return self.cloud.letter(recipient)
