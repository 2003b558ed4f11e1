"""The header section before and after: kept a second time only where the device's is not the end of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from relay.config.aeskey import new_key
from relay.message.address import Address
from relay.spool.contents import Heads, heads_of
from relay.spool.store import NewMessage, Stored
from tests.spool.conftest import MAILBOX, Desk
from tests.spool.test_store import delivered

if TYPE_CHECKING:
    from pathlib import Path

CAME = b"From: scan@device.test\r\nSubject: the mark of the secret\r\n\r\n"
OURS = b"Received: from copier\r\n"


def message(desk: Desk, head: bytes, came: bytes | None) -> NewMessage:
    return NewMessage(
        id=desk.store.draft().id, device="copier", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX),
        recipients=(Address("a@contoso.test"),), client="10.0.2.17", head=head, body=Stored(b"x\r\n", 3),
        eight_bit=False, came=came,
    )  # fmt: skip


async def heads(desk: Desk, head: bytes, came: bytes | None) -> tuple[Heads | None, object]:
    """What is told of an accepted message, and whether the device's head is kept apart."""
    new = message(desk, head, came)
    await desk.store.accept(new)
    with closing(sqlite3.connect(desk.directory / "spool.db")) as connection:
        (apart,) = connection.execute("SELECT came FROM body WHERE message_id = ?", (new.id,)).fetchone()
        return heads_of(connection, new.id, desk.store.keys), apart


async def test_fields_put_in_front_cost_nothing(desk: Desk) -> None:
    """The device's head is the rest of ours."""
    assert await heads(desk, OURS + CAME, CAME) == (Heads(OURS + CAME, CAME), None)


async def test_a_changed_field_keeps_the_head_as_it_came(desk: Desk) -> None:
    """Octet for octet."""
    changed = OURS + CAME.replace(b"scan@device.test", MAILBOX.encode())
    assert await heads(desk, changed, CAME) == (Heads(changed, CAME), CAME)


async def test_of_a_huge_head_the_beginning_is_kept(desk: Desk) -> None:
    """64 KiB and a mark: what is shown must not double the spool."""
    came = b"X-Pad: " + b"x" * 100_000 + b"\r\n\r\n"
    found, _ = await heads(desk, OURS + b"\r\n", came)
    assert found is not None
    assert found.came == came[:65_536] + b"\r\n...\r\n"


async def test_a_message_of_the_relay_has_no_head_of_a_device(desk: Desk) -> None:
    """Nor has one of an earlier schema."""
    assert await heads(desk, OURS + CAME, None) == (Heads(OURS + CAME, None), None)


@pytest.mark.parametrize("changed", [OURS + CAME, OURS + CAME.upper()])
async def test_it_is_sealed_and_opened_as_the_rest(tmp_path: Path, changed: bytes) -> None:
    """With spool.encryption neither head can be read on the disk."""
    (tmp_path / "key").write_text(new_key())
    sealing = {"key": {"file": str(tmp_path / "key")}}
    desk = Desk(tmp_path / "spool", min_free_bytes=0, encryption=sealing)
    await desk.store.open()
    found, _ = await heads(desk, changed, CAME)
    await desk.store.close()
    assert found == Heads(changed, CAME)
    kept = b"".join(path.read_bytes() for path in desk.directory.iterdir() if path.is_file())
    assert b"mark of the secret" not in kept


async def test_a_delivered_message_leaves_neither(desk: Desk) -> None:
    """Content goes with its delivery."""
    await desk.store.accept(new := message(desk, OURS + CAME.upper(), CAME))
    await desk.store.settle(await desk.take(), delivered("a@contoso.test"))
    with closing(sqlite3.connect(desk.directory / "spool.db")) as connection:
        assert heads_of(connection, new.id, desk.store.keys) is None
