"""A program at the API of a running relay: a token for each role, and what is answered as JSON."""

from __future__ import annotations

import http.client
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.configuration import configuration, write
from tests.e2e.running import WAIT_S, RunningRelay
from tests.web.conftest import Answer, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.control.who import Role
    from tests.e2e.pretend import PretendCloud

API = "/api/v1"


class Program:
    """Asks with the token of its role, or with none."""

    def __init__(self, shown: Shown, role: Role | None) -> None:
        self.shown = shown
        self._role = role

    @cached_property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.shown.token(self._role)}"} if self._role else {}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own, as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.shown.port, timeout=WAIT_S)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, API + path, body, self.headers | given)
            answer = connection.getresponse()
            octets = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, octets, {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """What is answered; fails unless it is."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, **body: Any) -> Any:
        """The same for what changes something."""
        answer = self.ask("POST", path, json.dumps(body).encode(), Content_Type="application/json")
        assert answer.status == 200, answer
        return answer.json


def running(cloud: PretendCloud, directory: Path, **changes: Any) -> Iterator[Shown]:
    """A relay with its API; it must end in order and must never have made a mistake."""
    settings = configuration(cloud, directory, **{"http": {"listen": "127.0.0.1:0"}} | changes)
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        address = relay.journal.wait("http.listening")["address"]
        yield Shown(relay, int(address.rpartition(":")[2]), Path(settings["data_dir"]))
        assert not relay.journal.seen("http.failed"), relay.journal.tail()
        assert relay.stop() == 0, relay.journal.tail()
