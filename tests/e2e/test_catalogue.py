"""Each answer that the pretend Microsoft 365 knows by name is known to a running relay; none is judged by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relay.sandbox import catalogue
from tests.e2e.configuration import configuration, write
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [name for name, answer in catalogue.CATALOGUE.items() if answer.stage != "token"]


def mailbox(number: int) -> str:
    return f"named{number}@contoso.test"


def address(number: int) -> str:
    return f"127.0.2.{number}"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    """A mailbox for each answer, because a mailbox that was throttled rests."""
    with PretendCloud(mailboxes=tuple(mailbox(number) for number in range(len(NAMES)))) as running:
        yield running


@pytest.fixture(scope="module")
def relay(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRelay]:
    """One relay with a profile and a device for each answer; those of Graph leave by Graph."""
    directory = tmp_path_factory.mktemp("relay")
    whole = configuration(cloud, directory)
    numbers = range(len(NAMES))
    whole["profiles"] = {f"p{n}": _profile(cloud, whole["profiles"]["box"], n) for n in numbers}
    whole["devices"] = {f"d{n}": {"address": address(n), "profile": f"p{n}"} for n in numbers}
    with RunningRelay(write(directory / "relay.yaml", whole)) as running:
        yield running


def _profile(cloud: PretendCloud, profile: dict[str, Any], number: int) -> dict[str, Any]:
    at = cloud.settings
    own = profile | {"mailbox": mailbox(number)}
    if catalogue.CATALOGUE[NAMES[number]].stage != "graph":
        return own
    return own | {"transport": "graph", "graph": {"url": at.graph_url, "ca_file": str(at.ca_file)}}


@pytest.mark.parametrize("number", range(len(NAMES)), ids=lambda number: NAMES[number])
def test_a_named_answer_is_recognised(cloud: PretendCloud, relay: RunningRelay, number: int) -> None:
    """The answer at its real stage in; a row of its own, a meaning and a remedy in the journal."""
    name = cloud.add(catalogue.fault(NAMES[number]))
    try:
        with relay.device(address(number)) as device:
            device.hello()
            queued = device.deliver(f"r{number}@contoso.test")
        event = relay.journal.outcome(queued)
    finally:
        cloud.remove(name)

    assert event["event"] != "message.delivered"
    assert "unknown" not in event, event
    assert event["meaning"]
    assert event["remedy"]
