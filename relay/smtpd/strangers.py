"""Who was refused because nobody knows it: what an administrator needs to decide whether it is a device of the house.

Kept in memory, at most 1000, the longest unseen forgotten first; `notebook` keeps them across restarts. Nobody is ever
let in by this. What a stranger says of itself is shortened and made printable before it is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

_MOST = 1000
_LONGEST = 80
_MOST_WORDS = 8


@dataclass
class Stranger:
    """One unknown source: an address, with the user name it tried. Times are seconds of the epoch."""

    address: str
    login: str = ""
    helo: str = ""
    listener: str = ""
    tls: bool = False
    mechanisms: list[str] = field(default_factory=list)
    quirks: list[str] = field(default_factory=list)
    reply: str = ""
    count: int = 0
    first: float = 0.0
    last: float = 0.0


class Strangers:
    """Everybody who was refused, newest last."""

    def __init__(self) -> None:
        self._met: OrderedDict[tuple[str, str], Stranger] = OrderedDict()
        self.changes = 0

    def met(self, seen: Stranger, now: float) -> None:
        """Counts one refusal; the newest words of the stranger replace the older ones, its habits add up."""
        seen = _bounded(seen)
        key = seen.address, seen.login
        old = self._met.pop(key, seen)
        seen.mechanisms = _together(old.mechanisms, seen.mechanisms)
        seen.quirks = _together(old.quirks, seen.quirks)
        seen.count = old.count + 1
        seen.first, seen.last = old.first or now, now
        self._met[key] = seen
        while len(self._met) > _MOST:
            self._met.popitem(last=False)
        self.changes += 1

    def recall(self, strangers: list[Stranger]) -> None:
        """What an earlier process wrote down, oldest first; those met since count more."""
        earlier = OrderedDict(((item.address, item.login), item) for item in strangers[-_MOST:])
        self._met = earlier | self._met

    def all(self) -> list[Stranger]:
        """Everybody, newest last."""
        return list(self._met.values())


def _bounded(seen: Stranger) -> Stranger:
    for name in ("address", "login", "helo", "listener", "reply"):
        setattr(seen, name, _plain(getattr(seen, name)))
    seen.mechanisms = [_plain(word) for word in seen.mechanisms]
    return seen


def _plain(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[: _LONGEST + 1])
    return shown if len(text) <= _LONGEST else shown[:_LONGEST] + "…"


def _together(old: list[str], new: list[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, [*old, *new])))[:_MOST_WORDS]
