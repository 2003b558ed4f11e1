"""The spool on SQLite: one database for rows and small bodies, one directory of files for large bodies.

WAL and `synchronous=FULL`: a commit is durable when it returns. Large bodies are durable files before their row is
written, so that a row never points to nothing; a file without a row is rubbish of a crash and swept at the next start.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from relay.spool import claims, clock, mailboxes, orders
from relay.spool.bodyfile import sync_directory
from relay.spool.contents import head_of, kept_parts
from relay.spool.damage import Inspector
from relay.spool.database import NAME, connect, unopened
from relay.spool.draft import BodyDraft
from relay.spool.heads import Heads
from relay.spool.keyring import NO_KEYS, Keyring
from relay.spool.notices import NoticeBook
from relay.spool.opening import opened
from relay.spool.queries import SQL
from relay.spool.room import RoomGuard
from relay.spool.salvage import SALVAGE
from relay.spool.startkeys import Locked, sort_by_keys
from relay.spool.store import (
    Claim,
    NewMessage,
    Pause,
    Rest,
    Seat,
    Settlement,
    SpoolBusy,
    SpoolError,
    State,
)
from relay.spool.upkeep import Upkeep
from relay.spool.writer import Writer
from relay.telemetry.clock import apart_ms, now_ms, stand_apart
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relay.config.settings import Spool as SpoolSettings
    from relay.policy.room import Room
    from relay.spool.recovery import Recovered
    from relay.spool.salvage import Salvaged
    from relay.telemetry.journal import Journal

T = TypeVar("T")
_LOOK_S = 5.0
_FORGET = (
    SQL.forget_message, SQL.forget_recipients, SQL.forget_attempts, SQL.forget_events, SQL.forget_notices,
    SQL.drop_body,
)  # fmt: skip


class SqliteStore:
    """Implements `relay.spool.store.Store`."""

    def __init__(
        self,
        directory: Path,
        settings: SpoolSettings,
        on_mail: Callable[[str, str], None],
        journal: Journal | None = None,
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_mail(mailbox, profile)` is called in the event loop after a message for them was stored; `on_broken` when
        the database turns out to be damaged: only a new start can mend that.
        """
        self._directory = directory
        self._settings = settings
        self._on_mail = on_mail
        self._bodies = directory / "bodies"
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="spool-file")
        self._writer: Writer | None = None
        self._lock = -1
        self.keys = NO_KEYS
        self.locked: tuple[Locked, ...] = ()
        self._expected: dict[str, asyncio.Future[Settlement]] = {}
        self.notices = NoticeBook(
            self._run, lambda connection, new: _insert(connection, new, self.keys, self._heads),
            lambda connection, message_id: head_of(connection, message_id, self.keys), lambda *who: self._on_mail(*who),
        )  # fmt: skip
        self._journal = journal
        self._on_broken = on_broken
        self._inspector = Inspector(self._bodies)
        self._heads = Heads()
        self._upkeep = Upkeep(directory, self._inspector)
        self._guard = RoomGuard(directory, settings, lambda: self._upkeep.used_bytes, journal)
        self.broken = ""  # what the database said when it turned out to be damaged
        self._watching: asyncio.Task[None] | None = None

    @property
    def directory(self) -> Path:
        return self._directory

    async def open(self, *, hold_interrupted: bool = False) -> Recovered:
        """Takes the spool for this process alone and mends what a crash left. Raises `SpoolBusy`, `SpoolError`.

        Messages whose attempt a crash cut are tried again, or held when it is so wished: they may have arrived. Those
        that no key opens are held too, and told in `locked`. Raises `SecretError` for a key that is none.
        """
        release = SQL.hold_leased if hold_interrupted else SQL.release_leased
        try:
            self.keys = await asyncio.to_thread(Keyring.read, self._settings.encryption)
            self._prepare()
            recovered, salvaged = await asyncio.to_thread(opened, self._directory, self._inspector, release)
            self._guard.watch(self._directory / "lock", self._database)
            self.locked = await asyncio.to_thread(sort_by_keys, lambda: connect(self._database), self.keys.ids)
        except (OSError, sqlite3.Error) as error:
            raise unopened(self._directory, error) from error
        self._tell(salvaged)
        self._writer = Writer(lambda: connect(self._database), self._guard.ballast, self._upkeep, self._heads.forget)
        await self._run("open", lambda _: None)
        self._watching = asyncio.get_running_loop().create_task(self._watch_room(), name="room")
        return recovered

    async def close(self) -> None:
        """Finishes what is under way and lets the next process in."""
        if self._watching is not None:
            self._watching.cancel()
        if self._writer is not None:
            await self._writer.close()
        await asyncio.to_thread(self._executor.shutdown)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    # -- intake

    def check_room(self, size: int = 0) -> None:
        """Looks at the disk once a second at most. Raises `SpoolFull`."""
        self._guard.check(size)

    def room(self) -> Room:
        return self._guard.room()

    async def _watch_room(self) -> None:
        """So that a change is told even while no device asks."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._guard.room()
            self._tell()
            self._look_for_damage()

    def draft(self) -> BodyDraft:
        return BodyDraft(self._bodies, self._executor, self._settings.inline_max, self.keys)

    async def accept(self, new: NewMessage) -> None:
        """Durable when this returns. Raises `SpoolError`."""
        await self._run("accept", lambda connection: _insert(connection, new, self.keys, self._heads))
        # Not called here: whatever happens to those who are told, the message is accepted.
        asyncio.get_running_loop().call_soon(self._on_mail, new.mailbox, new.profile)

    def expect(self, message_id: str) -> asyncio.Future[Settlement]:
        """Is told how the first attempt is settled."""
        future: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self._expected[message_id] = future
        future.add_done_callback(lambda _: self._expected.pop(message_id, None))
        return future

    # -- delivery

    async def claim(self, seat: Seat, retry_ms: Callable[[int], int]) -> Claim | Rest:
        """The next due message, its attempt and next due time committed."""

        def work(connection: sqlite3.Connection) -> Claim | Rest:
            means = claims.Means(self._inspector, self._heads, self.keys)
            return claims.claim(connection, seat, retry_ms, means, now_ms())

        found = await self._run("claim", work)
        self._tell()
        return found

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        """Records the outcome; the body of a delivered message is removed."""
        apart = apart_ms()
        state = await self._run(
            "settle",
            lambda connection: claims.settle(
                connection, claim, settlement.moved(apart_ms() - apart), now_ms(), self._heads
            ),
        )
        if state is State.DELIVERED and not isinstance(claim.parcel.body, bytes):
            self._executor.submit(_unlink, self._bodies / claim.parcel.id)
        if state is not None and any(result.state == State.FAILED for result in settlement.recipients):
            self.notices.owed.set()
        expected = self._expected.get(claim.parcel.id)
        if state is not None and expected is not None and not expected.done():
            expected.set_result(replace(settlement, state=state))
        return state is not None

    async def open_mailbox(self, mailbox: str) -> None:
        await self._run("mailbox", lambda connection: mailboxes.add_mailbox(connection, mailbox))

    async def leave(self, owner: str) -> None:
        await self._execute("leave", SQL.free_slot, {"owner": owner})

    async def block(self, mailbox: str, until: int) -> None:
        apart = apart_ms()

        def work(connection: sqlite3.Connection) -> None:
            moved = until and until + apart_ms() - apart  # by a clock that was set since it was asked for
            mailboxes.block(connection, mailbox, moved, now_ms())

        await self._run("block", work)

    async def slow(self, claim: Claim, until: int) -> float | None:
        apart = apart_ms()
        return await self._run(
            "slow", lambda connection: mailboxes.slow(connection, claim, until + apart_ms() - apart, now_ms())
        )

    async def pause(self, pause: Pause) -> None:
        await self._execute("pause", SQL.add_pause, {name: getattr(pause, name) for name in Pause.__slots__})

    async def resume(self, profile: str) -> None:
        """Forgets the pause; what it made wait is due now, and no older for it."""
        after: str | None = ""
        while after is not None:
            after = await self._run("younger", partial(_younger, profile=profile, after=after))
        values = {"profile": profile, "now": now_ms()}
        await self._run(
            "resume",
            lambda connection: (connection.execute(SQL.drop_pause, values), connection.execute(SQL.due_now, values)),
        )

    async def pauses(self) -> Mapping[str, Pause]:
        rows = await self._run("pauses", lambda connection: connection.execute(SQL.pauses).fetchall())
        return {row[0]: Pause(*row) for row in rows}

    async def clock_moved(self, by_ms: int) -> None:
        apart = apart_ms()
        try:
            await self._run("clock", lambda connection: clock.move(connection, by_ms, apart))
        except SpoolError:
            stand_apart(apart)
            raise

    async def profiles_waiting(self) -> frozenset[str]:
        rows = await self._run("waiting", lambda connection: connection.execute(SQL.profiles_waiting).fetchall())
        return frozenset(profile for (profile,) in rows)

    async def pulse(self) -> None:
        await self._run("pulse", lambda _: None)

    async def order(self, giver: orders.Giver, ids: Sequence[str]) -> orders.Ordered:
        """One step of an operator's order, `orders.AT_ONCE` ids at most."""
        ordered = await self._run("order", lambda connection: orders.carry_out(connection, giver, ids, self._bodies))
        for name in ordered.files:
            self._executor.submit(_unlink, self._bodies / name)
        return ordered

    async def purge(self, delivered_before: int, failed_before: int) -> int:
        """Forgets at most 500 settled messages at a time, so that a purge never holds mail up."""
        limits = {"delivered_before": delivered_before, "failed_before": failed_before}
        old = await self._run("purge", lambda connection: _forget_old(connection, limits))
        for message_id, has_file in old:
            if has_file:
                self._executor.submit(_unlink, self._bodies / message_id)
        return len(old)

    # -- inside

    def _tell(self, salvaged: Salvaged | None = None) -> None:
        """What was found damaged since."""
        while self._inspector.found:
            damage = self._inspector.found.popleft()
            if self._journal is not None:
                self._journal.corrupt(id=damage.message_id, reason=damage.reason, remedy=damage.remedy)
        if salvaged is not None and self._journal is not None:
            self._journal.salvaged(
                reason=salvaged.reason, saved=salvaged.saved, corrupt=salvaged.corrupt, lost=salvaged.lost,
                aside=str(salvaged.aside), remedy=salvaged.remedy,
            )  # fmt: skip

    def _look_for_damage(self) -> None:
        """The writing thread has met a damaged page: told once, no mail is taken any more."""
        if not self._upkeep.damage or self.broken:
            return
        self.broken = self._upkeep.damage
        reason = f"the database {self._database} is damaged: {self.broken}"
        self._guard.close(reason, SALVAGE)
        if self._journal is not None:
            self._journal.broken(reason=reason, remedy=SALVAGE)
        self._on_broken()

    async def _run(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise SpoolError("the spool is not open")
        try:
            return await self._writer.run(name, work)
        except SpoolError:
            self._look_for_damage()
            raise

    async def _execute(self, name: str, statement: str, values: dict[str, object]) -> None:
        await self._run(name, lambda connection: connection.execute(statement, values) and None)

    @property
    def _database(self) -> Path:
        return self._directory / NAME

    def _prepare(self) -> None:
        """Directories 0700, the lock, the ballast, the schema."""
        self._make_directories()
        self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolBusy(f"another relay works on the spool at {self._directory}; stop it first") from error
        self._guard.lay_ballast()
        sync_directory(self._directory)

    def _make_directories(self) -> None:
        """Each name is synced where it is made: a power cut must not take the whole spool with the first messages."""
        for directory in (self._directory.parent, self._directory, self._bodies):
            if not directory.exists():
                directory.mkdir(mode=0o700, parents=True)
                sync_directory(directory.parent)
        self._directory.chmod(0o700)


def _insert(connection: sqlite3.Connection, new: NewMessage, keys: Keyring, heads: Heads | None = None) -> None:
    now, before = now_ms(), connection.total_changes
    connection.execute(SQL.accept, {
        "id": new.id, "device": new.device, "profile": new.profile, "mailbox": new.mailbox, "sender": new.sender,
        "client": new.client, "now": now, "size": new.size, "body_size": new.body.size, "eight_bit": new.eight_bit,
        "body_file": new.body.content is None, "precedence": new.precedence, "kind": new.kind, "author": new.author,
        "transcript": new.transcript, "key_id": keys.current, "recipients": len(new.recipients), "arrival": new.arrival,
        "subject_hash": new.subject_hash, "address": new.recipients[0], **kept_parts(new, keys),
    })  # fmt: skip
    others = [{"id": new.id, "n": n, "address": address} for n, address in enumerate(new.recipients) if n]
    if others:
        connection.executemany(SQL.insert_recipient, others)
    if heads is not None:
        heads.accepted(connection, new, now, before)


def _younger(connection: sqlite3.Connection, profile: str, after: str) -> str | None:
    """Takes the time of a pause off the age of the next messages; the last of them, None when there are no more."""
    values = {"profile": profile, "after": after, "now": now_ms()}
    ids = [row[0] for row in connection.execute(SQL.paused_next, values)]
    connection.executemany(SQL.paused_no_longer, [values | {"id": name} for name in ids])
    return ids[-1] if ids else None


def _forget_old(connection: sqlite3.Connection, limits: dict[str, int]) -> list[tuple[str, int]]:
    old = connection.execute(SQL.old_messages, limits).fetchall()
    ids = [{"id": row[0]} for row in old]
    for statement in _FORGET:
        connection.executemany(statement, ids)
    return old


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
    fault("spool.body-removed")
