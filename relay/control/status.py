"""How the relay is, as values: `status` puts them together, pure; docs/reference/status.md is printed from here.

Names of fields are stable: others are added, none changes its meaning. Times are ISO 8601 in UTC, empty where there is
none; of addresses in answers only the domain is left.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from relay.config.settings import SignIn
from relay.control.lately import Lately, Problem, Trouble, shown
from relay.control.look import look
from relay.policy.enddates import days_left
from relay.policy.pace import per_minute_at
from relay.policy.room import Room
from relay.spool.shape import AGES_S
from relay.upstream.enddates import configured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.control.look import Seen
    from relay.spool.store import Pause
    from relay.upstream.enddates import EndDate


NO_ROOM = Room(0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyStatus:
    """Why a profile is paused, takes a detour or can't sign in."""

    since: Annotated[str, "since when"]
    recheck: Annotated[str, "when the relay tries whether it is mended; empty where that has no time"]
    rule: Annotated[str, "row of docs/reference/verdicts.md"]
    meaning: Annotated[str, "what it means"]
    remedy: Annotated[str, "what to do"]
    answer: Annotated[str, "what the other side said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStatus:
    """One sender profile."""

    name: Annotated[str, "under profiles in the configuration"]
    state: Annotated[
        str, "ok; paused (nothing leaves); sign_in (a person must sign in); detour (leaves by its fallback)"
    ]
    mailbox: Annotated[str, "who signs in"]
    transport: Annotated[str, "smtp, hve, graph or connector"]
    delegated: Annotated[bool, "whether a person signed in for it"]
    why: Annotated[WhyStatus | None, "null when the state is ok"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """Messages of one profile in one state; those that are settled are not counted."""

    profile: Annotated[str, "whose mail; also one that is no longer in the configuration"]
    state: Annotated[str, "queued, uncertain, leased (under way), held or corrupt"]
    count: Annotated[int, "messages"]
    bytes: Annotated[int, "their size"]
    oldest_s: Annotated[int, "age of the oldest"]
    ages: Annotated[list[int], "how many are younger than each of age_limits_s, then all others"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """What Exchange allows one mailbox, and what of it is used."""

    name: Annotated[str, "the mailbox"]
    sessions: Annotated[int, "connections in use"]
    sessions_limit: Annotated[int, "connections it may have"]
    messages_per_minute: Annotated[int, "limit; 0: none"]
    messages_left: Annotated[int | None, "what is left of it in this minute, at its pace; null without a limit"]
    pace: Annotated[float, "share of its limits it uses since Exchange throttled it; 1 when all is well"]
    recipients_per_day: Annotated[int, "limit within 24 hours; 0: none"]
    recipients_left: Annotated[int | None, "what is left of it; null without a limit"]
    blocked_until: Annotated[str, "nothing is sent before; empty when nothing holds it up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialStatus:
    """The end of a secret or certificate of an app; those without a known end are left out."""

    app: Annotated[str, "under apps in the configuration"]
    credential: Annotated[str, "credential or next_credential"]
    kind: Annotated[str, "secret or certificate"]
    ends: Annotated[str, "when it ends"]
    days_left: Annotated[int, "whole days; below zero when it is over"]
    source: Annotated[str, "who told: certificate, configuration or graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStatus:
    """The newest token of an app since the start."""

    app: Annotated[str, "under apps in the configuration"]
    fetched: Annotated[str, "when Entra gave it"]
    ends: Annotated[str, "when it ends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """Room for mail."""

    free_bytes: Annotated[int, "free on the disk"]
    min_free_bytes: Annotated[int, "below that no mail is taken"]
    used_bytes: Annotated[int, "kept mail"]
    max_bytes: Annotated[int, "quota; 0: none"]
    refusing: Annotated[str, "why no mail is taken; empty when it is"]
    trouble: Annotated[str, "why queue and mailboxes are missing from this answer; empty when they are not"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemStatus:
    """Trouble since the start, the newest first; equal trouble once."""

    event: Annotated[str, "the journal's event"]
    about: Annotated[str, "profile, app, mailbox or device"]
    what: Annotated[str, "what it means"]
    answer: Annotated[str, "what the other side said"]
    remedy: Annotated[str, "what to do"]
    first: Annotated[str, "when it was first told"]
    last: Annotated[str, "when it was last told"]
    times: Annotated[int, "how often"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole answer."""

    version: Annotated[str, "of the relay"]
    running: Annotated[bool, "false where the spool was asked because no relay runs"]
    started: Annotated[str, "start of the process"]
    uptime_s: Annotated[int, "seconds since then"]
    ready: Annotated[bool, "whether it takes mail"]
    reasons: Annotated[list[str], "why not"]
    listening: Annotated[list[str], "addresses for devices"]
    sessions: Annotated[int, "devices connected now"]
    profiles: Annotated[list[ProfileStatus], "each profile of the configuration"]
    age_limits_s: Annotated[list[int], "limits of the classes in ages"]
    queue: Annotated[list[QueueStatus], "what is in the spool"]
    mailboxes: Annotated[list[MailboxStatus], "each mailbox of the configuration"]
    credentials: Annotated[list[CredentialStatus], "ends, the soonest first"]
    tokens: Annotated[list[TokenStatus], "newest token of each app"]
    spool: Annotated[SpoolStatus, "room"]
    problems: Annotated[list[ProblemStatus], "trouble"]


@dataclass(frozen=True, slots=True)
class Service:
    """What only the running process knows."""

    version: str
    running: bool = False
    started: float = 0.0
    reasons: tuple[str, ...] = ()
    listening: tuple[str, ...] = ()
    sessions: int = 0
    room: Room = NO_ROOM


def status(
    settings: Settings, service: Service, seen: Seen, lately: Lately, ends: Iterable[EndDate], now: float
) -> Status:
    """Everything in one value; `now` is epoch seconds."""
    return Status(
        version=service.version, running=service.running, started=when(service.started),
        uptime_s=int(now - service.started) if service.started else 0,
        ready=service.running and not service.reasons, reasons=list(service.reasons),
        listening=list(service.listening), sessions=service.sessions,
        profiles=[profile_status(settings, name, seen, lately) for name in settings.profiles],
        age_limits_s=list(AGES_S), queue=_queue(seen), mailboxes=_mailboxes(settings, seen, lately),
        credentials=[_credential(end, now) for end in ends],
        tokens=[
            TokenStatus(app=app, fetched=when(token.at), ends=when(token.ends))
            for app, token in sorted(lately.tokens.items())
        ],
        spool=SpoolStatus(
            free_bytes=service.room.free_bytes, min_free_bytes=service.room.min_free_bytes,
            used_bytes=service.room.used_bytes, max_bytes=service.room.max_bytes, refusing=service.room.refusing,
            trouble=seen.trouble,
        ),
        problems=[_problem(one) for one in lately.problems()],
    )  # fmt: skip


def profile_status(settings: Settings, name: str, seen: Seen, lately: Lately) -> ProfileStatus:
    """What holds the profile up most is told."""
    profile = settings.profiles[name]
    state, why = "ok", None
    if (pause := seen.pauses.get(name)) is not None:
        state, why = "paused", _paused(pause)
    elif (trouble := lately.sign_ins.get(name)) is not None:
        state, why = "sign_in", _troubled(trouble)
    elif (trouble := lately.detours.get(name)) is not None:
        state, why = "detour", _troubled(trouble)
    return ProfileStatus(
        name=name, state=state, mailbox=profile.mailbox, transport=profile.transport.value,
        delegated=profile.sign_in is SignIn.DELEGATED, why=why,
    )  # fmt: skip


def when(seconds: float) -> str:
    """Epoch seconds as ISO 8601 in UTC; empty for none."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _paused(pause: Pause) -> WhyStatus:
    return WhyStatus(
        since=when(pause.since / 1000), recheck=when(pause.until / 1000), rule=pause.rule, meaning=shown(pause.meaning),
        remedy=pause.remedy, answer=shown(pause.answer),
    )  # fmt: skip


def _troubled(trouble: Trouble) -> WhyStatus:
    return WhyStatus(
        since=when(trouble.since), recheck="", rule=trouble.rule, meaning=trouble.meaning, remedy=trouble.remedy,
        answer=trouble.answer,
    )  # fmt: skip


def _queue(seen: Seen) -> list[QueueStatus]:
    return [
        QueueStatus(
            profile=one.profile, state=one.state, count=one.count, bytes=one.bytes, oldest_s=one.oldest_s,
            ages=list(one.ages),
        )
        for one in seen.shapes
    ]  # fmt: skip


def _mailboxes(settings: Settings, seen: Seen, lately: Lately) -> list[MailboxStatus]:
    names = sorted({profile.mailbox.lower() for profile in settings.profiles.values()})
    return [] if seen.trouble else [_mailbox(settings, name, seen, lately.spent.of(name)) for name in names]


def _mailbox(settings: Settings, name: str, seen: Seen, started: int) -> MailboxStatus:
    limits, row = settings.limits_of(name), seen.mailboxes.get(name)
    a_day, spent = limits.recipients_per_day, row.spent if row else 0
    a_minute = per_minute_at(row.pace if row else 1, limits.messages_per_minute)
    return MailboxStatus(
        name=name, sessions=row.sessions if row else 0, sessions_limit=limits.sessions,
        messages_per_minute=limits.messages_per_minute,
        messages_left=max(0, a_minute - started) if a_minute else None, pace=round(row.pace, 3) if row else 1.0,
        recipients_per_day=a_day, recipients_left=max(0, a_day - spent) if a_day else None,
        blocked_until=when(row.blocked_until / 1000) if row else "",
    )  # fmt: skip


def _credential(end: EndDate, now: float) -> CredentialStatus:
    return CredentialStatus(
        app=end.app, credential=end.credential, kind=end.kind, ends=when(end.ends.timestamp()),
        days_left=days_left(end.ends, datetime.fromtimestamp(now, UTC)), source=end.source,
    )  # fmt: skip


def _problem(one: Problem) -> ProblemStatus:
    return ProblemStatus(
        event=one.event, about=one.about, what=one.what, answer=one.answer, remedy=one.remedy, first=when(one.first),
        last=when(one.last), times=one.times,
    )  # fmt: skip


def of_spool(settings: Settings, now: float, version: str) -> Status:
    """What the spool and the configuration tell where no relay runs. Blocks; never raises."""
    directory = settings.data_dir / "spool"
    seen = look(directory)
    room = Room(
        _free(directory), settings.spool.min_free_bytes, sum(one.bytes for one in seen.shapes), settings.spool.max_bytes
    )
    service = Service(version, reasons=("no relay runs on this data_dir",), room=room)
    return status(settings, service, seen, Lately(), configured(settings), now)


def _free(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return 0
