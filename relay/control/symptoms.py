"""What is wrong, found by looking (pauses, ends of credentials, age of the queue, room, budgets) and by listening."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.config.telling import Alert
from relay.policy.alerting import Trouble, is_low, is_old, is_spent
from relay.policy.enddates import in_words, last_day, threshold_of
from relay.spool.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from relay.config.settings import Settings
    from relay.policy.alerting import Key
    from relay.spool.store import Store
    from relay.spool.vitals import Vitals
    from relay.upstream.enddates import EndDate

Found = dict["Key", Trouble | None]
"""A trouble, or None for what is known to be well."""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """Where to look; `ends` gives the credentials as they were looked at last."""

    store: Store
    ends: Callable[[], Iterable[EndDate]]
    hostname: str

    async def look(self, settings: Settings, told: Collection[Key]) -> tuple[dict[Key, Trouble], frozenset[Key]]:
        """The troubles, and what is known to be well. Raises `SpoolError`."""
        now_ms = time.time_ns() // 1_000_000
        seen = await asyncio.to_thread(vitals, self.store.directory, now_ms)
        found = await self._pauses(settings)
        found |= _credentials(self.ends())
        found |= self._room(told)
        found |= _age(settings, seen, told)
        found |= _budgets(settings, seen, told)
        return (
            {key: trouble for key, trouble in found.items() if trouble is not None},
            frozenset(key for key, trouble in found.items() if trouble is None),
        )

    async def _pauses(self, settings: Settings) -> Found:
        found: Found = {(Alert.PROFILE_PAUSED, name): None for name in settings.profiles}
        for name, pause in (await self.store.pauses()).items():
            if name in settings.profiles:
                detail = _lines(pause.meaning, f"Answer: {pause.answer}", f"What to do: {pause.remedy}")
                found[Alert.PROFILE_PAUSED, name] = Trouble(f"Profile {name} is paused, its mail waits", detail)
        return found

    def _room(self, told: Collection[Key]) -> Found:
        key, room = (Alert.DISK_LOW, ""), self.store.room()
        if not is_low(room, before=key in told):
            return {key: None}
        quota = f" of {_mega(room.max_bytes)}" if room.max_bytes else ""
        detail = f"{_mega(room.free_bytes)} are free on the disk of {self.store.directory}; mail takes "
        detail += f"{_mega(room.used_bytes)}{quota}. Below {_mega(room.min_free_bytes)} free no mail is taken."
        what = "No new mail is taken" if room.refusing else "There is little room for mail"
        return {key: Trouble(what, _lines(room.refusing, detail), grade=0 if room.refusing else 1)}


def _age(settings: Settings, seen: Vitals, told: Collection[Key]) -> Found:
    key, limit = (Alert.QUEUE_OLD, ""), settings.notifications.queue_older_than_s
    if not is_old(seen.oldest_s, limit, before=key in told):
        return {key: None}
    detail = (
        f"The limit is {limit:g} s (notifications.queue_older_than_s). `relay queue list` says what waits for what."
    )
    return {key: Trouble(f"Mail has waited for {seen.oldest_s / 60:.0f} minutes", detail)}


def _budgets(settings: Settings, seen: Vitals, told: Collection[Key]) -> Found:
    found: Found = {}
    for mailbox in {profile.mailbox.lower() for profile in settings.profiles.values()}:
        limit, key = settings.limits_of(mailbox).recipients_per_day, (Alert.BUDGET_LOW, mailbox)
        left = max(0, limit - seen.spent.get(mailbox, 0))
        percent = settings.notifications.budget_left_percent
        found[key] = None
        if is_spent(left, limit, percent, before=key in told):
            detail = f"{left} of {limit} recipients within 24 hours are left; without any, its mail waits."
            found[key] = Trouble(f"Mailbox {mailbox} has few recipients left today", detail, grade=0 if not left else 1)
    return found


def _credentials(ends: Iterable[EndDate]) -> Found:
    """A credential that nobody could look at is in neither list; a nearer threshold is told at once."""
    found: Found = {}
    now = datetime.now(UTC)
    for end in ends:
        key = (Alert.CREDENTIAL_EXPIRING, f"apps.{end.app}.{end.credential}")
        threshold, days = threshold_of(end.ends, now), (end.ends - now).days
        found[key] = None
        if threshold is not None:
            what = f"The {end.kind} of app {end.app} {in_words(days)}"
            detail = f"Last day: {last_day(end.ends)}. Renew it in Entra and put the new one under next_credential."
            found[key] = Trouble(what, detail, grade=threshold)
    return found


class Occurrences:
    """What happens once and has no end: failures, gathered by cause; starts."""

    def __init__(self) -> None:
        self._troubles: dict[Key, tuple[Trouble, int]] = {}

    def add(self, key: Key, trouble: Trouble) -> None:
        count = self._troubles[key][1] if key in self._troubles else 0
        self._troubles[key] = trouble, count + 1

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Takes an event of the journal; most are none of these."""
        profile, rule = str(fields.get("profile", "")), str(fields.get("rule", ""))
        detail = _lines(
            str(fields.get("meaning", "")), f"Answer: {fields.get('answer') or fields.get('reason')}",
            f"What to do: {fields.get('remedy')}",
        )  # fmt: skip
        if event == "message.failed":
            self.add((Alert.MAIL_FAILED, f"{profile} {rule}"), Trouble(f"Mail of profile {profile} has failed", detail))
        elif event == "message.corrupt":
            self.add((Alert.MAIL_FAILED, event), Trouble("Stored mail is damaged and was not sent", detail))
        elif event == "signin.failing":
            trouble = Trouble(f"Profile {profile} soon cannot sign in", detail, grade=int(fields.get("days_left") or 0))
            self.add((Alert.CREDENTIAL_EXPIRING, f"profiles.{profile}"), trouble)

    def all(self) -> dict[Key, Trouble]:
        """Each as it was last, with how often."""
        return {key: _counted(trouble, count) for key, (trouble, count) in self._troubles.items()}

    def forget(self, keys: Iterable[Key]) -> None:
        """They have been told."""
        for key in keys:
            self._troubles.pop(key, None)


def _counted(trouble: Trouble, count: int) -> Trouble:
    if count == 1:
        return trouble
    return Trouble(f"{trouble.what} ({count} times)", f"The last one:\n{trouble.detail}", trouble.grade)


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line and not line.endswith((": ", ": None")))


def _mega(octets: int) -> str:
    return f"{octets / 1e6:.3g} MB" if octets < 1e9 else f"{octets / 1e9:.3g} GB"
