"""What was said on a connection, to be told later: bounded, a line for each thing said, never a secret or content.

Whoever writes a line down leaves out what nobody may read. Writing down costs next to nothing; `printed` makes the
text, `    12 C: MAIL FROM:<…>`: milliseconds since the beginning, who (C the client, S the server, - a remark), what.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from relay.message.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Line = tuple[float, str, Reply | bytes | str]
    """When, in seconds of whatever clock a transcript goes by; who; what."""

MOST = 8192
"""The longest text of a transcript, in characters."""
_LONGEST_LINE = 400
_KEPT = 60  # lines from the beginning, and as many from the end
_HIDDEN = "****"


class Transcript:
    """Lines in order of time; of very many the first and the last are kept, and the others counted."""

    def __init__(self) -> None:
        self._first: list[Line] = []
        self._last: deque[Line] | None = None
        self.count = 0

    def add(self, at: float, who: str, words: Reply | bytes | str) -> None:
        """Writes down what the client (C) or the server (S) said, or a remark (-)."""
        self.count += 1
        if self.count <= _KEPT:
            self._first.append((at, who, words))
        else:
            if self._last is None:
                self._last = deque(maxlen=_KEPT)
            self._last.append((at, who, words))

    def clear(self) -> None:
        """Forgets all."""
        if self.count:
            self._first.clear()
            self._last = None
            self.count = 0

    def printed(self, since: float) -> list[str]:
        """Its lines as text."""
        first = [f"{(at - since) * 1000:6.0f} {who}: {_words(words)}" for at, who, words in self._first]
        if self._last is None:
            return first
        lost = self.count - len(self._first) - len(self._last)
        gap = [_gap(lost)] if lost else []
        return [*first, *gap, *(f"{(at - since) * 1000:6.0f} {who}: {_words(words)}" for at, who, words in self._last)]


class Conversation:
    """What is said on one connection: how it was opened, and the transaction now under way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds and never goes back."""
        self._clock = clock
        self._since = clock()
        self._opening = Transcript()
        self._transaction = Transcript()
        self._now = self._opening
        self._opened: tuple[int, list[str]] = (0, [])

    def opens(self) -> None:
        """What comes now belongs to the opening: every transaction to come needs it to be understood."""
        self._now = self._opening

    def begins(self) -> None:
        """A transaction begins, the one before is forgotten."""
        self._transaction.clear()
        self._now = self._transaction

    def client(self, *commands: Reply | bytes | str) -> None:
        """Commands, one line each."""
        at = self._clock()
        for command in commands:
            self._now.add(at, "C", command)

    def server(self, words: Reply | bytes | str) -> None:
        """An answer."""
        self._now.add(self._clock(), "S", words)

    def remark(self, text: str) -> None:
        """Something happened that nobody said."""
        self._now.add(self._clock(), "-", text)

    def printed(self) -> list[str]:
        """Opening and transaction, line by line."""
        if self._opened[0] != self._opening.count:  # the same for every transaction to come
            self._opened = self._opening.count, self._opening.printed(self._since)
        return self._opened[1] + self._transaction.printed(self._since)

    def text(self) -> str:
        """Opening and transaction, the middle left out where they are longer than `MOST`."""
        return shortened(self.printed())


def shortened(lines: list[str], most: int = MOST) -> str:
    """The lines as one text; where it were too long, as many from both ends as fit, and how many are left out."""
    size = sum(map(len, lines)) + len(lines)
    if size <= most:
        return "\n".join(lines)
    half = (most - 40) // 2
    first, last = _fitting(lines, half), _fitting(lines[::-1], half)
    return "\n".join([*lines[:first], _gap(len(lines) - first - last), *lines[len(lines) - last :]])


def octets(count: int) -> str:
    """A size as it stands in a transcript instead of what was sent."""
    return f"… {count:,} octets …".replace(",", " ")


def without(words: str, *secrets: str) -> str:
    """What the other side said, should it have repeated a secret."""
    for secret in filter(None, secrets):
        words = words.replace(secret, _HIDDEN)
    return words


def _fitting(lines: list[str], room: int) -> int:
    count = 0
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        count += 1
    return count


def _gap(count: int) -> str:
    return f"       … {count} lines left out …"


@lru_cache(maxsize=256)
def _words(words: Reply | bytes | str) -> str:
    if isinstance(words, Reply):
        words = str(words) if "\n" not in words.text else " ".join([_status(words), words.text.replace("\n", " / ")])
    elif isinstance(words, bytes):
        words = _joined(words.decode("utf-8", "replace").rstrip("\r\n"))
    words = words if len(words) <= _LONGEST_LINE else f"{words[: _LONGEST_LINE - 1]}…"
    return words if words.isprintable() else "".join(map(_visible, words))


def _status(reply: Reply) -> str:
    return f"{reply.code} {reply.enhanced}".strip()


def _joined(lines: str) -> str:
    """The lines of a reply as one, the code of the first alone."""
    if "\r\n" not in lines:
        return lines
    first, *others = lines.split("\r\n")
    return " / ".join([first, *(line[4:] for line in others)])


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()
