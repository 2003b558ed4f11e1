"""The verdict on an answer of Microsoft Graph: sentence before error code before HTTP status before its class.

One law stands above the table: only a refusal of this message, and not of the request, fails mail. That is an error
code of Graph's own under a 4xx (401, 403 and 404 are the configuration's unless the code says otherwise), and 413; a
server's trouble, throttling, and what a proxy says for Graph never do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.policy.rows_graph import GRAPH, OTHER_4XX, OTHER_5XX, OTHER_REFUSAL, OTHER_STATUS
from relay.policy.sentence import sentence
from relay.policy.verdict import verdict, waiting

if TYPE_CHECKING:
    from relay.message.answer import GraphAnswer
    from relay.policy.verdict import Facts, GraphRow, Verdict

_TRY_AGAIN = (408, 425, 429)


def judge_graph(answer: GraphAnswer, facts: Facts) -> Verdict:
    """The verdict on an answer that was not 202; a wait that Graph names replaces the table's."""
    return waiting(verdict(_known(answer) or _by_status_class(answer), facts), answer.retry_after)


def _known(answer: GraphAnswer) -> GraphRow | None:
    rows = [row for row in GRAPH if _may(row, answer)]
    text, code = sentence(answer.message), answer.code.lower()
    hits = (
        *(row for row in rows if row.says and re.search(row.says, text, re.IGNORECASE)),
        *(row for row in rows if code in map(str.lower, row.errors)),
        *(row for row in rows if answer.status in row.statuses),
    )
    return hits[0] if hits else None


def _may(row: GraphRow, answer: GraphAnswer) -> bool:
    return not row.cls.fails_mail or _is_refusal(answer)


def _is_refusal(answer: GraphAnswer) -> bool:
    """Whether it is the message that is refused, and by Graph."""
    if answer.status == 413:
        return True
    return bool(answer.code) and 400 <= answer.status < 500 and answer.status not in _TRY_AGAIN


def _by_status_class(answer: GraphAnswer) -> GraphRow:
    if 500 <= answer.status < 600:
        return OTHER_5XX
    if not 400 <= answer.status < 500:
        return OTHER_STATUS
    if answer.status in _TRY_AGAIN:
        return OTHER_5XX
    return OTHER_REFUSAL if answer.status in (400, 422) and _is_refusal(answer) else OTHER_4XX
