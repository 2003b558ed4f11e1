"""What somebody has still to be told: kept with the outcome, gone with the notice, so that no crash loses either.

A recipient that fails leaves an obligation in the transaction of its settlement. Later it is given the addresses that
are told (or nobody's, with a line in the message's story); at last one notice takes all that wait for the same address,
cause and profile out of here and into the queue, in one transaction. Operations of the writer thread.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from relay.message.notice import LISTED, Fate, Original
from relay.policy.notices import Addressees, Owed
from relay.spool import sweeps
from relay.spool.queries import SQL
from relay.spool.store import SpoolError, State
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from relay.spool.store import Claim, NewMessage, Settlement
    from relay.spool.sweeps import Expired

    Head = Callable[[sqlite3.Connection, str], bytes | None]

T = TypeVar("T")
_LATELY_MS = 60_000
_RECIPIENTS = 100  # of one message in a notice; the others are counted


class Run(Protocol):
    """Runs an operation in the thread that writes, under a name for fault points."""

    def __call__(self, name: str, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]:
        """What `work` returned, after its commit. Raises `SpoolError`."""
        ...


class Group(NamedTuple):
    """What one notice is about: the same address is told of the same cause in the same profile."""

    who: str
    what: str
    profile: str
    cause: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits to be told, since when; the profiles that pause, and until when mailboxes rest (epoch ms), those whose
    rest was over within the last minute included.
    """

    groups: Mapping[Group, int]
    paused: frozenset[str]
    blocked: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The content of one notice, before it is written: the first messages, and how many they are in all."""

    group: Group
    originals: tuple[Original, ...]
    messages: int
    mailbox: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """A message of which nobody is told, and why."""

    message_id: str
    what: str
    device: str
    reason: str


def owe(connection: sqlite3.Connection, claimed: Claim, settlement: Settlement, now: int) -> None:
    """In the transaction of a settlement: its failed recipients are to be told of. Notices are not told of."""
    for result in settlement.recipients:
        if result.state == State.FAILED:
            own = result if result.rule else settlement
            connection.execute(SQL.owe_failed, {
                "id": claimed.parcel.id, "address": result.address, "now": now, "rule": own.rule,
                "meaning": own.meaning, "remedy": own.remedy,
            })  # fmt: skip


class NoticeBook:
    """The notices that are owed, and the sweeps that find what is late or too old: part of the `Store`.

    `insert` puts a message into the queue, `head` reads one's header; both within an operation of the writer.
    """

    def __init__(
        self, run: Run, insert: Callable[[sqlite3.Connection, NewMessage], None], head: Head,
        on_mail: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._run = run
        self._insert = insert
        self._head = head
        self._on_mail = on_mail
        self.owed = asyncio.Event()
        """Set when somebody is to be told of something; whoever looks clears it."""

    async def told(self, message_id: str) -> None:
        """The device itself has heard that its message failed. Raises `SpoolError`."""
        await self._run("told", lambda connection: connection.execute(SQL.forget_told, {"id": message_id}) and None)

    async def address(self, decide: Callable[[Owed], Addressees]) -> Sequence[Nobody]:
        """Gives what is new its addresses; the messages of which nobody is told. Raises `SpoolError`."""
        nobody: list[Nobody] = []
        while True:
            found = await self._run("address", lambda connection: _address(connection, decide))
            if found is None:
                return nobody
            nobody += found

    async def standing(self) -> Standing:
        """What waits, and what it may wait for. Raises `SpoolError`."""
        return await self._run("standing", _standing)

    async def write(
        self, group: Group, compose: Callable[[Gathered], NewMessage]
    ) -> tuple[NewMessage, Gathered] | None:
        """Queues the notice on a group and forgets what was owed, both or neither; None when it is no longer true.

        `compose` is called in the thread that writes. Raises `SpoolError`.
        """
        written = await self._run("notice", lambda connection: self._write(connection, group, compose))
        if written is not None:
            asyncio.get_running_loop().call_soon(self._on_mail, written[0].mailbox, written[0].profile)
        return written

    async def warn_late(self, profile: str, after: int, before: int) -> int:
        """Owes a word on messages received between these times that still wait; how many. Raises `SpoolError`."""
        late = 0
        while count := await self._run("late", lambda connection: sweeps.warn_late(connection, profile, after, before)):
            late += count
        if late:
            self.owed.set()
        return late

    async def expire(self, profile: str, before: int, kept: Callable[[str], bool]) -> Sequence[Expired]:
        """Gives up messages of a profile that came before that time and wait for no person; `kept(rule)`: they do.

        Raises `SpoolError`.
        """
        given_up: list[Expired] = []
        step: sweeps.Step | None = sweeps.Step(profile, before)
        while step is not None:
            found, step = await self._run("expire", partial(sweeps.expire, step=step, kept=kept))
            given_up += found
        if given_up:
            self.owed.set()
        return given_up

    def _write(
        self, connection: sqlite3.Connection, group: Group, compose: Callable[[Gathered], NewMessage]
    ) -> tuple[NewMessage, Gathered] | None:
        gathered = self._gathered(connection, group)
        written = None
        if gathered is not None:
            new = compose(gathered)
            self._insert(connection, new)
            detail = {"now": now_ms(), "detail": f"{group.what}: {new.id} tells {group.who}"}
            connection.execute(SQL.note_noticed, {**group._asdict(), **detail})
            written = new, gathered
        connection.execute(SQL.forget_group, group._asdict())
        return written

    def _gathered(self, connection: sqlite3.Connection, group: Group) -> Gathered | None:
        """None when nothing of it holds any more."""
        statement = SQL.failed_of_group if group.what == "failed" else SQL.delayed_of_group
        first, count = _first_of(row[0] for row in connection.execute(statement, group._asdict()))
        if not first:
            return None
        key = {**group._asdict(), "id": first[0]}
        meaning, remedy = connection.execute(SQL.noticed_words, key).fetchone()
        (_, mailbox, *_) = connection.execute(SQL.noticed_message, key).fetchone()
        originals = tuple(self._original(connection, group, message_id) for message_id in first)
        return Gathered(group, originals, count, mailbox, meaning, remedy)

    def _original(self, connection: sqlite3.Connection, group: Group, message_id: str) -> Original:
        key = {**group._asdict(), "id": message_id}
        device, _, received_at, doubts, answer = connection.execute(SQL.noticed_message, key).fetchone()
        if group.what == "failed":
            rows = connection.execute(SQL.noticed_failed, key).fetchall()
        else:
            rows = [(row[0], answer) for row in connection.execute(SQL.pending_recipients, key)]
        host = connection.execute(SQL.last_host, key).fetchone()
        fates = tuple(Fate(address, said, host[0] if host else "") for address, said in rows[:_RECIPIENTS])
        return Original(
            id=message_id, device=device, received_at=received_at / 1000, section=self._section(connection, message_id),
            fates=fates, count=len(rows), doubtful=doubts > 0,
        )  # fmt: skip

    def _section(self, connection: sqlite3.Connection, message_id: str) -> bytes:
        """A header that cannot be read any more keeps nobody from being told."""
        try:
            return (self._head(connection, message_id) or b"").removesuffix(b"\r\n")
        except SpoolError:
            return b""


def _address(connection: sqlite3.Connection, decide: Callable[[Owed], Addressees]) -> list[Nobody] | None:
    """One step; None when there was nothing to do."""
    pairs = sorted(set(connection.execute(SQL.unaddressed).fetchall()))
    if not pairs:
        return None
    nobody = []
    for message_id, what in pairs:
        key = {"id": message_id, "what": what}
        row = connection.execute(SQL.owed_of, key).fetchone()
        if row is not None:
            found = decide(Owed(what, *row))
            for who in found.addresses:
                connection.execute(SQL.address_notice, {**key, "who": who})
            if not found.addresses:
                nobody.append(Nobody(message_id, what, row[1], found.reason))
                note = {**key, "now": now_ms(), "detail": f"{what}: {found.reason}"}
                connection.execute(SQL.note_nobody, note)
        connection.execute(SQL.forget_unaddressed, key)
    return nobody


def _standing(connection: sqlite3.Connection) -> Standing:
    groups = {Group(*row[:4]): row[4] for row in connection.execute(SQL.notice_groups)}
    if not groups:
        return Standing({}, frozenset(), {})
    paused = frozenset(row[0] for row in connection.execute(SQL.pauses))
    blocked = dict(connection.execute(SQL.blocked_mailboxes, {"now": now_ms() - _LATELY_MS}).fetchall())
    return Standing(groups, paused, blocked)


def _first_of(ids: Iterable[str]) -> tuple[list[str], int]:
    first: list[str] = []
    count = 0
    for message_id in ids:
        count += 1
        if count <= LISTED:
            first.append(message_id)
    return first, count
