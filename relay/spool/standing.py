"""What waiting messages depend on: pauses of profiles; rest, budget and connections of mailboxes. Read once a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.policy import budget
from relay.policy.prospect import Standing, prospect
from relay.spool.mailboxes import overview
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from relay.config.settings import MailboxLimits
    from relay.spool.mailboxes import MailboxRow


class Surroundings:
    """As they are at `now` (epoch milliseconds); `limits_of` knows what a mailbox may have, where somebody does."""

    def __init__(
        self, connection: sqlite3.Connection, now: int, limits_of: Callable[[str], MailboxLimits] | None = None, *,
        running: bool = True,
    ) -> None:  # fmt: skip
        self._running = running
        self._now = now
        self._limits_of = limits_of
        self._pauses = {row[0]: (row[2], row[5]) for row in connection.execute(SQL.pauses)}
        self._mailboxes = {row.name: row for row in overview(connection, now)}
        self._spent_until = {name: self._used_up(connection, row) for name, row in self._mailboxes.items()}

    def next(self, facts: dict[str, Any]) -> str:
        """What will happen to the message with these columns, in words."""
        name = str(facts["mailbox"]).lower()
        mailbox = self._mailboxes.get(name)
        until, meaning = self._pauses.get(facts["profile"], (0, ""))
        return prospect(
            Standing(
                facts["state"], facts["due_at"], facts["attempts"], str(facts["profile"]), facts["rule"],
                facts["held_by"], until, meaning, mailbox.blocked_until if mailbox else 0,
                self._spent_until.get(name, 0), mailbox is not None and self._busy(mailbox),
                mailbox.pace if mailbox else 1.0, running=self._running,
            ),
            self._now,
        )  # fmt: skip

    def _busy(self, mailbox: MailboxRow) -> bool:
        return self._limits_of is not None and mailbox.sessions >= self._limits_of(mailbox.name).sessions

    def _used_up(self, connection: sqlite3.Connection, mailbox: MailboxRow) -> int:
        """Until when nothing of the mailbox's day is left; 0 when something is."""
        limit = self._limits_of(mailbox.name).recipients_per_day if self._limits_of else 0
        if not limit or mailbox.spent < limit:
            return 0
        values = {"mailbox": mailbox.name, "window_from": budget.window_from(self._now)}
        oldest = connection.execute(SQL.spent, values).fetchone()[1]
        return budget.counts_until(oldest) if oldest is not None else 0
