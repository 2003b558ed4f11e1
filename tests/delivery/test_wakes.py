"""No wake-up is lost: mail leaves whenever it comes, without any timer, over no more connections than allowed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.conftest import MAILBOX, Theatre, until

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from relay.spool.store import Seat

STEPS = st.lists(
    st.one_of(st.just("put"), st.sampled_from([0.0, 0.001, 0.003, 0.006]), st.integers(1, 3)), min_size=1, max_size=25
)


@settings(max_examples=25, deadline=None)
@given(STEPS, st.sampled_from([0.0, 0.002, 60.0]))
def test_every_message_leaves_whenever_it_comes(steps: list[str | float | int], idle_s: float) -> None:
    """At random moments, while workers come and go and a reload changes how many there may be."""
    asyncio.run(played(steps, idle_s))


async def played(steps: list[str | float | int], idle_s: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        theatre = Theatre(Path(directory) / "spool")
        await theatre.store.open()
        await theatre.store.open_mailbox(MAILBOX)
        theatre.lane._on_timer = lambda: None  # type: ignore[method-assign]
        theatre.lane.replan(theatre.plan(sessions=2, idle_s=idle_s))
        names = []
        for step in steps:
            match step:
                case "put":
                    names.append(await theatre.put())
                case int():
                    theatre.lane.replan(theatre.plan(sessions=step, idle_s=idle_s))
                case float():
                    await asyncio.sleep(step)
        await until(lambda: len(theatre.upstream.sent) == len(names))
        assert sorted(sent[0] for sent in theatre.upstream.sent) == sorted(names)
        assert theatre.upstream.most_open <= 3
        assert await theatre.lane.stop(2) == 0
        await theatre.store.close()


async def test_all_connections_work_on_what_becomes_due_at_once(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage a backlog is due together: one timer wakes them all."""
    theatre.lane.replan(theatre.plan(sessions=3))
    theatre.upstream.at_connect = [OSError("down")] * 3
    for _ in range(6):
        await theatre.put()
    theatre.upstream.may_answer.clear()
    await until(lambda: theatre.upstream.open == 3)


async def test_idle_connections_are_closed_and_their_slots_given_back(theatre: Theatre) -> None:
    """A mailbox without mail keeps nothing open."""
    theatre.lane.replan(theatre.plan(idle_s=0.01))
    await theatre.becomes(await theatre.put(), "delivered")
    await until(lambda: not theatre.lane._workers)
    assert theatre.upstream.open == 0
    await theatre.becomes(await theatre.put(), "delivered")


async def test_fewer_connections_after_a_reload_are_fewer_at_once(theatre: Theatre) -> None:
    """Those too many end with the message in hand."""
    theatre.lane.replan(theatre.plan(sessions=3))
    theatre.upstream.may_answer.clear()
    names = [await theatre.put() for _ in range(3)]
    await until(lambda: theatre.upstream.open == 3)
    theatre.lane.replan(theatre.plan(sessions=1))
    theatre.upstream.may_answer.set()
    for name in names:
        await theatre.becomes(name, "delivered")
    await until(lambda: len(theatre.lane._workers) <= 1)
    await theatre.becomes(await theatre.put(), "delivered")


async def test_an_attempt_ends_by_the_plan_it_began_with(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload takes the profile away while the spool hands its message out."""
    claim = theatre.store.claim

    async def claim_and_reload(seat: Seat, retry_ms: Callable[[int], int]) -> object:
        found = await claim(seat, retry_ms)
        theatre.lane.replan(theatre.plan(profiles=()))
        return found

    monkeypatch.setattr(theatre.store, "claim", claim_and_reload)
    name, later = await theatre.put(), await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["delivered"]
    await until(lambda: not theatre.lane._workers)
    assert theatre.item(later).state == "queued"
    monkeypatch.setattr(theatre.store, "claim", claim)
    theatre.lane.replan(theatre.plan())
    await theatre.becomes(later, "delivered")


async def test_a_mistake_in_a_worker_is_told_and_the_next_one_goes_on(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mailbox is never dead with nobody told."""
    monkeypatch.setattr("relay.delivery.lane._TROUBLE_S", 0.01)
    claim = theatre.store.claim

    async def mistaken(*_: object) -> None:
        monkeypatch.setattr(theatre.store, "claim", claim)
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(theatre.store, "claim", mistaken)
    name = await theatre.put()
    await theatre.becomes(name, "delivered")
    assert "ZeroDivisionError" in theatre.event("delivery.broken")["reason"]
