"""The system refuses calls of a running relay now and then, each call in its turn: no letter is lost, none comes twice.

strace injects the error: where `test_disk.py` has fault points, this is SQLite's own write and sync.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.account import Account
from tests.crash.devices import Connection, Fate, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from tests.conftest import NeedTool
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

LETTERS = 28
TROUBLE = {
    "sync-fails": ("fsync,fdatasync", "EIO", "when=12+5"),
    "sync-fails-from-then-on": ("fsync,fdatasync", "EIO", "when=12+"),  # what was refused is written all the same
    "no-room-for-a-write": ("pwrite64", "ENOSPC", "when=30+7"),
    "write-fails": ("pwrite64", "EIO", "when=30+8"),
    "read-only-for-a-while": ("pwrite64,fsync,fdatasync,rename,unlink", "EROFS", "when=40..70"),
}


@pytest.mark.parametrize("name", TROUBLE)
async def test_calls_that_fail_cost_a_device_its_250_and_nobody_a_letter(
    name: str, lives: Lives, cloud: Pretend, need_tool: NeedTool
):
    """Some letters hear 4xx and never arrive, all others arrive, though claims and settlements failed too."""
    calls, error, when = TROUBLE[name]
    strace = (need_tool("strace"), "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}")
    await lives.start()
    await lives.stop()  # the spool is made by a life without trouble
    await lives.start(under=(*strace, "-e", f"inject={calls}:error={error}:{when}"))
    typist = Typist(name, 1)
    for number in range(LETTERS):
        connection = await Connection.to(lives.port)
        await connection.submit(*typist.write(120_000 if number % 8 == 7 else 500, ("ann@contoso.test",)))
        connection.close()
    await lives.kill()
    await lives.start()
    await drained(lives)
    await lives.stop()
    account = Account(typist.letters, lives, cloud.directory / "arrived")
    refused = account.of(Fate.REFUSED)
    assert len(refused) + len(account.of(Fate.ACCEPTED)) == LETTERS
    assert {letter.answer[:3] for letter in refused} <= {"451", "452"}
    assert refused or lives.events("delivery.broken"), "no call failed"
    assert (account.lost, account.altered, account.uninvited, account.unexplained) == ([], [], [], [])
