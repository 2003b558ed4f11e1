"""A spool with a key: nothing of a message's content is on the disk in plain, and all of it comes back."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from relay.config.aeskey import decoded_key, fingerprint, new_key
from relay.config.secret import SecretError
from relay.config.settings import Spool
from relay.message.address import Address
from relay.spool.browse import Browser
from relay.spool.contents import head_of
from relay.spool.keyring import NO_KEYS, Keyring
from relay.spool.store import RecipientResult, Settlement, SpoolError, State
from relay.transport.content import ContentError, open_content
from tests.spool.conftest import HEAD, LINES, MAILBOX, Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from relay.message.parcel import Parcel

    Opening = Callable[..., contextlib.AbstractAsyncContextManager[Desk]]

MARK = b"the mark of the secret"
LARGE = (MARK + b"\r\n") * 20_000
RAW = (MARK + " Größe\r\n".encode()) * 8_000  # 8-bit text without a charset: mended on the way in
SMALL = MARK + b"\r\n"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return written(tmp_path / "key")


def written(path: Path) -> Path:
    """A fresh key in a file."""
    path.write_text(new_key() + "\n")
    return path


def key_id(path: Path) -> str:
    return fingerprint(decoded_key(path.read_text()))


def encryption(new: Path | None, *old: Path) -> dict[str, Any]:
    return {"key": new and {"file": str(new)}, "old_keys": [{"file": str(path)} for path in old]}


@pytest.fixture
def opened(spool_directory: Path) -> Opening:
    """`opened(key, *old_keys)`: the spool as a process with those keys has it."""

    @contextlib.asynccontextmanager
    async def opened(new: Path | None, *old: Path) -> AsyncIterator[Desk]:
        desk = Desk(spool_directory, min_free_bytes=0, encryption=encryption(new, *old))
        try:
            await desk.store.open()
            await desk.store.open_mailbox(MAILBOX)
            yield desk
        finally:
            await desk.store.close()

    return opened


async def content(parcel: Parcel) -> bytes:
    """The octets as a transport reads them. Raises `ContentError`."""
    content = await open_content(parcel)
    try:
        pieces = [piece async for piece in _pieces(content)]
    finally:
        content.close()
    assert sum(map(len, pieces)) == content.size
    return b"".join(pieces)


async def _pieces(content: Any) -> AsyncIterator[bytes]:
    while piece := await content.chunk():
        yield piece


def plain_files(directory: Path) -> list[str]:
    """The files in which the mark can be read."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert any(path.name == "spool.db-wal" for path in files)
    return [path.name for path in files if MARK in path.read_bytes()]


@pytest.mark.parametrize("body", [SMALL, LARGE, RAW], ids=["small", "large", "mended"])
async def test_no_octet_of_the_content_is_on_the_disk(opened: Opening, key: Path, body: bytes) -> None:
    """In database, WAL, files under any name; the attempt gets it all the same."""
    async with opened(key) as desk:
        await desk.put(body)
        assert plain_files(desk.directory) == []
        assert MARK in await content((await desk.take()).parcel)


@pytest.mark.parametrize(("body", "file"), [(SMALL, "spool.db-wal"), (LARGE, "")], ids=["small", "large"])
async def test_without_a_key_it_can_be_read_there(opened: Opening, body: bytes, file: str) -> None:
    """So the search above can be trusted."""
    async with opened(None) as desk:
        name = await desk.put(body)
        assert plain_files(desk.directory) == [file or name]


async def test_a_draft_is_sealed_before_it_is_whole(opened: Opening, key: Path) -> None:
    """While octets still come, the half-written file and the mended one beside it hold none of them in plain."""
    async with opened(key) as desk:
        await desk.put()
        draft = desk.store.draft()
        draft.write(HEAD + b"\r\n" + LARGE)
        await draft.relieved()
        assert f"{draft.id}.part" in desk.bodies()
        assert plain_files(desk.directory) == []
        await draft.discard()
        assert desk.bodies() == []


@pytest.mark.parametrize("body", [b"", SMALL, LINES, LARGE[:-1]], ids=["empty", "small", "large", "no last line end"])
async def test_content_comes_back_octet_for_octet(opened: Opening, key: Path, body: bytes) -> None:
    """To an attempt, to an export, and to a look at the head; a missing last line end is completed as ever."""
    async with opened(key) as desk:
        name = await desk.put(body)
        claim = await desk.take()
        browser = Browser(desk.directory, desk.store.keys)
        whole = HEAD + b"\r\n" + body
        assert await content(claim.parcel) == (whole if whole.endswith(b"\r\n") else whole + b"\r\n")
        assert claim.parcel.size == len(whole)
        assert b"".join(browser.content(name)) == whole
        item = browser.show(name)
        assert item is not None
        assert item.header == (HEAD + b"\r\n").decode()
        await desk.store.settle(claim, Settlement(State.DELIVERED, "delivered"))
        assert await desk.store.purge(1 << 60, 1 << 60) == 1
    assert desk.bodies() == []


async def test_keys_are_changed_while_mail_waits(opened: Opening, key: Path, tmp_path: Path) -> None:
    """What waits is read with the old key, what comes is sealed with the new one; on and off work both ways."""
    other = written(tmp_path / "other")
    sent: list[str] = []
    for keys in ((None,), (key,), (other, key), (None, other, key)):
        async with opened(*keys) as desk:
            sent += [await desk.put(SMALL), await desk.put(LARGE)]
            assert desk.store.keys.current == (key_id(keys[0]) if keys[0] else "")
    async with opened(None, key, other) as desk:
        assert desk.store.locked == ()
        claims = [await desk.take() for _ in sent]
        assert sorted(claim.parcel.id for claim in claims) == sorted(sent)
        for claim in claims:
            assert (await content(claim.parcel)).startswith(HEAD + b"\r\n" + SMALL)


async def test_mail_whose_key_is_missing_is_shown_and_goes_on_with_it(opened: Opening, key: Path) -> None:
    """The start goes on, other mail goes on; the held message says which key, and a later start lets it go."""
    async with opened(key) as desk:
        name = await desk.put(LARGE)
        lost = key_id(key)
    async with opened(None) as desk:
        assert [(locked.key_id, locked.messages) for locked in desk.store.locked] == [(lost, 1)]
        other = await desk.put(SMALL)
        assert (await desk.take()).parcel.id == other
        (row,) = Browser(desk.directory).list("held")
        assert row.id == name
        assert lost in row.answer
        assert "spool.encryption.old_keys" in row.answer
        item = Browser(desk.directory).show(name)
        assert item is not None
        assert lost in item.header
        with pytest.raises(SpoolError, match=lost):
            list(Browser(desk.directory).content(name))
    async with opened(None) as desk:
        assert [(locked.key_id, locked.messages) for locked in desk.store.locked] == [(lost, 1)]
    async with opened(None, key) as desk:
        assert desk.store.locked == ()
        claim = await desk.take()
        assert claim.parcel.id == name
        assert await content(claim.parcel) == HEAD + b"\r\n" + LARGE


async def test_a_key_that_nothing_waits_for_is_not_missed(opened: Opening, key: Path) -> None:
    """The record of delivered mail outlives its content: its key may be taken out, and nothing is told."""
    async with opened(key) as desk:
        await desk.put(SMALL)
        result = RecipientResult(Address("ann@contoso.test"), "delivered", "250 2.0.0 OK")
        await desk.store.settle(await desk.take(), Settlement(State.DELIVERED, "delivered", recipients=(result,)))
    async with opened(None) as desk:
        assert desk.store.locked == ()


async def test_mail_released_without_its_key_is_not_sent(opened: Opening, key: Path, spool_directory: Path) -> None:
    """Somebody releases it by hand: the attempt says which key is missing, before the wire is touched."""
    async with opened(key) as desk:
        await desk.put(SMALL)
    async with opened(None) as desk:
        with contextlib.closing(sqlite3.connect(spool_directory / "spool.db")) as database, database:
            database.execute("UPDATE message SET state = 'queued'")
        with pytest.raises(ContentError, match=f"sealed with key {key_id(key)}, which is not there"):
            await content((await desk.take()).parcel)


async def test_an_altered_file_is_never_sent(opened: Opening, key: Path) -> None:
    """One bit, the last chunk gone, another message's file: the attempt hears of it and the file is named."""
    async with opened(key) as desk:
        first, second = [await desk.put(LARGE) for _ in range(2)]
        claims = {claim.parcel.id: claim for claim in [await desk.take(), await desk.take("two")]}
        file, other = desk.directory / "bodies" / first, desk.directory / "bodies" / second
        true = file.read_bytes()
        for false in (
            true[:-1],
            true + b"x",
            true[:70_000] + bytes([true[70_000] ^ 1]) + true[70_001:],
            other.read_bytes(),
        ):
            file.write_bytes(false)
            with pytest.raises(ContentError, match=f"{first}: it is not what was sealed"):
                await content(claims[first].parcel)
            with pytest.raises(SpoolError, match="not what was sealed"):
                list(Browser(desk.directory, desk.store.keys).content(first))
        file.write_bytes(true)
        assert await content(claims[first].parcel) == HEAD + b"\r\n" + LARGE


@pytest.mark.parametrize("column", ["head", "content"])
async def test_an_altered_row_is_never_sent(opened: Opening, key: Path, column: str) -> None:
    """Head and small body are guarded as files are; parts of two messages can't be exchanged."""
    async with opened(key) as desk:
        one, other = [await desk.put(SMALL) for _ in range(2)]
        with contextlib.closing(sqlite3.connect(desk.directory / "spool.db")) as database, database:
            database.execute(
                f"UPDATE body SET {column} = (SELECT {column} FROM body WHERE message_id = ?) WHERE message_id = ?",
                (other, one),
            )
        claims = {claim.parcel.id: claim for claim in [await desk.take(), await desk.take("two")]}
        with pytest.raises(ContentError, match=f"message {one}: it is not what was sealed"):
            await content(claims[one].parcel)
        assert await content(claims[other].parcel) == HEAD + b"\r\n" + SMALL


@pytest.mark.parametrize("text", ["short", "A" * 42, "\x00" * 43])
async def test_a_key_that_is_none_stops_the_start_and_names_the_option(
    opened: Opening, key: Path, tmp_path: Path, text: str
) -> None:
    """With how to make one, and without a word of what was found."""
    bad = tmp_path / "bad"
    bad.write_text(text)
    for keys, option in (((bad,), r"spool\.encryption\.key"), ((key, bad), r"spool\.encryption\.old_keys\[0\]")):
        with pytest.raises(SecretError, match=rf"{option}: .*relay queue new-key") as caught:
            async with opened(*keys):
                pass
        assert text not in str(caught.value)
    with pytest.raises(SecretError, match=r"spool\.encryption\.key: .*No such file"):
        async with opened(tmp_path / "none"):
            pass


def test_a_ring_of_keys_shows_none_of_them(key: Path) -> None:
    """Neither as text nor in a traceback's locals."""
    ring = Keyring.read(Spool.model_validate({"encryption": encryption(key)}).encryption)
    assert repr(ring) == f"Keyring(current='{key_id(key)}')"
    assert repr(NO_KEYS) == "Keyring(current='')"


async def test_a_head_is_read_inside_the_spool_too(opened: Opening, key: Path) -> None:
    """For whoever writes about a message: the section, or nothing where nothing is kept."""
    async with opened(key) as desk:
        name = await desk.put(SMALL)
        with contextlib.closing(sqlite3.connect(desk.directory / "spool.db")) as database:
            assert head_of(database, name, desk.store.keys) == HEAD + b"\r\n"
            assert head_of(database, "nobody", desk.store.keys) is None
        with pytest.raises(SpoolError, match="nothing is kept of message nobody"):
            list(Browser(desk.directory, desk.store.keys).content("nobody"))
