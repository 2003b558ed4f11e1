"""A relay of today on the spool that a relay of version 1 left: everything that waited arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crash.lives import drained
from tests.crash.pretend import MAILBOXES
from tests.spool.earlier import Earlier

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend


async def test_mail_of_an_earlier_version_is_delivered(lives: Lives, cloud: Pretend):
    """Killed while it migrates or right after, too; what was held, failed or delivered stays so."""
    made = Earlier(lives.spool, profile="pipes", mailbox=MAILBOXES[0], recipient="earlier@contoso.test")
    await lives.launch()
    await lives.kill()
    started = await lives.start()
    assert (started["damaged"], started["swept"]) == (0, 0)
    await cloud.wait_for("earlier@contoso.test", len(made.ids["queued"] + made.ids["leased"]))
    await drained(lives)
    await lives.stop()
    assert lives.counts() == {"delivered": 6, "held": 2, "failed": 2}
