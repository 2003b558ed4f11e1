"""What becomes of a message in doubt, and what a crash costs: one delay, never a storm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crash.devices import Connection, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend


async def submit_one(lives: Lives, name: str) -> str:
    """One small letter; its id, even if the relay died before it could say it."""
    letter, body = Typist(name, 1).write(500, (f"{name}@contoso.test",))
    connection = await Connection.to(lives.port)
    try:
        await connection.submit(letter, body)
    except ConnectionError:
        return lives.rows()[0].id
    finally:
        connection.close()
    return letter.queue_id


async def test_a_crash_within_an_attempt_costs_the_delay_that_was_written_before_it(lives: Lives, cloud: Pretend):
    """The next due time stands before a socket opens: the next life keeps to it and doesn't dial at once."""
    lives.set("retry_s: [0.2, 0.5, 1]", "retry_s: [3600]")
    await lives.start("transport.before-body:kill")
    message_id = await submit_one(lives, "delayed")
    await lives.ended()
    started = await lives.start()
    await lives.stop()
    assert started["interrupted"] == 1
    item = lives.item(message_id)
    assert item is not None
    assert (item.state, [attempt.outcome for attempt in item.attempts]) == ("uncertain", [""])
    assert lives.events("token.fetched")[1:] == []  # Entra was asked in the first life only


async def test_a_lost_answer_is_shown_and_tried_again(lives: Lives, cloud: Pretend):
    """By default: uncertain in the journal and in the queue, then sent again with the same octets."""
    await lives.start()
    await submit_one(lives, "heard")
    await cloud.wait_for("heard@contoso.test")
    await cloud.add_fault(stage="final", action="drop", keep=True, count=1)
    message_id = await submit_one(lives, "unheard")
    first, second = await cloud.wait_for("unheard@contoso.test", 2)
    assert first["sha256"] == second["sha256"]
    await drained(lives)
    await lives.stop()
    assert [event["action"] for event in lives.events("message.uncertain")] == ["retry"]
    item = lives.item(message_id)
    assert item is not None
    assert [attempt.outcome for attempt in item.attempts] == ["uncertain", "delivered"]


async def test_a_lost_answer_holds_the_message_where_so_configured(lives: Lives, cloud: Pretend):
    """`uncertain: hold`: it never arrives twice, and waits in the queue for a person, whatever starts come."""
    lives.set("delivery: {", "delivery: {uncertain: hold, ")
    await cloud.add_fault(stage="final", action="drop", keep=True, count=1)
    await lives.start()
    message_id = await submit_one(lives, "hold")
    await lives.logged("message.uncertain")
    await lives.kill()
    await lives.start()
    await submit_one(lives, "hold-after")
    await cloud.wait_for("hold-after@contoso.test")
    await lives.stop()
    assert [row.id for row in lives.rows("held")] == [message_id]
    assert len(await cloud.wait_for("hold@contoso.test")) == 1


async def test_a_crash_holds_the_message_too_where_so_configured(lives: Lives, cloud: Pretend):
    """An attempt cut by a crash is as much in doubt as one whose answer was lost."""
    lives.set("delivery: {", "delivery: {uncertain: hold, ")
    await lives.start("transport.after-body:kill")
    message_id = await submit_one(lives, "crash-hold")
    await lives.ended()
    await lives.start()
    await submit_one(lives, "crash-hold-after")
    await cloud.wait_for("crash-hold-after@contoso.test")
    await lives.stop()
    assert [row.id for row in lives.rows("held")] == [message_id]
