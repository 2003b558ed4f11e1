"""Calls of the API and forms of pages, by a token; and one relay for the tests of a module."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from relay.control.who import Role
from tests.e2e.configuration import configuration, write
from tests.e2e.running import WAIT_S, RunningRelay
from tests.web.conftest import Answer, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.pretend import PretendCloud

FORM = "application/x-www-form-urlencoded"


class Asker:
    """One who asks, with a role."""

    def __init__(self, shown: Shown, role: Role = Role.OPERATOR) -> None:
        self.shown = shown
        self._headers = {"Authorization": f"Bearer {shown.token(role)}"}

    def get(self, path: str) -> Answer:
        """A page, or a call when the path is below /api."""
        return self._ask("GET", path)

    def api(self, path: str, **question: Any) -> Any:
        """What a call answers: a POST where it is asked something."""
        body = json.dumps(question) if question else None
        answer = self._ask("POST" if question else "GET", f"/api/v1{path}", body, "application/json")
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, path: str, **fields: str) -> Answer:
        """A form that is sent."""
        return self._ask("POST", path, urlencode(fields), FORM)

    def json(self, path: str, question: Any) -> Answer:
        """A call that may be refused."""
        return self._ask("POST", f"/api/v1{path}", json.dumps(question), "application/json")

    def _ask(self, method: str, path: str, body: str | None = None, kind: str = "") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.shown.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, self._headers | ({"Content-Type": kind} if body else {}))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read().decode(), headers)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def office(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One relay with its pages for the tests of a module; it must end in order, and no page may have failed."""
    directory = tmp_path_factory.mktemp("office")
    settings = configuration(cloud, directory, http={"listen": "127.0.0.1:0"})
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        address = relay.journal.wait("http.listening")["address"]
        yield Shown(relay, int(address.rpartition(":")[2]), Path(settings["data_dir"]))
        assert not relay.journal.seen("http.failed"), relay.journal.tail()
        assert relay.stop() == 0, relay.journal.tail()


@pytest.fixture(scope="module")
def operator(office: Shown) -> Asker:
    """May give orders."""
    return Asker(office)


@pytest.fixture(scope="module")
def viewer(office: Shown) -> Asker:
    """May look."""
    return Asker(office, Role.VIEWER)
