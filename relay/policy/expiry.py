"""Which mail may be given up because it is old: never what waits until somebody has mended something."""

from __future__ import annotations

from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_graph import GRAPH, OTHERS
from relay.policy.rows_lost import LOST
from relay.policy.verdict import Class
from relay.policy.verdicts import REPLY_ROWS, TOKEN_ROWS

_ROWS = (
    *REPLY_ROWS, *TEMPORARY, *PERMANENT, UNEXPECTED, *GRAPH, *OTHERS, *LOST, *TOKEN_ROWS, *WORDS, BUSY, DOWN, UNKNOWN
)  # fmt: skip
_PASSING = (Class.TRANSIENT, Class.THROTTLE)
_KEPT = frozenset(row.rule for row in _ROWS if row.cls not in _PASSING or row.patience_s is not None)


def waits_for_mending(rule: str) -> bool:
    """Whether mail that still waits after an answer of this rule does so for a person to act.

    Of mail that waits, a rule that fails mail says the same: it was refused by a fallback and is kept for the first
    transport to be mended.
    """
    return rule in _KEPT
