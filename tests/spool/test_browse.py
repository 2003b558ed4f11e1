"""What an operator reads in the queue, and why it can't be read."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from relay.spool.browse import Browser
from relay.spool.store import SpoolError
from tests.spool.conftest import MAILBOX, Desk
from tests.spool.test_store import now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534


async def test_mail_of_a_mailbox_that_rests_says_until_when(desk: Desk) -> None:
    """Not that an attempt was due some time ago."""
    message_id = await desk.put()
    browser = Browser(desk.directory)
    assert browser.list()[0].next == "attempt 1 now"
    await desk.store.block(MAILBOX, now() + 60_000)
    for item in (browser.list()[0], browser.show(message_id)):
        assert item is not None
        assert item.next.startswith("waits: the mailbox rests until 20")
    await desk.store.block(MAILBOX, 0)
    assert browser.list()[0].next == "attempt 1 now"


async def test_the_time_of_the_message_counts_where_it_is_later(desk: Desk) -> None:
    """A rest that ends before does not hold it up."""
    message_id = await desk.put()
    await desk.take()
    await desk.store.close()
    again = Desk(desk.directory, min_free_bytes=0)
    await again.store.open()
    await again.store.block(MAILBOX, now() + 5_000)
    item = Browser(again.directory).show(message_id)
    await again.store.close()
    assert item is not None
    assert item.next.startswith("in doubt: the answer to its last attempt was lost; attempt 2 in ")
    assert ", not before 20" in item.next


@contextmanager
def without_rights() -> Iterator[None]:
    """As nobody: root may read everything, and tests often run as root."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was == 0:
            os.seteuid(was)


async def test_who_may_not_read_the_spool_is_told_so(desk: Desk) -> None:
    """Not asked whether the relay has run yet."""
    desk.directory.chmod(0)
    with without_rights(), pytest.raises(SpoolError, match="Permission denied; ask as the relay's user") as caught:
        Browser(desk.directory).list()
    desk.directory.chmod(0o700)
    assert "has the relay run" not in str(caught.value)


def test_a_spool_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Then the relay has not run, or with another data_dir."""
    with pytest.raises(SpoolError, match=r"No such file or directory; has the relay run yet\?"):
        Browser(tmp_path / "spool").list()
