"""What a day came to: Exchange's own books against its limits, and how long mail was on its way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.day.exchange import PER_DAY, PER_MINUTE, SESSIONS
from bench.day.run import MIDNIGHT

if TYPE_CHECKING:
    from bench.day.run import Day

KINDS = ("interactive", "bulk", "large")


@dataclass(frozen=True)
class Books:
    """The highest of all mailboxes, as Exchange saw them, and what became of the mail."""

    sessions: int
    minute: int
    recipients: int
    messages: int
    accepted: int
    arrived: int
    duplicates: int
    refusals: int
    refused_mailboxes: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """No limit was ever exceeded, nothing was lost, nothing came twice."""
        within = self.sessions <= SESSIONS and self.minute <= PER_MINUTE and self.recipients <= PER_DAY
        return within and self.arrived == self.accepted and not self.duplicates


def books(day: Day) -> Books:
    """Counted from Exchange's side."""
    mailboxes, arrived = day.exchange.mailboxes.values(), day.exchange.arrived
    return Books(
        sessions=max(book.most_sessions for book in mailboxes),
        minute=max(book.busiest_minute() for book in mailboxes),
        recipients=max(book.busiest_day() for book in mailboxes),
        messages=len(day.accepted), accepted=sum(recipients for _, _, recipients in day.accepted.values()),
        arrived=len(arrived), duplicates=sum(arrived.values()) - len(arrived),
        refusals=sum(day.exchange.refusals.values()),
        refused_mailboxes=tuple(sorted({mailbox for mailbox, _ in day.exchange.refusals})),
    )  # fmt: skip


def delays(day: Day, *, in_an_outage: bool | None = None) -> dict[str, list[float]]:
    """Seconds from the device's 250 to Exchange's last one, by class, in order; None: all mail."""
    outages, found = day.scenario.outages_at(MIDNIGHT), defaultdict(list)
    for name, (at, kind, _) in day.accepted.items():
        inside = any(one.begins <= at < one.ends for one in outages)
        if name in day.exchange.arrived_at and in_an_outage in (None, inside):
            found[kind].append(day.exchange.arrived_at[name] - at)
    return {kind: sorted(found[kind]) for kind in KINDS}


def share(values: list[float], part: float) -> float:
    """The value that this part of them does not exceed (nearest rank)."""
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def table(day: Day) -> str:
    """Both as plain text."""
    found = books(day)
    lines = [
        f"{found.messages} messages to {found.accepted} recipients; arrived {found.arrived}, twice {found.duplicates}",
        f"most sessions of a mailbox at once     {found.sessions:>6}   Exchange allows {SESSIONS}",
        f"most messages of a mailbox in 60 s     {found.minute:>6}   Exchange allows {PER_MINUTE}",
        f"most recipients of a mailbox in 24 h   {found.recipients:>6}   Exchange allows {PER_DAY}",
        f"throttling answers                     {found.refusals:>6}   {', '.join(found.refused_mailboxes) or '-'}",
        "",
        f"{'delivery delay':<32}{'messages':>9}{'median':>9}{'p95':>9}{'longest':>9}",
    ]
    for title, inside in (("", False), (", accepted in an outage", True)):
        for kind, values in delays(day, in_an_outage=inside).items():
            row = "".join(f"{_told(share(values, part)):>9}" for part in (0.5, 0.95, 1.0))
            lines.append(f"{kind + title:<32}{len(values):>9}{row}")
    return "\n".join(lines)


def _told(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
