"""A paused profile: who finds out whether it is mended, what a reload does, how old its mail is afterwards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from relay.message.reply import Reply
from relay.tokens.source import TokenError
from tests.delivery.conftest import until

if TYPE_CHECKING:
    import pytest

    from tests.delivery.conftest import Theatre

BUSY = Reply(451, "4.4.2", "Timeout waiting for data from client")
BAD_SECRET = TokenError("invalid_client", "AADSTS7000215: Invalid client secret", codes=(7000215,), status=401)


async def test_mail_that_waited_for_a_pause_is_not_too_old_at_its_first_failure(theatre: Theatre) -> None:
    """Neither the message that finds out, nor the one behind it: both outlived their time only because of the pause."""
    theatre.lane.replan(theatre.plan(recheck_s=2.0, expire_after_s=1.5))
    theatre.upstream.at_connect = [BAD_SECRET]
    theatre.upstream.answers = [BUSY, BUSY]
    finds_out = await theatre.put()
    await until(lambda: "scans" in theatre.pauses)
    waits = await theatre.put()
    assert set(await theatre.becomes(finds_out, "delivered")) <= {"deferred", "delivered"}
    assert set(await theatre.becomes(waits, "delivered")) <= {"deferred", "delivered"}
    assert len(theatre.item(waits).attempts) + len(theatre.item(finds_out).attempts) == 5


async def test_one_worker_alone_finds_out(theatre: Theatre) -> None:
    """Two ask in the same moment: the second gets nothing; what the first was not given is free again."""
    theatre.lane.replan(theatre.plan(recheck_s=60))
    theatre.upstream.at_connect = [BAD_SECRET]
    await theatre.put()
    await until(lambda: theatre.events() and theatre.events()[-1]["event"] == "profile.paused")
    pauses = theatre.pauses
    pauses.recheck_now(["scans"])
    assert pauses.ask(["scans"], 60) == (("scans",), {"scans"})
    assert pauses.ask(["scans"], 60) == ((), frozenset())
    pauses.answer(["scans"], "")
    assert pauses.ask(["scans"], 60) == (("scans",), {"scans"})


async def test_a_reload_while_an_outcome_is_written_is_tried_at_once(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old configuration met does not make the new one wait for the recheck."""
    writing, may_write, settle = asyncio.Event(), asyncio.Event(), theatre.store.settle

    async def slowly(*args: Any) -> bool:
        writing.set()
        await may_write.wait()
        return await settle(*args)

    monkeypatch.setattr(theatre.store, "settle", slowly)
    theatre.lane.replan(theatre.plan(recheck_s=3600))
    theatre.upstream.at_connect = [BAD_SECRET]
    name = await theatre.put()
    await writing.wait()
    theatre.lane.replan(theatre.plan(recheck_s=3600))
    may_write.set()
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]
