"""A relay with its probes on, and a client on a plain socket."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from relay.control.accounts import Accounts
from relay.control.who import Role
from tests.e2e.configuration import configuration, write
from tests.e2e.conftest import cloud, somebody
from tests.e2e.running import WAIT_S, RunningRelay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.pretend import PretendCloud

    Open = Callable[..., "Shown"]

__all__ = ["cloud", "somebody"]


@dataclass
class Answer:
    """One answer, read whole."""

    status: int
    body: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(port: int, path: str, **headers: str) -> Answer:
    """One GET on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})
    finally:
        connection.close()


@dataclass
class Shown:
    """A running relay and the port of its pages."""

    relay: RunningRelay
    port: int
    data_dir: Path

    def token(self, role: Role = Role.OPERATOR) -> str:
        """A new token for the API, as `relay admin` makes them."""
        accounts = Accounts.read(self.data_dir)
        token = accounts.new_token(f"test-{len(accounts.tokens)}", role)
        accounts.write(self.data_dir)
        return token

    def get(self, path: str, **headers: str) -> Answer:
        return get(self.port, path, **headers)

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of one scrape, by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics").body)
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}

    def metric(self, name: str, **labels: str) -> float:
        """One sample; 0 where there is none yet."""
        return self.metrics().get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def show(cloud: PretendCloud, tmp_path: Path) -> Iterator[Open]:
    """`show(delivery={…})` runs a relay of this test alone, with its pages on a free port."""
    with ExitStack() as stack:

        def run(*, env: dict[str, str] | None = None, **changes: Any) -> Shown:
            settings = configuration(cloud, tmp_path, **{"http": {"listen": "127.0.0.1:0"}} | changes)
            relay = stack.enter_context(RunningRelay(write(tmp_path / "relay.yaml", settings), env=env))
            address = relay.journal.wait("http.listening")["address"]
            return Shown(relay, int(address.rpartition(":")[2]), Path(settings["data_dir"]))

        yield run
