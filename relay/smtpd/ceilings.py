"""What one session, one address and one message on its way in may take of the relay, counted here, told by `session`.

Nothing in here waits or closes anything: each question is answered with the refusal, or with None. A session that hands
in messages may go on for ever: what is counted is counted anew after each that was stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.message.reply import Reply

if TYPE_CHECKING:
    from relay.config.settings import Intake as Limits

    Refusal = tuple[Reply, str]
    """What the device hears, and what the journal says: the setting that was reached."""

_TOO_SLOW = Reply(421, "4.4.2", "The message comes in too slowly, closing")
_ENDLESS = Reply(552, "5.3.4", "The message has no end, closing")
_TOO_MANY_SESSIONS = Reply(421, "4.7.0", "Too many connections, try again later")
_TOO_MANY_HERE = Reply(421, "4.7.0", "Too many connections from your address, try again later")
_TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing")
_TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message, closing")
_COUNTED = frozenset({500, 501, 502, 503, 504, 535})  # a refused recipient is an answer, not an error
_TOLD_EVERY_S = 1.0  # whoever knocks thousands of times shall not fill the disk with the journal of it
_ENDLESS_TIMES = 16  # a message too large is read to its end, because devices look for the answer there; not for ever


class Crowd:
    """Who is connected: sessions by address. Of IPv6 too it is one address: a whole LAN shares a /64."""

    def __init__(self) -> None:
        self._here: dict[str, int] = {}
        self._untold = 0
        self._told_at = -_TOLD_EVERY_S

    def enter(self, client: str, sessions: int, limits: Limits) -> Refusal | None:
        """Counts one session more; `sessions` are all there are. The refusal if it is one too many."""
        here = self._here[client] = self._here.get(client, 0) + 1
        if sessions > limits.max_sessions:
            return _TOO_MANY_SESSIONS, f"more connections than intake.max_sessions ({limits.max_sessions})"
        if here > limits.max_sessions_per_address:
            most = limits.max_sessions_per_address
            return _TOO_MANY_HERE, f"more connections than intake.max_sessions_per_address ({most})"
        return None

    def to_tell(self, now: float) -> int:
        """One more was sent away: how many since that was last told, or 0 when it is too early to tell again."""
        self._untold += 1
        if now - self._told_at < _TOLD_EVERY_S:
            return 0
        told, self._untold, self._told_at = self._untold, 0, now
        return told

    def leave(self, client: str) -> None:
        """One session less, whether it was let in or not."""
        self._here[client] -= 1
        if not self._here[client]:
            del self._here[client]


class Turn:
    """What a session may do until it has handed in its next message."""

    def __init__(self, limits: Limits, now: float) -> None:
        """`limits` are those in force when the session began, `now` is the clock of its event loop."""
        self._limits = limits
        self.anew(now)

    def anew(self, now: float) -> None:
        """A message was stored."""
        self._errors = 0
        self._commands = 0
        self._until = now + self._limits.session_timeout_s

    def command_s(self, now: float) -> float:
        """How long the next command may take."""
        return max(0.001, min(self._limits.command_timeout_s, self._until - now))

    def command(self, recipients: int) -> Refusal | None:
        """One command more. Those that named a recipient don't count: they have a ceiling of their own."""
        self._commands += 1
        if self._commands - recipients > self._limits.max_commands:
            return _TOO_MANY_COMMANDS, f"more commands than intake.max_commands ({self._limits.max_commands})"
        return None

    def answered(self, reply: Reply) -> Refusal | None:
        """One reply more; the last word if it was one error too many."""
        self._errors += reply.code in _COUNTED
        if self._errors >= self._limits.max_errors:
            return _TOO_MANY_ERRORS, f"as many errors as intake.max_errors ({self._limits.max_errors})"
        return None


class Pace:
    """How fast one message comes in, over stretches of `data_timeout_s`: a scanner may pause, a trickle may not go on.

    A stretch in which the relay's own disk held the device back is not counted.
    """

    def __init__(self, limits: Limits, largest: int, now: float) -> None:
        """`largest` is the size in octets above which this message is refused."""
        self._stretch_s = limits.data_timeout_s
        self._least = limits.min_bytes_per_s * limits.data_timeout_s
        self._most = largest * _ENDLESS_TIMES
        self._all = 0
        self.anew(now)

    def anew(self, now: float) -> None:
        """A new stretch begins."""
        self._began = now
        self._octets = 0

    def came(self, octets: int, now: float) -> Refusal | None:
        """So many octets more. The refusal if they come too slowly, or never end."""
        self._all += octets
        self._octets += octets
        if self._all > self._most:
            return _ENDLESS, f"{_ENDLESS_TIMES} times the largest message taken here, and no end of data"
        if now - self._began < self._stretch_s:
            return None
        if self._octets < self._least:
            pace = f"{self._octets} bytes in {now - self._began:.0f} s"
            return _TOO_SLOW, f"slower than intake.min_bytes_per_s: {pace}"
        self.anew(now)
        return None
