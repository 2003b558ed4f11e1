"""Looking into the spool without touching it: a connection that only reads, for this process or another."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from relay.policy.prospect import at, standing_of
from relay.policy.unknown import counted
from relay.spool.contents import content_of, head_of
from relay.spool.keyring import NO_KEYS
from relay.spool.mailboxes import MailboxRow, overview
from relay.spool.queries import SQL
from relay.spool.schema import VERSION, later
from relay.spool.selection import Selection, ids_of, rows_of
from relay.spool.shape import Shape, shape_of
from relay.spool.sound import sound, text
from relay.spool.standing import Surroundings
from relay.spool.store import Pause, SpoolError
from relay.spool.volumes import Volume, volumes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from relay.config.settings import MailboxLimits
    from relay.spool.keyring import Keyring

_COLUMNS = (
    "id", "received_at", "state", "device", "profile", "mailbox", "client", "sender", "size", "attempts", "doubts",
    "due_at", "held_by", "rule", "answer", "recipients", "subject_hash", "settled_at",
)  # fmt: skip
_SELECTED = ", ".join(f"m.{name}" for name in _COLUMNS)
_ALL_OPEN = Selection()
_PARTS = (SQL.recipients_of, SQL.attempts_of, SQL.events_of, SQL.notices_of)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One message in a list. Times are ISO 8601 in UTC."""

    id: Annotated[str, "as the relay answered it (queued as …) and the journal writes it"]
    state: Annotated[str, "queued, uncertain, leased (under way), held, corrupt, delivered, failed or dropped"]
    received: Annotated[str, "when the device handed it in"]
    age_s: Annotated[int, "seconds since then"]
    device: Annotated[str, "under devices in the configuration"]
    profile: Annotated[str, "under profiles in the configuration"]
    size: Annotated[int, "octets"]
    attempts: Annotated[int, "how often it was tried"]
    doubts: Annotated[int, "attempts that may have delivered it without our knowing"]
    next: Annotated[str, "what will happen to it, in words"]
    answer: Annotated[str, "what was said last"]
    mailbox: Annotated[str, "who signs in for it"] = ""
    sender: Annotated[str, "MAIL FROM towards Exchange"] = ""
    recipients: Annotated[int, "how many it came with"] = 0
    rule: Annotated[str, "row of docs/reference/verdicts.md that the last answer meant"] = ""
    subject_hash: Annotated[str, "first 16 hex digits of the SHA-256 of its subject; empty without one"] = ""
    settled: Annotated[str, "when it was delivered, failed or dropped; empty before"] = ""


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient and what became of it."""

    address: Annotated[str, "as the device gave it"]
    state: Annotated[str, "pending, delivered, failed or dropped (the message was, before it had it)"]
    answer: Annotated[str, "what was said of it last"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try; no outcome means it is under way, or a crash interrupted it."""

    started: Annotated[str, "when"]
    ended: Annotated[str, "when; empty while under way"]
    outcome: Annotated[str, "delivered, deferred, failed, held or uncertain"]
    host: Annotated[str, "who was spoken to"]
    stage: Annotated[str, "the step at which the answer came"]
    rule: Annotated[str, "row of docs/reference/verdicts.md"]
    answer: Annotated[str, "what was said"]
    meaning: Annotated[str, "what it means"]
    remedy: Annotated[str, "what to do"]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened besides attempts: an order, and who gave it."""

    at: Annotated[str, "when"]
    what: Annotated[str, "retry, hold, release, drop, corrupt, notice.queued or notice.nobody"]
    who: Annotated[str, "a user of this machine or of the dashboard, or relay"]
    detail: Annotated[str, "in words"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody is still to be told: of what, and because of which rule."""

    what: Annotated[str, "failed or delayed"]
    cause: Annotated[str, "row of docs/reference/verdicts.md"]
    since: Annotated[str, "when"]


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One message whole, but for its body."""

    id: Annotated[str, "as the relay answered it (queued as …) and the journal writes it"]
    state: Annotated[str, "queued, uncertain, leased (under way), held, corrupt, delivered, failed or dropped"]
    received: Annotated[str, "when the device handed it in"]
    device: Annotated[str, "under devices in the configuration"]
    profile: Annotated[str, "under profiles in the configuration"]
    mailbox: Annotated[str, "who signs in for it"]
    client: Annotated[str, "address it came from"]
    sender: Annotated[str, "MAIL FROM towards Exchange"]
    size: Annotated[int, "octets"]
    doubts: Annotated[int, "attempts that may have delivered it without our knowing"]
    next: Annotated[str, "what will happen to it, in words"]
    header: Annotated[str, "the header section as it is sent; empty when the content is gone"]
    recipients: Annotated[tuple[RecipientRow, ...], "each recipient and what became of it"]
    attempts: Annotated[tuple[Attempt, ...], "each try, the oldest first"]
    events: Annotated[tuple[Event, ...], "orders, and what else happened"] = ()
    notices: Annotated[tuple[Notice, ...], "who is still to be told"] = ()


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

    def __init__(
        self,
        directory: Path,
        keys: Keyring = NO_KEYS,
        limits_of: Callable[[str], MailboxLimits] | None = None,
        *,
        running: bool = True,
    ) -> None:
        """`limits_of` says what a mailbox may have; without it nobody can tell whether its day is used up. `running`:
        a relay works on the spool; without one nothing is tried.
        """
        self._directory = directory
        self._path = directory / "spool.db"
        self._keys = keys
        self._limits_of = limits_of
        self._running = running

    def list(self, state: str | None = None, limit: int = 100) -> Sequence[QueueRow]:
        """Messages not yet settled, or those in one state, oldest first. Raises `SpoolError`."""
        return self.select(Selection(states=(state,) if state else (), limit=limit))

    def select(self, selection: Selection = _ALL_OPEN) -> Sequence[QueueRow]:
        """The messages that are meant, oldest first. Raises `SpoolError`."""
        with self._reading() as connection:
            return self._selected(connection, selection)

    def _selected(self, connection: sqlite3.Connection, selection: Selection) -> Sequence[QueueRow]:
        now = _now()
        around = Surroundings(connection, now, self._limits_of, running=self._running)
        rows = rows_of(connection, _SELECTED, selection, now)
        return [_row(sound(dict(zip(_COLUMNS, row, strict=True))), around, now) for row in rows]

    def find(self, selection: Selection) -> Sequence[str]:
        """Only their ids: 100 000 of them take a moment. Raises `SpoolError`."""
        with self._reading() as connection:
            return ids_of(connection, selection, _now())

    def counts(self) -> dict[str, int]:
        """How many messages are in each state. Raises `SpoolError`."""
        with self._reading() as connection:
            return dict(connection.execute(SQL.count_states).fetchall())

    def shape(self) -> tuple[Shape, ...]:
        """What waits, by profile, state and age. Raises `SpoolError`."""
        with self._reading() as connection:
            return shape_of(connection, _now())

    def volumes(self) -> dict[str, Volume]:
        """How much each device handed in. Raises `SpoolError`."""
        with self._reading() as connection:
            return volumes_of(connection, _now())

    def pauses(self) -> dict[str, Pause]:
        """The profiles whose mail waits for a configuration to be mended. Raises `SpoolError`."""
        with self._reading() as connection:
            return {row[0]: Pause(*row) for row in connection.execute(SQL.pauses)}

    def show(self, message_id: str) -> QueueItem | None:
        """One message with its recipients and attempts; None when there is none. Raises `SpoolError`."""
        with self._reading() as connection:
            key, now = {"id": message_id}, _now()
            rows = rows_of(connection, _SELECTED, Selection(ids=(message_id,)), now)
            if not rows:
                return None
            facts = sound(dict(zip(_COLUMNS, rows[0], strict=True)))
            around = Surroundings(connection, now, self._limits_of, running=self._running)
            parts = [[tuple(map(text, row)) for row in connection.execute(part, key)] for part in _PARTS]
            return _item(facts, around.next(facts), self._head(connection, message_id), parts)

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
        return tuple(UnknownAnswer(one.times, at(one.last), one.stage, one.rule, one.answer) for one in groups)

    def mailboxes(self) -> tuple[MailboxRow, ...]:
        """What each mailbox has used of its day, whether it is slowed down or rests. Raises `SpoolError`."""
        with self._reading() as connection:
            return overview(connection, _now())

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


def _row(facts: dict[str, Any], around: Surroundings, now: int) -> QueueRow:
    received = facts["received_at"]
    age_s = max(0, (now - received) // 1000) if isinstance(received, int) else 0
    return QueueRow(
        facts["id"], facts["state"], at(received), age_s, facts["device"], facts["profile"], facts["size"],
        facts["attempts"], facts["doubts"], around.next(facts), facts["answer"], facts["mailbox"], facts["sender"],
        facts["recipients"], facts["rule"], facts["subject_hash"], at(facts["settled_at"]),
    )  # fmt: skip


def _item(facts: dict[str, Any], coming: str, head: str, parts: list[list[Any]]) -> QueueItem:
    addressed, attempts, events, notices = parts
    plain = ("id", "state", "device", "profile", "mailbox", "client", "sender", "size", "doubts")
    return QueueItem(
        **{name: facts[name] for name in plain}, received=at(facts["received_at"]), next=coming, header=head,
        recipients=tuple(
            RecipientRow(address, standing_of(state, facts["state"]), answer) for address, state, answer in addressed
        ),
        attempts=tuple(Attempt(at(started), at(ended), *rest) for started, ended, *rest in attempts),
        events=tuple(Event(at(when), *rest) for when, *rest in events),
        notices=tuple(Notice(what, cause, at(since)) for what, cause, since in notices),
    )  # fmt: skip


def _now() -> int:
    return time.time_ns() // 1_000_000
