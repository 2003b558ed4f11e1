"""What a start finds: another relay at work, half-written bodies, a body that is gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.crash.devices import Connection, Fate, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

LARGE = 200_000
EX_UNAVAILABLE = 69


async def hand_in_while_exchange_is_down(lives: Lives, cloud: Pretend, name: str, *, letters: int) -> list[str]:
    """Large letters that stay in the spool; their ids there."""
    await cloud.switch(exchange="down")
    await lives.start()
    typist = Typist(name, 1)
    connection = await Connection.to(lives.port)
    for _ in range(letters):
        await connection.submit(*typist.write(LARGE, (f"{name}@contoso.test",)))
    connection.close()
    assert all(letter.fate is Fate.ACCEPTED for letter in typist.letters)
    return [letter.queue_id for letter in typist.letters]


async def test_a_second_relay_on_the_same_spool_is_refused(lives: Lives, cloud: Pretend):
    """It ends with 69 and says who is in the way and what to do; the first one serves on."""
    await lives.start()
    command = [sys.executable, "-m", "relay", "serve", "--config", str(lives.config)]
    second = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == EX_UNAVAILABLE
    assert f"another relay works on the spool at {lives.spool}" in second.stdout
    assert "data_dir of its own" in second.stdout
    connection = await Connection.to(lives.port)
    await connection.submit(*Typist("second", 1).write(500, ("second@contoso.test",)))
    connection.close()
    assert len(await cloud.wait_for("second@contoso.test")) == 1


async def test_half_written_bodies_are_swept_and_those_of_waiting_mail_are_not(lives: Lives, cloud: Pretend):
    """A message cut off on its way in leaves a .part file until the next start; accepted ones keep theirs."""
    kept = await hand_in_while_exchange_is_down(lives, cloud, "swept", letters=2)
    connection = await Connection.to(lives.port)
    for line in (b"MAIL FROM:<copier@plant.test>", b"RCPT TO:<swept@contoso.test>", b"DATA"):
        await connection.say(line + b"\r\n")
    connection.write(b"Subject: never finished\r\n\r\n" + b"half a scan\r\n" * 100_000)
    await until(lambda: any(name.endswith(".part") for name in lives.body_files()))
    await lives.kill()
    connection.close()
    (lives.bodies / "01ARZ3NDEKTSV4RRFFQ69G5FAV").write_bytes(b"renamed, but its row was never written")
    assert len(lives.body_files()) == 4
    started = await lives.start()
    assert started["swept"] == 2
    assert lives.body_files() == sorted(kept)
    await cloud.switch(exchange="up")
    await drained(lives)
    await lives.stop()
    assert lives.counts() == {"delivered": 2}
    assert lives.body_files() == []


async def test_a_message_whose_body_is_gone_is_shown_as_corrupt(lives: Lives, cloud: Pretend):
    """It is neither sent empty nor forgotten: `relay queue` shows it with the reason, the mail beside it leaves."""
    gone, whole = await hand_in_while_exchange_is_down(lives, cloud, "gone", letters=2)
    await lives.stop()
    (lives.bodies / gone).unlink()
    assert (await lives.start())["damaged"] == 1
    await cloud.switch(exchange="up")
    assert len(await cloud.wait_for("gone@contoso.test")) == 1
    await drained(lives)
    held = lives.item(gone)
    assert held is not None
    assert held.state == "corrupt"
    assert [row.answer for row in lives.rows("corrupt")] == ["the file of the body is gone"]
    assert lives.item(whole).state == "delivered"  # type: ignore[union-attr]
    await lives.stop()
    assert (await lives.start())["damaged"] == 0  # told once; from then on it is an item of the queue


async def test_the_spool_is_readable_by_its_owner_alone(lives: Lives, cloud: Pretend):
    """Mail on disk is nobody else's: directories 0700, files 0600."""
    await hand_in_while_exchange_is_down(lives, cloud, "private", letters=1)
    modes = {path: path.stat().st_mode & 0o777 for path in [lives.spool, *lives.spool.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


async def until(holds: Callable[[], bool]) -> None:
    """Looks at the disk, which tells nobody when it changes, until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
