"""A database that is damaged while the relay serves: it ends, the next start saves what can be read, mail goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.crash.devices import Connection, Fate, Typist
from tests.crash.lives import drained
from tests.spool.test_salvage import pages_of, spoil

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

LETTERS = 40
EX_UNAVAILABLE = 69


async def test_a_damaged_database_is_salvaged_by_the_next_start(lives: Lives, cloud: Pretend):
    """Every letter arrives or is shown as corrupt; the damaged database is kept; no hand was needed but a restart."""
    await cloud.switch(exchange="down")
    await lives.start()
    typist = Typist("damaged", 1)
    connection = await Connection.to(lives.port)
    for _ in range(LETTERS):
        await connection.submit(*typist.write(1500, ("damaged@contoso.test",)))
    connection.close()
    assert [letter.fate for letter in typist.letters] == [Fate.ACCEPTED] * LETTERS
    await lives.stop()
    database = lives.spool / "spool.db"
    spoil(database, pages_of(database, "body")[-1])

    await cloud.switch(exchange="up")
    await lives.launch()
    assert await lives.ended() == EX_UNAVAILABLE
    (broken,) = lives.events("spool.broken")
    assert "malformed" in broken["reason"]
    assert "its next start moves that database aside" in broken["remedy"]

    await lives.start()
    (damaged,) = lives.events("spool.damaged")
    await drained(lives)
    await lives.stop()
    counts = lives.counts()
    corrupt = {row.id for row in lives.rows("corrupt")}
    assert counts["delivered"] + len(corrupt) == LETTERS
    assert 0 < len(corrupt) < LETTERS // 2
    assert await asyncio.to_thread((lives.spool / damaged["aside"]).exists)
    assert {event["id"] for event in lives.events("message.corrupt")} == corrupt
    assert len(await cloud.wait_for("damaged@contoso.test", counts["delivered"])) >= counts["delivered"]
