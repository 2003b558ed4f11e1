"""Power loss: the disk as it is at one moment, without what only memory knew, is all that the next life has."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.crash.account import Account
from tests.crash.devices import Connection, Fate, Letter, Pace, Typist, send_for_ever
from tests.crash.lives import Lives, drained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NeedTool
    from tests.crash.pretend import Pretend

CUTS = 10 if "RELAY_CRASH_KILLS" in os.environ else 2  # more in `make soak`
ADDRESSES = ("127.0.1.1", "127.0.2.1", "127.0.3.1")


class Machine:
    """A disk in a file, with ext4 on it. What was not synced is only in the page cache of the mounted one."""

    def __init__(self, directory: Path, image: Path) -> None:
        self.image = image
        self.directory = directory
        directory.mkdir(exist_ok=True)

    def mount(self) -> None:
        """With the journal replayed, as after a power cut."""
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.directory)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.directory)], check=False, capture_output=True)

    def gives_up(self) -> None:
        """The kernel found an error and lets nobody write any more."""
        subprocess.run(["mount", "-o", "remount,abort", str(self.directory)], check=True)

    def is_repaired(self) -> None:
        """Checked and mounted again."""
        self.unmount()
        subprocess.run(["fsck.ext4", "-p", str(self.image)], check=False, capture_output=True)
        self.mount()

    def fails(self) -> Path:
        """The disk as it is now, without asking the file system for anything first."""
        aside = self.image.with_suffix(".cut")
        shutil.copyfile(self.image, aside)
        return aside


@pytest.fixture
def machine(tmp_path: Path, need_tool: NeedTool, as_root: None) -> Iterator[Machine]:
    """A mounted machine. A container without loop devices is no lack that installing something would mend: there the
    order of writes and syncs, which tests/crash/test_order.py reads from the system calls, has to do, in CI too.
    """
    make = need_tool("mkfs.ext4")
    image = tmp_path / "disk"
    with image.open("wb") as disk:
        disk.truncate(48 << 20)
    subprocess.run([make, "-q", "-F", str(image)], check=True)
    machine = Machine(tmp_path / "data", image)
    free = subprocess.run([need_tool("losetup"), "--find"], capture_output=True, text=True, check=False)
    if free.returncode:
        pytest.skip(f"the kernel gives this container no loop device: {free.stderr.strip()}")
    machine.mount()
    yield machine
    machine.unmount()


async def test_what_was_acknowledged_outlives_the_power(machine: Machine, lives: Lives, cloud: Pretend, tmp_path: Path):
    """Under load the power goes, several times: all that was acknowledged is on the disk that is left, whole."""
    dice = random.Random(1)
    pace = Pace()
    typists = [Typist(f"power{n}", 1) for n, _ in enumerate(ADDRESSES)]
    await cloud.switch(exchange="down")  # nothing leaves: the spool has to have all of it
    for _ in range(CUTS):
        await lives.start()
        devices = [
            asyncio.ensure_future(send_for_ever(lives, typist, address, pace))
            for typist, address in zip(typists, ADDRESSES, strict=True)
        ]
        pace.grant(120)
        await lives.next("message.stored", 10)
        await asyncio.sleep(dice.uniform(0.2, 0.8))
        lives.signal(signal.SIGSTOP)
        accepted = acknowledged(typists)
        left = machine.fails()
        await lives.kill()
        await end(devices)
        machine.unmount()
        left.replace(machine.image)
        machine.mount()
        await lives.start()
        await lives.stop()
        rows = {row.id for row in lives.rows()}
        assert [letter.queue_id for letter in accepted if letter.queue_id not in rows] == []
    await cloud.switch(exchange="up")
    await lives.start()
    await drained(lives)
    await lives.stop()
    account = Account([letter for typist in typists for letter in typist.letters], lives, cloud.directory / "arrived")
    assert len(accepted) > 3 * CUTS
    assert (account.lost, account.altered, account.unexplained) == ([], [], [])


async def test_a_disk_that_turns_read_only_takes_no_mail_and_loses_none(machine: Machine, lives: Lives, cloud: Pretend):
    """The kernel gave the file system up (errors=remount-ro): 4xx; checked and mounted again, all of it arrives."""
    typist = Typist("readonly", 1)
    await cloud.switch(exchange="down")
    await lives.start()
    connection = await Connection.to(lives.port)
    for size in (500, 200_000):
        await connection.submit(*typist.write(size))
    machine.gives_up()
    for size in (500, 200_000):
        await connection.submit(*typist.write(size))
    connection.close()
    await lives.kill()
    machine.is_repaired()
    await cloud.switch(exchange="up")
    await lives.start()
    await drained(lives)
    await lives.stop()
    assert [letter.fate for letter in typist.letters] == [Fate.ACCEPTED] * 2 + [Fate.REFUSED] * 2
    assert {letter.answer[:3] for letter in typist.letters[2:]} <= {"451", "452"}
    account = Account(typist.letters, lives, cloud.directory / "arrived")
    assert (account.lost, account.altered, account.uninvited) == ([], [], [])


def acknowledged(typists: list[Typist]) -> list[Letter]:
    """Every letter whose device has read 250 by now."""
    return [letter for typist in typists for letter in typist.letters if letter.fate is Fate.ACCEPTED]


async def end(devices: list[asyncio.Future[None]]) -> None:
    for device in devices:
        device.cancel()
    await asyncio.gather(*devices, return_exceptions=True)
