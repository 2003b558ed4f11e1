"""Every answer of the verdict table, said by the pretend Microsoft 365 at its step, is known to a running relay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relay.policy.verdict import is_unknown
from relay.sandbox.faults import Fault
from tests import forked
from tests.e2e.configuration import configuration, write
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay
from tests.policy.cases import ANSWERS
from tests.policy.cases_entra import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLIES = [(stage, answer, rule) for answer, stage, rule, *_ in ANSWERS if not answer.startswith("250")]
REFUSALS = [(codes[0], rule) for codes, rule, *_ in NUMBERS]
COUNT = len(REPLIES) + len(REFUSALS)


def mailbox(number: int) -> str:
    return f"box{number}@contoso.test"


def address(number: int) -> str:
    return f"127.0.1.{number}"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    """A mailbox for each answer, because a mailbox that was throttled rests."""
    with PretendCloud(mailboxes=tuple(map(mailbox, range(COUNT)))) as running:
        yield running


@pytest.fixture(scope="module")
def relay(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRelay]:
    """One relay with an app, a profile and a device for each answer."""
    directory = tmp_path_factory.mktemp("relay")
    whole = configuration(cloud, directory)
    app, profile = whole["apps"]["contoso"], whole["profiles"]["box"]
    whole["apps"] = {f"a{n}": app for n in range(COUNT)}
    whole["profiles"] = {f"p{n}": _profile(profile, n) for n in range(COUNT)}
    whole["devices"] = {f"d{n}": {"address": address(n), "profile": f"p{n}"} for n in range(COUNT)}
    with RunningRelay(write(directory / "relay.yaml", whole)) as running:
        yield running


def _profile(profile: dict[str, Any], number: int) -> dict[str, Any]:
    """An answer to DATA is only heard by who says DATA, which is not who says BDAT."""
    says_data = number < len(REPLIES) and REPLIES[number][0] == "data"
    return profile | {"app": f"a{number}", "mailbox": mailbox(number), "chunking": not says_data}


def met(cloud: PretendCloud, relay: RunningRelay, number: int, fault: Fault) -> dict[str, Any]:
    """What the journal says of a message that meets the fault."""
    name = cloud.add(fault)
    try:
        with relay.device(address(number)) as device:
            device.hello()
            queued = device.deliver(f"r{number}@contoso.test")
        return relay.journal.outcome(queued)
    finally:
        cloud.remove(name)


@pytest.mark.parametrize("number", range(len(REPLIES)), ids=lambda number: f"{REPLIES[number][0]}-{REPLIES[number][2]}")
def test_an_answer_of_exchange_is_recognised(cloud: PretendCloud, relay: RunningRelay, number: int) -> None:
    """The literal reply at its step in; the rule, the whole answer and a remedy in the journal."""
    stage, answer, rule = REPLIES[number]
    event = met(cloud, relay, number, Fault(stage=stage, action="reply", reply=answer))

    assert event["rule"] == rule
    assert event.get("unknown", False) is is_unknown(rule)
    assert event["remedy"]
    assert event["answer"].split()[0] == answer[:3]


@pytest.mark.parametrize("place", range(len(REFUSALS)), ids=lambda place: REFUSALS[place][1])
def test_an_answer_of_entra_is_recognised(cloud: PretendCloud, relay: RunningRelay, place: int) -> None:
    """The literal error body through MSAL in; the rule, its number and a remedy in the journal."""
    code, rule = REFUSALS[place]
    event = met(cloud, relay, len(REPLIES) + place, Fault(stage="token", action="aadsts", aadsts=code))

    assert event["event"] == "message.deferred"
    assert f"AADSTS{code}" in event["answer"]
    assert event["rule"] == rule
    assert "unknown" not in event


def test_what_nobody_knew_is_listed_to_be_reported(relay: RunningRelay) -> None:
    """After all of the above: each answer that only its code was known of, and nothing else."""
    listed = relay.queue("unknown")
    printed = forked.output("queue", "unknown", "--config", str(relay.config))

    assert {item["rule"] for item in listed} == {rule for _, _, rule in REPLIES if is_unknown(rule)}
    assert all(item["answer"] in printed for item in listed)
    assert "Please report it" in printed
