"""The sum at the end of a soak: what became of every letter that was accepted, and why something came twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.crash.account import Account
from tests.crash.devices import Fate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.devices import Letter
    from tests.soak.place import Place

WAITING = ("queued", "uncertain", "leased")
ENDS = ("delivered", "notified", "spooled", "held", "dropped")


class Tally:
    """`ends` is where each accepted letter is; `breaches` names what should not be."""

    def __init__(self, letters: list[Letter], place: Place) -> None:
        self.account = Account([*letters, *place.begun], place.lives, place.cloud.directory / "arrived")
        self._place = place
        self._states = {row.id: state for state in _STATES for row in place.lives.rows(state)}
        self.did = place.did
        self._notices = _notices(place.cloud.directory / "arrived")
        self._told = {row[0] for row in place.asked("SELECT message_id FROM event WHERE what = 'notice.queued'")}
        self.accepted = self.account.of(Fate.ACCEPTED)
        self.ends = Counter(self._end(letter) for letter in self.accepted)
        self.breaches = self._breaches()

    def _end(self, letter: Letter) -> str:
        if self.account.reached_all(letter):
            return "delivered"
        state = self._states.get(letter.queue_id, "lost")
        if state in WAITING:
            return "spooled"
        if state == "failed":
            return "notified" if letter.queue_id in self._told else "failed, and nobody told"
        return {"corrupt": "held"}.get(state, state)

    def _breaches(self) -> dict[str, object]:
        account = self.account
        away = self._place.false_cloud.directory / "arrived"
        found = {
            "lost or failed without a notice": [
                letter.token for letter in self.accepted if self._end(letter) not in ENDS
            ],
            "altered": account.altered,
            "came uninvited": account.uninvited,
            "came twice without an attempt in doubt": account.unexplained,
            "went to somebody else": _names(away),
        }
        return {what: which for what, which in found.items() if which}

    def table(self, seed: int, seconds: float) -> str:
        """The closing count."""
        account = self.account
        rows: list[tuple[str, object]] = [
            ("messages offered", len(account.letters)),
            ("accepted (250 to the end of data)", len(self.accepted)),
            *((f"  {end}", self.ends[end]) for end in ENDS),
            ("  sum", sum(self.ends[end] for end in ENDS)),
            ("  lost", len(self.accepted) - sum(self.ends[end] for end in ENDS)),
            ("notices that arrived", len(self._notices)),
            ("doubtful (no answer came)", len(account.of(Fate.DOUBTFUL))),
            ("refused", len(account.of(Fate.REFUSED))),
            ("begun and broken off by the device", len(account.of(Fate.OFFERED))),
            ("duplicates (copies beyond the first)", account.surplus.total()),
            ("  explained by an attempt in doubt", account.surplus.total() - len(account.unexplained)),
            ("lives of the relay", self._place.deaths.total() + 1),
            *((f"  ended: {cause}", count) for cause, count in sorted(self._place.deaths.items())),
            ("faults", self._place.did.total()),
            *((f"  {name.replace('_', ' ')}", count) for name, count in sorted(self._place.did.items())),
        ]
        lines = [f"  {what:<52}{figure:>8}" for what, figure in rows]
        breaches = [f"  BREACH {what}: {which}"[:2000] for what, which in self.breaches.items()]
        return "\n".join([f"soak of {seconds:.0f} s, seed {seed}", *lines, *breaches])


_STATES = (*WAITING, "held", "corrupt", "failed", "dropped")


def _notices(directory: Path) -> list[bytes]:
    """The notices that arrived."""
    found = (path.read_bytes() for path in directory.glob("*.eml"))
    return [octets for octets in found if b"multipart/report" in octets[:4000]]


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.eml"))
