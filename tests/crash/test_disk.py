"""A disk that fails or is full, at each write: devices hear "later", what was accepted is kept, the relay lives on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.devices import Connection, Fate, Letter, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

ANSWERS = {"ENOSPC": "452", "EIO": "451"}
ON_THE_WAY_IN = ("spool.body-written", "spool.body-synced", "spool.body-renamed", "spool.accept-before-commit")
ON_THE_WAY_OUT = ("spool.claim-before-commit", "spool.settle-before-commit")
LARGE = 200_000


async def hand_in(lives: Lives, name: str, *, letters: int = 1) -> list[Letter]:
    """Letters over one connection, from a device of their own."""
    typist = Typist(name, 1)
    connection = await Connection.to(lives.port)
    for _ in range(letters):
        await connection.submit(*typist.write(LARGE, (f"{name}@contoso.test",)))
    connection.close()
    return typist.letters


@pytest.mark.parametrize("trouble", ANSWERS)
@pytest.mark.parametrize("point", ON_THE_WAY_IN)
async def test_a_message_that_cannot_be_stored_is_put_off(point: str, trouble: str, lives: Lives, cloud: Pretend):
    """The second message meets the fault: 4xx, nothing of it is kept, the connection and the first message go on."""
    name = f"{point}-{trouble}".lower()
    await lives.start(f"{point}:{trouble}:2")
    first, second, third = await hand_in(lives, name, letters=3)
    assert (first.fate, second.fate, third.fate) == (Fate.ACCEPTED, Fate.REFUSED, Fate.REFUSED)
    assert second.answer.startswith(ANSWERS[trouble])
    assert "again later" in second.answer
    await drained(lives)
    await lives.stop()
    assert lives.body_files() == []
    assert all(event["remedy"] for event in lives.events("intake.failed"))
    assert await arrived_once(cloud, name) == [first.token]


@pytest.mark.parametrize("trouble", ANSWERS)
@pytest.mark.parametrize("point", ON_THE_WAY_OUT)
async def test_mail_is_taken_while_its_outcome_cannot_be_written(
    point: str, trouble: str, lives: Lives, cloud: Pretend
):
    """Devices hear 250 all the time, nothing is forgotten, and the next life without the fault delivers it."""
    name = f"{point}-{trouble}".lower()
    await lives.start(f"{point}:{trouble}")
    letters = await hand_in(lives, name, letters=3)
    assert [letter.fate for letter in letters] == [Fate.ACCEPTED] * 3
    await lives.logged("delivery.broken")
    assert lives.waiting() == 3
    await lives.stop()
    await lives.start()
    await drained(lives)
    await lives.stop()
    assert lives.counts() == {"delivered": 3}
    assert set(await arrived_once(cloud, name)) == {letter.token for letter in letters}


async def arrived_once(cloud: Pretend, name: str) -> list[str]:
    """The tokens of what came for one test's recipient; a copy that was told twice counts once."""
    found = await cloud.wait_for(f"{name}@contoso.test")
    return list(dict.fromkeys(str(item["message_id"])[1:].partition("@")[0] for item in found))


async def test_a_write_that_fails_in_the_midst_of_a_body_costs_that_message_only(lives: Lives, cloud: Pretend):
    """The system itself refuses the write (no file may grow beyond 4 MB): 451, nothing is left, small mail goes on."""
    await lives.start(under=("sh", "-c", 'ulimit -f 8192; exec "$0" "$@"'))
    typist = Typist("limited", 1)
    connection = await Connection.to(lives.port)
    for size in (6_000_000, 500, LARGE):
        await connection.submit(*typist.write(size, ("limited@contoso.test",)))
    connection.close()
    large, *others = typist.letters
    assert large.answer.startswith("451")
    assert [letter.fate for letter in others] == [Fate.ACCEPTED] * 2
    await cloud.wait_for("limited@contoso.test", 2)
    await lives.stop()
    assert lives.body_files() == []
    assert "File too large" in lives.events("intake.failed")[0]["reason"]
