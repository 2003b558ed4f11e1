"""Mail that failed or is late is made known: what the spool says is owed is gathered, written as notices and queued.

A notice is mail of the profile that the original left by, so it waits, is limited and is tried again as all mail is. It
has the null reverse-path and nothing is owed of it: when it fails, that is the end of it. A word that mail is late is
not written while its profile pauses or its mailbox rests, because it would arrive with the mail.

Woken by what fails, by the next known time, and by the sweeps of `relay.delivery.ages`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.delivery.ages import Ages
from relay.message.address import NULL, Address
from relay.message.notice import Notice, composed
from relay.message.subject import hash_of_section
from relay.policy.notices import LATER, addressees, due_at
from relay.policy.precedence import precedence_of
from relay.spool.store import NewMessage, SpoolError, Stored
from relay.spool.ulid import new_id
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import Settings
    from relay.delivery.pauses import Pauses
    from relay.message.notice import Original
    from relay.spool.notices import Gathered, Group, Standing
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal

_BREATH_S = 0.2  # a flood of failures is looked at together
_TROUBLE_MS = 30_000
_AFTER_REST_MS = 5000  # what a mailbox that rested sends first needs no word that it is late
_LEAST_MS = 1000  # a device that waits for its answer hears the refusal before that, and then it is no notice's matter


class Returns:
    """Writes the notices of all profiles; `plan` before `run`."""

    def __init__(self, store: Store, journal: Journal, pauses: Pauses) -> None:
        self._store = store
        self._book = store.notices
        self._journal = journal
        self._ages = Ages(store, journal, pauses)
        self._settings: Settings | None = None
        self._sweep_at = 0.0
        self._told: dict[Group, int] = {}
        self._in_trouble: dict[Group, int] = {}

    def plan(self, settings: Settings) -> None:
        """Puts a configuration in force."""
        self._settings = settings
        self._sweep_at = 0.0
        self._book.owed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._book.owed.clear()
            assert self._settings is not None
            try:
                next_ms = await self._round(self._settings)
            except SpoolError as error:
                self._report(error)
                next_ms = _TROUBLE_MS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next_ms / 1000):
                    await self._book.owed.wait()
                    await asyncio.sleep(_BREATH_S)

    async def _round(self, settings: Settings) -> float:
        """Everything that is due; milliseconds until the next thing is."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._sweep_at:
            self._sweep_at = loop.time() + self._ages.interval_s(settings)
            await self._ages.look(settings)
        for one in await self._book.address(lambda owed: addressees(owed, settings)):
            self._journal.notice_nobody(id=one.message_id, what=one.what, device=one.device, reason=one.reason)
        standing = await self._book.standing()
        waits = [await self._tell(group, since, standing, settings) for group, since in standing.groups.items()]
        self._forget_old(settings)
        return max(0.0, min([*waits, (self._sweep_at - loop.time()) * 1000]))

    async def _tell(self, group: Group, since: int, standing: Standing, settings: Settings) -> float:
        """Writes the notice on a group when its time has come; milliseconds until there is something to do for it."""
        due = self._due(group, since, standing, settings)
        if due is None or due > now_ms():
            return float("inf") if due is None else due - now_ms()
        try:
            written = await self._book.write(group, self._composer(settings))
        except SpoolError as error:
            self._report(error)
            self._in_trouble[group] = now_ms() + _TROUBLE_MS
            return _TROUBLE_MS
        if written is not None:
            self._told[group] = now_ms()
            self._journal_queued(*written)
        return float("inf")

    def _due(self, group: Group, since: int, standing: Standing, settings: Settings) -> int | None:
        """When it is to be written; None while only something that is looked at anyway can change that."""
        collect_ms = int(settings.notices.collect_s * 1000)
        due = due_at(since, self._told.get(group), max(collect_ms, _LEAST_MS))
        due = max(due, self._in_trouble.get(group, 0))
        if group.what == "failed":
            return due
        profile = settings.profiles.get(group.profile)
        if profile is None or group.profile in standing.paused:
            return None
        return max(due, standing.blocked.get(profile.mailbox.lower(), 0) + _AFTER_REST_MS)

    def _composer(self, settings: Settings) -> Callable[[Gathered], NewMessage]:
        return lambda gathered: _composed(gathered, settings, new_id(), now_ms() / 1000)

    def _forget_old(self, settings: Settings) -> None:
        long_ago = now_ms() - LATER * int(settings.notices.collect_s * 1000)
        self._told = {group: at for group, at in self._told.items() if at > long_ago}
        self._in_trouble = {group: until for group, until in self._in_trouble.items() if until > now_ms()}

    def _journal_queued(self, new: NewMessage, gathered: Gathered) -> None:
        self._journal.notice_queued(
            id=new.id, originals=[original.id for original in gathered.originals], messages=gathered.messages,
            what=gathered.group.what, to=len(new.recipients), cause=gathered.group.cause, device=new.device,
            profile=new.profile,
        )  # fmt: skip

    def _report(self, error: SpoolError) -> None:
        self._journal.delivery_broken(
            reason=f"a notice could not be written: {error}", next_in_s=_TROUBLE_MS / 1000,
            remedy=f"look at the disk of {self._store.directory}",
        )  # fmt: skip


def _composed(gathered: Gathered, settings: Settings, name: str, at: float) -> NewMessage:
    """The notice as a message of its own, by the mailbox that its profile signs in with now."""
    group = gathered.group
    profile = settings.profiles.get(group.profile)
    mailbox = profile.mailbox if profile else gathered.mailbox
    originals = tuple(_with_age(original, at, settings) for original in gathered.originals)
    until = originals[0].received_at + settings.delivery.expire_after_s
    head, body = composed(Notice(
        id=name, at=at, hostname=settings.hostname or socket.gethostname(), mailbox=mailbox, to=group.who,
        meaning=gathered.meaning, remedy=gathered.remedy, originals=originals, messages=gathered.messages,
        until=until if group.what == "delayed" else None, kept_days=settings.spool.keep_failed_days,
    ))  # fmt: skip
    size = len(head) + len(body)
    return NewMessage(
        id=name, device=originals[0].device, profile=group.profile, mailbox=mailbox, sender=NULL,
        recipients=(Address(group.who),), client="", head=head, body=Stored(body, len(body)), eight_bit=False,
        precedence=precedence_of(size, interactive=False, large_bytes=settings.delivery.large_bytes), kind="notice",
        subject_hash=hash_of_section(head),
    )  # fmt: skip


def _with_age(original: Original, at: float, settings: Settings) -> Original:
    return replace(original, expired=at - original.received_at >= settings.delivery.expire_after_s)
