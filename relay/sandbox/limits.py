"""Exchange Online's limits of one mailbox: sessions at once, messages per minute, recipients per day.

Microsoft, "Improvements in SMTP submission": 3 concurrent connections, 30 messages per minute (what is above is
delayed, not refused), 10 000 recipients in 24 hours. Clock: the event loop's.
"""

from collections import defaultdict, deque

_MINUTE = 60.0
_DAY = 24 * 3600.0


class Limits:
    """Counts by mailbox; 0 switches a limit off."""

    def __init__(self, *, sessions: int, per_minute: int, recipients_per_day: int) -> None:
        self.sessions = sessions
        self.per_minute = per_minute
        self.recipients_per_day = recipients_per_day
        self._signed_in: defaultdict[str, list[object]] = defaultdict(list)
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)
        self._sent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def enter(self, mailbox: str, session: object) -> None:
        """A session has signed in."""
        self._signed_in[mailbox].append(session)

    def leave(self, mailbox: str, session: object) -> None:
        """A session is over."""
        if session in self._signed_in[mailbox]:
            self._signed_in[mailbox].remove(session)

    def open_sessions(self, mailbox: str) -> int:
        """How many sessions are signed in now."""
        return len(self._signed_in[mailbox])

    def is_one_too_many(self, mailbox: str, session: object) -> bool:
        """Whether as many sessions as allowed signed in before this one and are still there."""
        return bool(self.sessions) and session in self._signed_in[mailbox][self.sessions :]

    def wait_for_turn(self, mailbox: str, now: float) -> float:
        """Book the next place in the minute and return the seconds until it comes (0: now)."""
        if not self.per_minute:
            return 0.0
        times = self._times[mailbox]
        turn = now if len(times) < self.per_minute else max(now, times[0] + _MINUTE)
        times.append(turn)
        while len(times) > self.per_minute:
            times.popleft()
        return turn - now

    def is_rate_exceeded(self, mailbox: str, now: float) -> bool:
        """Whether this minute is full; nothing is booked then, otherwise one place is."""
        times = self._times[mailbox]
        if self.per_minute and len(times) >= self.per_minute and times[0] + _MINUTE > now:
            return True
        self.wait_for_turn(mailbox, now)
        return False

    def is_day_quota_exceeded(self, mailbox: str, recipients: int, now: float) -> bool:
        """Whether so many more recipients would be too many for 24 hours; otherwise they are counted."""
        if not self.recipients_per_day:
            return False
        sent = self._sent[mailbox]
        while sent and sent[0][0] <= now - _DAY:
            sent.popleft()
        if sum(count for _, count in sent) + recipients > self.recipients_per_day:
            return True
        sent.append((now, recipients))
        return False
