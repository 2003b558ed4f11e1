"""Looking into the spool without touching it: a connection that only reads, for this process or another."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.policy.unknown import counted
from relay.spool.contents import content_of, head_of
from relay.spool.keyring import NO_KEYS
from relay.spool.mailboxes import MailboxRow, overview
from relay.spool.queries import SQL
from relay.spool.schema import VERSION, later
from relay.spool.shape import Shape, shape_of
from relay.spool.store import Pause, SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.spool.keyring import Keyring

_NOT_SETTLED = ("queued", "uncertain", "leased", "held", "corrupt")
_ENDS = {"held": "waits for the operator", "corrupt": "damaged: never sent"}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One message in a list; times are ISO 8601 in UTC, `next` says in words what will happen."""

    id: str
    state: str
    received: str
    device: str
    profile: str
    size: int
    attempts: int
    next: str
    answer: str


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient and what became of it."""

    address: str
    state: str
    answer: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try; no outcome means it is under way, or a crash interrupted it."""

    started: str
    ended: str
    outcome: str
    host: str
    stage: str
    rule: str
    answer: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One message whole, but for its body."""

    id: str
    state: str
    received: str
    device: str
    profile: str
    mailbox: str
    client: str
    sender: str
    size: int
    next: str
    header: str
    recipients: tuple[RecipientRow, ...]
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class UnknownAnswer:
    """An answer that no row of the verdict table knows, without what differs each time."""

    times: int
    last: str
    stage: str
    rule: str
    answer: str


class Browser:
    """The queue as it is now."""

    def __init__(self, directory: Path, keys: Keyring = NO_KEYS) -> None:
        self._directory = directory
        self._path = directory / "spool.db"
        self._keys = keys

    def list(self, state: str | None = None, limit: int = 100) -> list[QueueRow]:
        """Messages not yet settled, or those in one state, oldest first. Raises `SpoolError`."""
        rows = []
        with self._reading() as connection:
            for one in (state,) if state else _NOT_SETTLED:  # each by the index, which settled mail does not lengthen
                rows += connection.execute(SQL.list_messages, {"state": one, "limit": limit}).fetchall()
        rows.sort(key=lambda row: (row[2] if isinstance(row[2], int) else 0, row[0]))
        return [_row(row) for row in rows[:limit]]

    def counts(self) -> dict[str, int]:
        """How many messages are in each state. Raises `SpoolError`."""
        with self._reading() as connection:
            return dict(connection.execute(SQL.count_states).fetchall())

    def shape(self) -> tuple[Shape, ...]:
        """What waits, by profile, state and age. Raises `SpoolError`."""
        with self._reading() as connection:
            return shape_of(connection, time.time_ns() // 1_000_000)

    def pauses(self) -> dict[str, Pause]:
        """The profiles whose mail waits for a configuration to be mended. Raises `SpoolError`."""
        with self._reading() as connection:
            return {row[0]: Pause(*row) for row in connection.execute(SQL.pauses)}

    def show(self, message_id: str) -> QueueItem | None:
        """One message with its recipients and attempts; None when there is none. Raises `SpoolError`."""
        with self._reading() as connection:
            key = {"id": message_id}
            row = connection.execute(SQL.show_message, key).fetchone()
            if row is None:
                return None
            head = self._head(connection, message_id)
            recipients = connection.execute(SQL.recipients_of, key).fetchall()
            attempts = connection.execute(SQL.attempts_of, key).fetchall()
        return _item(row, head, recipients, attempts)

    def content(self, message_id: str) -> Iterator[bytes]:
        """The whole message as it is sent, piece by piece. Raises `SpoolError`, also between two of them."""
        return content_of(self._directory, message_id, self._keys)

    def _head(self, connection: sqlite3.Connection, message_id: str) -> str:
        """The header section; why it can't be had, where it can't."""
        try:
            return (head_of(connection, message_id, self._keys) or b"").decode("utf-8", "replace")
        except SpoolError as error:
            return f"({error})"

    def unknown(self) -> tuple[UnknownAnswer, ...]:
        """Answers to the kept attempts that the verdict table does not know, the most frequent first.

        Raises `SpoolError`.
        """
        with self._reading() as connection:
            groups = counted(connection.execute(SQL.judged_by_rules_like, {"pattern": "%.other%"}))
        return tuple(UnknownAnswer(one.times, _when(one.last), one.stage, one.rule, one.answer) for one in groups)

    def mailboxes(self) -> tuple[MailboxRow, ...]:
        """What each mailbox has used of its day, whether it is slowed down or rests. Raises `SpoolError`."""
        with self._reading() as connection:
            return overview(connection, time.time_ns() // 1_000_000)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)
        except sqlite3.Error as error:
            raise SpoolError(f"no spool can be read at {self._path}: {self._hindrance(error)}") from error
        connection.text_factory = lambda octets: octets.decode("utf-8", "replace")  # a damaged row is shown, too
        try:
            self._check_version(connection)
            yield connection
        except sqlite3.Error as error:
            raise SpoolError(f"the spool at {self._path} can't be read: {self._hindrance(error)}") from error
        finally:
            connection.close()

    def _check_version(self, connection: sqlite3.Connection) -> None:
        """Columns that are not there yet, or no longer, would end in a riddle."""
        (version,) = connection.execute(SQL.version_of).fetchone()
        if version < VERSION:
            raise SpoolError(
                f"the spool at {self._path} has schema {version}, this relay reads {VERSION}: start this relay once, "
                "it brings the spool up to date"
            )
        if version > VERSION:
            error = later(version)
            raise SpoolError(f"{error}; {error.remedy}")

    def _hindrance(self, error: sqlite3.Error) -> str:
        """SQLite says "unable to open database file" to everything; the system knows why."""
        try:
            self._path.open("rb").close()
        except FileNotFoundError as missing:
            return f"{missing.strerror}; has the relay run yet?"
        except OSError as refused:
            return f"{refused.strerror}; ask as the relay's user or as root"
        return str(error)


def _row(row: tuple[str, str, int, str, str, int, int, int, int | None, int | None, str]) -> QueueRow:
    message_id, state, received_at, device, profile, size, attempts, due_at, paused, rest, answer = row
    coming = _next(state, due_at, attempts, paused=paused, rests=rest)
    return QueueRow(message_id, state, _when(received_at), device, profile, size, attempts, coming, answer)


def _item(
    row: tuple[str, str, int, str, str, str, str, str, int, int, int, int | None, int | None],
    head: str,
    recipients: list[tuple[str, str, str]],
    attempts: list[tuple[int, int | None, str, str, str, str, str, str, str]],
) -> QueueItem:
    message_id, state, received_at, device, profile, mailbox, client, sender, size, due_at, count, paused, rest = row
    return QueueItem(
        id=message_id, state=state, received=_when(received_at), device=device, profile=profile, mailbox=mailbox,
        client=client, sender=sender, size=size, next=_next(state, due_at, count, paused=paused, rests=rest),
        header=head,
        recipients=tuple(RecipientRow(*recipient) for recipient in recipients),
        attempts=tuple(Attempt(_when(started), _when(ended), *rest) for started, ended, *rest in attempts),
    )  # fmt: skip


def _next(state: str, due_at: int, attempts: int, *, paused: int | None, rests: int | None) -> str:
    """What will happen to a message, in words; `paused` and `rests` say until when its profile and its mailbox do."""
    claimable = state in ("queued", "uncertain") and isinstance(due_at, int)  # of a damaged row it may be anything
    if claimable and paused is not None:
        return f"waits: its profile is paused, rechecked at {_when(paused)}"
    if claimable and rests is not None and rests > max(due_at, time.time_ns() // 1_000_000):
        return f"waits: the mailbox rests until {_when(rests)}"
    if claimable:
        return f"attempt {attempts + 1}, not before {_when(due_at)}"
    if state == "leased":
        return f"attempt {attempts} is under way"
    return _ENDS.get(state, "nothing more")


def _when(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return f"no time: {milliseconds!r}"  # of a damaged row
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
