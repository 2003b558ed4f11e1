"""What a stored message contains, as it was before it was sealed: for an attempt, an export, a look at the head.

What cannot be opened is never guessed at: an attempt gets a body that says why as soon as it is to be read, and whoever
asks otherwise gets a `SpoolError`. An envelope, states and answers are not sealed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.spool.cipher import damaged, sealed_size
from relay.spool.keyring import Keyring, Part
from relay.spool.queries import SQL
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relay.message.parcel import OpenBody
    from relay.spool.cipher import SealedReader
    from relay.spool.store import NewMessage

_CHUNK = 256 * 1024
_MOST_CAME = 64 * 1024
_CUT = b"\r\n...\r\n"


@dataclass(frozen=True, slots=True)
class SealedBody:
    """A body file that is opened with a key (`relay.message.parcel.StoredBody`); `size` is that of the open body."""

    path: Path
    size: int
    key_id: str
    keys: Keyring

    def __str__(self) -> str:
        return str(self.path)

    def open(self) -> SealedReader:
        """Raises `OSError`: EBADMSG for a damaged one, ENOKEY."""
        with contextlib.ExitStack() as cleanup:
            file = cleanup.enter_context(self.path.open("rb", buffering=0))
            if os.fstat(file.fileno()).st_size != sealed_size(self.size):
                raise damaged()
            reader = self.keys.reader(self.key_id, file, self.size, self.path.name)
            cleanup.pop_all()
            return reader


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of a body that cannot be had: whoever opens it hears why."""

    what: str
    error: OSError

    def __str__(self) -> str:
        return self.what

    def open(self) -> OpenBody:
        raise self.error


def parcel_of(row: Mapping[str, Any], recipients: tuple[Address, ...], bodies: Path, keys: Keyring) -> Parcel:
    """Of a claimed message (`claimed_parts`), made readable. Never raises `OSError`."""
    path = bodies / row["id"]
    parcel = Parcel(
        id=row["id"], sender=Address(row["sender"]), recipients=recipients, head=row["head_octets"],
        body=path if row["body_file"] else row["content"], body_size=row["body_size"], eight_bit=bool(row["eight_bit"]),
    )  # fmt: skip
    return _opened(parcel, row["key_id"], keys) if row["key_id"] else parcel


def _opened(parcel: Parcel, key_id: str, keys: Keyring) -> Parcel:
    head = b""
    try:
        head = keys.opened(key_id, parcel.head, parcel.id, Part.HEAD)
        if isinstance(parcel.body, bytes):
            return replace(parcel, head=head, body=keys.opened(key_id, parcel.body, parcel.id, Part.BODY))
    except OSError as error:
        return replace(parcel, head=head, body=Unreadable(f"message {parcel.id}", error))
    assert isinstance(parcel.body, Path)  # a claim knows no other
    return replace(parcel, head=head, body=SealedBody(parcel.body, parcel.body_size, key_id, keys))


def kept_parts(new: NewMessage, keys: Keyring) -> dict[str, object]:
    """The columns of `body`, sealed if anything is. The head as it came is kept a second time only where it differs."""
    content, came, added = new.body.content, new.came, -1
    if came is not None and new.head.endswith(came):
        added, came = len(new.head) - len(came), None
    elif came is not None and len(came) > _MOST_CAME:
        came = came[:_MOST_CAME] + _CUT
    return {
        "head": keys.sealed(new.head, new.id, Part.HEAD),
        "content": None if content is None else keys.sealed(content, new.id, Part.BODY),
        "came": None if came is None else keys.sealed(came, new.id, Part.CAME), "added": added,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heads:
    """The header section as it is sent, and as the device sent it; `came` is None where that was not kept."""

    sent: bytes
    came: bytes | None


def heads_of(connection: sqlite3.Connection, message_id: str, keys: Keyring) -> Heads | None:
    """Both; None when nothing is kept of the content. Raises `SpoolError`."""
    row = connection.execute(SQL.heads_of, {"id": message_id}).fetchone()
    if row is None:
        return None
    key_id, head, came, added = row
    with _told(message_id):
        sent = bytes(keys.opened(key_id, head, message_id, Part.HEAD) if key_id else head)
        if came is not None:
            return Heads(sent, bytes(keys.opened(key_id, came, message_id, Part.CAME) if key_id else came))
    return Heads(sent, sent[added:] if isinstance(added, int) and added >= 0 else None)


def head_of(connection: sqlite3.Connection, message_id: str, keys: Keyring) -> bytes | None:
    """The header section with its blank line; None when nothing is kept of the content. Raises `SpoolError`."""
    row = connection.execute(SQL.sealed_head, {"id": message_id}).fetchone()
    if row is None:
        return None
    key_id, head = row
    with _told(message_id):
        return bytes(keys.opened(key_id, head, message_id, Part.HEAD) if key_id else head)


def content_of(directory: Path, message_id: str, keys: Keyring) -> Iterator[bytes]:
    """All octets as they are sent: header section, blank line, body. Raises `SpoolError`, also between two of them."""
    with _told(message_id):
        key_id, head, content, size, in_file = _stored(directory, message_id)
        yield keys.opened(key_id, head, message_id, Part.HEAD) if key_id else head
        if not in_file:
            yield keys.opened(key_id, content, message_id, Part.BODY) if key_id else content
            return
        path = directory / "bodies" / message_id
        with contextlib.closing(SealedBody(path, size, key_id, keys).open() if key_id else path.open("rb")) as file:
            left = size
            while chunk := file.read(_CHUNK):
                left -= len(chunk)
                yield chunk
        if left:
            raise SpoolError(f"message {message_id}: {path} has {size - left} octets, {size} were spooled")


def _stored(directory: Path, message_id: str) -> tuple[str, bytes, bytes, int, bool]:
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'spool.db'}?mode=ro", uri=True, timeout=10)) as spool:
        row = spool.execute(SQL.content_of, {"id": message_id}).fetchone()
    if row is None:
        raise SpoolError(f"nothing is kept of message {message_id}: there is none, or it is settled")
    key_id, head, content, size, in_file = row
    return key_id, head, content or b"", size, bool(in_file)


@contextlib.contextmanager
def _told(message_id: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        text = getattr(error, "strerror", None) or error
        raise SpoolError(f"message {message_id} can't be read: {text}") from error
