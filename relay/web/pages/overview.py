"""Is mail flowing? The status in one page; htmx asks for its live part every five seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from relay.control.devices import still_unknown
from relay.control.flow import SOON_DAYS, flow, held_back, waiting
from relay.web.calls import service as calls
from relay.web.page import Page, Visit
from relay.web.plot import plot
from relay.web.render import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response

    from relay.control.activity import Minute
    from relay.control.status import CredentialStatus, ProblemStatus, ProfileStatus, QueueStatus, Status

PROFILE_WORDS = {
    "ok": ("ok", "OK"),
    "paused": ("bad", "Paused"),
    "sign_in": ("bad", "Waiting for sign-in"),
    "detour": ("warn", "By its fallback"),
}
_HELD_BACK = ("warn", "Held back")
_PLOTTED = 60  # minutes
_SETTLED_LATER = ("queued", "uncertain", "leased")


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile as the page shows it; `mark` and `words` are its badge."""

    of: ProfileStatus
    mark: str
    words: str
    waiting: str
    ends: tuple[CredentialStatus, ...]

    @property
    def path(self) -> str:
        return f"/profiles/{self.of.name}"

    @property
    def needs_sign_in(self) -> bool:
        """Whether a person can mend it by signing in."""
        return self.of.delegated and self.of.state in ("paused", "sign_in")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Messages of one profile in one state, or of all; `target` lists them."""

    profile: str
    state: str
    count: int
    bytes: int
    oldest_s: int
    ages: list[int] = field(default_factory=list)
    target: str = ""


@dataclass(slots=True)
class ProblemRow:
    """One trouble; several events that tell the same are one."""

    of: ProblemStatus
    events: list[str]
    times: int


async def overview(visit: Visit) -> Response:
    """The first page, or its live part."""
    now = await calls.status(visit.control, None, visit.who)
    minutes = (await calls.activity(visit.control, None, visit.who)).minutes[-_PLOTTED:]
    control = visit.control
    strangers = await control.turns.work(
        still_unknown, control.strangers, control.settings, control.devices.in_force_since
    )
    template = "overview-live.html" if visit.live else "overview.html"
    return render(
        visit, template, now=now, flow=flow(now), rows=profile_rows(visit, now), queue=queue_rows(now.queue),
        total=total(now.queue, len(now.age_limits_s) + 1), soon=SOON_DAYS,
        strangers=len(strangers), problems=problem_rows(now.problems), minutes=minutes, traffic=traffic(minutes),
        plot=plot([one.accepted for one in minutes], [one.delivered for one in minutes]),
        seen=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )  # fmt: skip


def profile_rows(visit: Visit, now: Status) -> list[ProfileRow]:
    """In the order of the configuration."""
    profiles, slow = visit.control.settings.profiles, dict(held_back(now))
    return [
        ProfileRow(
            one, *(_HELD_BACK if one.state == "ok" and one.name in slow else PROFILE_WORDS[one.state]),
            waiting(now, one.name),
            tuple(end for end in now.credentials if one.name in profiles and end.app == profiles[one.name].app),
        )
        for one in now.profiles
    ]  # fmt: skip


def queue_rows(queue: Iterable[QueueStatus]) -> list[QueueRow]:
    """By profile, what leaves by itself first."""
    ordered = sorted(queue, key=lambda one: (one.profile, one.state not in _SETTLED_LATER, one.state))
    return [
        QueueRow(
            one.profile, one.state, one.count, one.bytes, one.oldest_s, one.ages,
            "/messages?" + urlencode({"profile": one.profile, "state": one.state}),
        )
        for one in ordered
    ]  # fmt: skip


def total(queue: list[QueueStatus], classes: int) -> QueueRow:
    """All of them."""
    return QueueRow(
        "All", "", sum(one.count for one in queue), sum(one.bytes for one in queue),
        max((one.oldest_s for one in queue), default=0), [sum(one.ages[n] for one in queue) for n in range(classes)],
    )  # fmt: skip


def traffic(minutes: list[Minute]) -> str:
    """The plot in words."""
    told = []
    for name in ("accepted", "delivered", "deferred", "failed", "refused"):
        counts = [getattr(one, name) for one in minutes]
        if any(counts) or name in ("accepted", "delivered"):
            most = f" (at most {max(counts)} a minute)" if max(counts, default=0) > 1 else ""
            told.append(f"{sum(counts)} {name}{most}")
    return ", ".join(told)


def problem_rows(problems: Iterable[ProblemStatus]) -> list[ProblemRow]:
    """The newest first: a profile is paused and its message deferred for one reason, which is told once."""
    rows = dict[tuple[str, str], ProblemRow]()
    for one in problems:
        row = rows.setdefault((one.about, one.what), ProblemRow(one, [], 0))
        row.events.append(one.event)
        row.times = max(row.times, one.times)
    return list(rows.values())


PAGES = (Page("/", overview),)
