"""What tests of delegated profiles share: people of the pretend tenant, a configuration in which they sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.config.aeskey import new_key
from tests.e2e.configuration import COPIER, configuration, merged, write
from tests.e2e.person import Authorizing, Browser

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.pretend import PretendCloud

ANN, BOB, DESK = "ann@contoso.test", "bob@contoso.test", "desk@contoso.test"
BOSS, BOSSES_UPN = "boss@contoso.test", "b.oss@corp.contoso.test"
CALLBACK = "https://relay.contoso.test/callback"
USERS = {ANN: {"send_as": (DESK,)}, BOB: {}, BOSSES_UPN: {"mailbox": BOSS}}


def delegated(cloud: PretendCloud, directory: Path, **changes: Any) -> dict[str, Any]:
    """A configuration whose copier sends as the desk, signed in as Ann; `changes` are merged."""
    key = directory / "token-key"
    if not key.exists():
        key.write_text(new_key() + "\n")
    at = cloud.settings
    endpoint = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
    graph = {"url": at.graph_url, "ca_file": str(at.ca_file)}
    shared = {"app": "contoso", "sign_in": "delegated", "endpoint": endpoint, "graph": graph}
    ann = {"mailbox": ANN, "from": "send_as", "send_as": {"address": DESK, "name": "Desk"}}
    profiles = {"ann": shared | ann, "boss": shared | {"mailbox": BOSS, "upn": BOSSES_UPN, "from": "mailbox"}}
    devices = {"copier": {"address": COPIER, "profile": "ann"}, "chief": {"address": "127.0.0.9", "profile": "boss"}}
    usual: dict[str, Any] = {"profiles": profiles, "devices": devices, "token_store": {"key": {"file": str(key)}}}
    return merged(configuration(cloud, directory, **usual), changes)


def registered(cloud: PretendCloud, **more: Any) -> dict[str, Any]:
    """The registration once more as an app of its own: a public client, unless `more` has a credential."""
    at = cloud.settings
    app = {"tenant": at.tenant, "client_id": at.client_id, "authority": at.authority, "ca_file": str(at.ca_file)}
    return app | more


def configured(cloud: PretendCloud, directory: Path, **changes: Any) -> Path:
    """That configuration as a file."""
    return write(directory / "relay.yaml", delegated(cloud, directory, **changes))


def signed_in(cloud: PretendCloud, config: Path, user: str = ANN, profile: str = "ann") -> Authorizing:
    """Somebody signs in in the browser, to the end."""
    browser = Browser(cloud.settings.ca_file)
    with Authorizing(config, profile=profile) as authorizing:
        browser.get(browser.sign_in(authorizing.url, user))
        assert authorizing.ended() == 0, authorizing.text
    return authorizing


def kept(directory: Path) -> list[Path]:
    """The files of kept sign-ins."""
    return [path for path in (directory / "data" / "tokens").glob("*") if path.suffix != ".lock"]
