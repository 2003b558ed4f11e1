"""The sum behind a storm: what was handed in, what arrived, what is still spooled, and why something came twice."""

from __future__ import annotations

import email
import hashlib
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.crash.devices import Fate, Letter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.lives import Lives

_TOKEN = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE)
_QUEUE_ID = re.compile(rb"\bid ([0-9A-Z]{26});")
_IN_DOUBT = ("", "uncertain")  # the outcomes of an attempt that may have delivered without anybody being told


@dataclass(frozen=True)
class Copy:
    """One message as it arrived; the digest is that of its body, decoded where the relay had to encode it."""

    token: str
    queue_id: str
    recipients: tuple[str, ...]
    sha256: str


def read_copies(directory: Path) -> list[Copy]:
    """Every letter that arrived, from the files the pretend Exchange wrote; notices are no letters."""
    return [copy for path in sorted(directory.glob("*.json")) if (copy := _copy(path)) is not None]


def _copy(facts: Path) -> Copy | None:
    message = facts.with_suffix(".eml").read_bytes()
    head, _, body = message.partition(b"\r\n\r\n")
    if b"Content-Transfer-Encoding:" in head:
        body = email.message_from_bytes(message).get_payload(decode=True)
    if b"multipart/report" in head:
        return None
    token, queue_id = _TOKEN.search(head), _QUEUE_ID.search(head)
    assert token is not None
    assert queue_id is not None
    recipients = tuple(json.loads(facts.read_text())["rcpt_to"])
    return Copy(token[1].decode(), queue_id[1].decode(), recipients, hashlib.sha256(body).hexdigest())


class Account:
    """Letters against copies against rows of the spool; each list names what should not be."""

    def __init__(self, letters: list[Letter], lives: Lives, arrived: Path) -> None:
        self.letters = self._letters = {letter.token: letter for letter in letters}
        self._lives = lives
        self._spooled = {row.id: row for state in (None, "failed") for row in lives.rows(state)}
        self._copies: dict[str, list[Copy]] = defaultdict(list)
        for copy in read_copies(arrived):
            if copy.token in self._letters:  # others are those of another test, or notices
                self._copies[copy.token].append(copy)
        self.lost = [letter for letter in self.of(Fate.ACCEPTED) if not self._safe(letter)]
        self.altered = [copy for copy in self._all() if copy.sha256 != self._letters[copy.token].sha256]
        self.uninvited = [copy for copy in self._all() if not self._invited(copy)]
        self.surplus = +Counter({token: _most(copies) - 1 for token, copies in self._copies.items()})
        self.unexplained = [token for token, more in self.surplus.items() if self._doubts(token).total() < more]

    def of(self, fate: Fate) -> list[Letter]:
        """The letters of which a device knows this."""
        return [letter for letter in self._letters.values() if letter.fate is fate]

    @property
    def files_owed(self) -> list[str]:
        """The body files that must still be there: those of large messages on their way."""
        return sorted(row.id for row in self._spooled.values() if row.size > 66_000)

    def _all(self) -> list[Copy]:
        return [copy for copies in self._copies.values() for copy in copies]

    def reached_all(self, letter: Letter) -> bool:
        """Every recipient has it."""
        return {recipient for copy in self._copies[letter.token] for recipient in copy.recipients} == set(
            letter.recipients
        )

    def _safe(self, letter: Letter) -> bool:
        """Every recipient has it, or the spool still does."""
        return self.reached_all(letter) or letter.queue_id in self._spooled

    def _invited(self, copy: Copy) -> bool:
        """Accepted under that id, or given to its end without an answer; never what was refused or broken off."""
        letter = self._letters[copy.token]
        return letter.fate is Fate.DOUBTFUL or (letter.fate is Fate.ACCEPTED and letter.queue_id == copy.queue_id)

    def _doubts(self, token: str) -> Counter[str]:
        """The attempts that may have delivered without the relay being told: each explains one copy too many."""
        item = self._lives.item(self._copies[token][0].queue_id)
        outcomes = [attempt.outcome for attempt in item.attempts] if item else []
        return Counter(outcome for outcome in outcomes if outcome in _IN_DOUBT)

    def table(self, kills: Counter[str], seed: int) -> str:
        """The closing table."""
        explained = sum(min(more, self._doubts(token).total()) for token, more in self.surplus.items())
        causes = sum((self._doubts(token) for token in self.surplus), Counter[str]())
        accepted, doubtful = self.of(Fate.ACCEPTED), self.of(Fate.DOUBTFUL)
        still = [letter for letter in accepted if letter.queue_id in self._spooled]
        rows = [
            ("messages offered", len(self._letters)),
            ("accepted (250 to the end of data)", len(accepted)),
            ("  of these arrived", sum(letter.token in self._copies for letter in accepted)),
            ("  of these still spooled", len(still)),
            ("  lost", len(self.lost)),
            ("doubtful (no answer came)", len(doubtful)),
            ("  of these arrived all the same", sum(letter.token in self._copies for letter in doubtful)),
            ("refused", len(self.of(Fate.REFUSED))),
            ("bodies altered", len(self.altered)),
            ("duplicates (copies beyond the first)", self.surplus.total()),
            ("  explained by an attempt in doubt", explained),
            ("  their attempts cut by a kill", causes[""]),
            ("  their attempts whose answer was lost", causes["uncertain"]),
            ("kills", kills.total()),
            *((f"  at {point}", count) for point, count in sorted(kills.items())),
        ]
        lines = [f"  {what:<42}{figure:>8}" for what, figure in rows]
        return "\n".join([f"crash test, RELAY_CRASH_SEED={seed}", *lines])


def _most(copies: list[Copy]) -> int:
    """The most copies any one recipient got: recipients refused for a while get theirs later, that is no duplicate."""
    return max(Counter(recipient for copy in copies for recipient in copy.recipients).values(), default=0)
