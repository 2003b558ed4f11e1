"""What an answer of Exchange Online, Graph or Entra means, how far it reaches, and what to do about it.

Four judges: for an SMTP reply, for an answer of Graph, for a token that did not come, and for a session that ended
without an answer. Each always gives a verdict and never raises. What delivery does with it:

- transient: the mail is deferred and tried again by the schedule (or after `wait_s`; what a message still gets when it
  is `patience_s` old counts as configuration). Scope recipient and message touch
  nobody else; mailbox and profile make their other mail wait too; site all mail to that endpoint.
- throttle: the same, after `wait_s` seconds.
- configuration: the mail is kept, never failed, and tried again every recheck interval. Scope message means that this
  message waits while others go on; mailbox, profile and tenant are paused.
- message: the mail has failed.
- recipient: it has failed for the one recipient (scope recipient), or, when the answer came for the whole message
  (scope message), for some recipient of it that the answer does not name.
- hold, corrupt: the relay itself cannot read what it stored. The mail is kept and shown, not failed and not tried.

A wrong token (535 5.7.3) is a configuration verdict for the profile; that the token is dropped and the sign-in tried
once more before is delivery's part.

Order: the sentence before the code, because Exchange puts many causes under one code; then the enhanced code, then the
three digits, then the code class by step. Two laws stand above the table: no 4xx, and no answer before MAIL, ever fails
mail. An answer to RCPT touches that recipient only; a temporary one before MAIL touches the whole endpoint. Microsoft
warns against logic on the wording of Entra's texts, so no token verdict ever fails mail. Of Graph's answers only an
error code under a 4xx, and a message that is too large, fail mail.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.message.outcome import Scope
from relay.policy.rows_beyond import RETURNED, STRANGER
from relay.policy.rows_entra_app import APP
from relay.policy.rows_entra_user import USER
from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_limits import LIMITS
from relay.policy.rows_local import LOCAL
from relay.policy.rows_lost import LOST
from relay.policy.rows_signin import SIGN_IN
from relay.policy.rows_submission import CONTENT, ORGANIZATION, RECIPIENTS, SENDERS
from relay.policy.sentence import READ, sentence
from relay.policy.verdict import Class, Facts, Verdict, verdict, waiting
from relay.policy.verdicts_graph import judge_graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.message.reply import Reply
    from relay.policy.verdict import ReplyRow, Row, TokenRow

__all__ = [
    "REPLY_ROWS",
    "TOKEN_ROWS",
    "Class",
    "Facts",
    "Verdict",
    "judge_graph",
    "judge_lost",
    "judge_reply",
    "judge_token",
    "sentence",
]

REPLY_ROWS = (*LOCAL, *SIGN_IN, *LIMITS, *SENDERS, *ORGANIZATION, *STRANGER, *RECIPIENTS, *RETURNED, *CONTENT)
TOKEN_ROWS = (*APP, *USER)

_WITH_MAIL = ("mail", "rcpt", "data", "final")
_ENHANCED = re.compile(r"#?([245]\.\d{1,3}\.\d{1,3})(?![.\d])")
_AADSTS = re.compile(r"AADSTS(\d{4,9})")


def judge_reply(reply: Reply, stage: str, facts: Facts) -> Verdict:
    """The verdict on an SMTP reply that was not the one hoped for, given at this `relay.transport.transport.Stage`."""
    if reply.code == 421 and stage == "rcpt":
        stage = "mail"  # 421 closes the session: it is not about the recipient
    text = sentence(f"{reply.code} {reply.enhanced} {reply.text}")
    row = _known(reply, text, stage) or _by_code_class(reply.code, stage)
    named = re.search(row.says, text, re.IGNORECASE) if "(?P<sender>" in row.says else None
    if named and named["sender"]:
        facts = replace(facts, sender=named["sender"])
    cls, scope = _reach(row, stage)
    return verdict(row, facts, cls=cls, scope=scope)


def judge_token(
    error: str, description: str, codes: tuple[int, ...], status: int, facts: Facts, retry_after: float | None = None
) -> Verdict:
    """The verdict on a `relay.tokens.source.TokenError`: by AADSTS number, else by HTTP status, else by error word."""
    numbers = codes or tuple(int(digits) for digits in _AADSTS.findall(description[:READ]))
    busy = _by_status(status)
    row = _numbered(numbers, description)
    if row is None or (busy and row.cls is Class.CONFIGURATION):
        row = busy or _worded(error, description) or (DOWN if status == 0 else UNKNOWN)
    return waiting(verdict(row, facts), retry_after)


def judge_lost(stage: str, text: str, facts: Facts) -> Verdict:
    """The verdict on a session that ended at `stage` without an answer; `text` is what the error said."""
    text = sentence(text)
    rows = (row for row in LOST if not row.stages or stage in row.stages)
    return verdict(next(row for row in rows if re.search(row.says, text, re.IGNORECASE)), facts)


def _known(reply: Reply, text: str, stage: str) -> ReplyRow | None:
    rows = [row for row in REPLY_ROWS if _may(row, reply, stage)]
    enhanced = reply.enhanced or _enhanced_in(reply.text)
    return (
        _first(row for row in rows if row.says and re.search(row.says, text, re.IGNORECASE))
        or _first(row for row in rows if any(_within(enhanced, span) for span in row.enhanced))
        or _first(row for row in rows if reply.code in row.codes)
    )


def _first(rows: Iterable[ReplyRow]) -> ReplyRow | None:
    return next(iter(rows), None)


def _may(row: ReplyRow, reply: Reply, stage: str) -> bool:
    if row.stages and stage not in row.stages:
        return False
    return not row.cls.fails_mail or (500 <= reply.code < 600 and stage in _WITH_MAIL)


def _enhanced_in(text: str) -> str:
    found = _ENHANCED.match(text.lstrip())
    return found[1] if found else ""


def _within(enhanced: str, span: str) -> bool:
    """Whether an enhanced code is the one named, or in the range named ("5.7.606-649")."""
    first, _, last = span.partition("-")
    if not last:
        return enhanced == first
    kind, _, detail = enhanced.rpartition(".")
    prefix, _, low = first.rpartition(".")
    return kind == prefix and detail.isdecimal() and int(low) <= int(detail) <= int(last)


def _by_code_class(code: int, stage: str) -> ReplyRow:
    rows = TEMPORARY if 400 <= code < 500 else PERMANENT if 500 <= code < 600 else (UNEXPECTED,)
    return next(row for row in rows if not row.stages or stage in row.stages)


def _reach(row: ReplyRow, stage: str) -> tuple[Class, Scope]:
    """Class and scope of a row at a step: who was answered is known by the step better than by the row."""
    if stage == "rcpt":
        if row.scope is Scope.MESSAGE and row.cls is not Class.CONFIGURATION:
            return Class.RECIPIENT if row.cls is Class.MESSAGE else row.cls, Scope.RECIPIENT
        return row.cls, row.scope
    if row.cls is Class.TRANSIENT and stage not in _WITH_MAIL and row.scope in (Scope.RECIPIENT, Scope.MESSAGE):
        return row.cls, Scope.SITE
    return row.cls, Scope.MESSAGE if row.scope is Scope.RECIPIENT else row.scope


def _numbered(numbers: Iterable[int], description: str) -> Row | None:
    rows = [row for row in TOKEN_ROWS if re.search(row.says, description[:READ], re.IGNORECASE)]
    return next((row for number in numbers for row in rows if number in row.codes), None)


def _by_status(status: int) -> TokenRow | None:
    return BUSY if status == 429 else DOWN if 500 <= status < 600 else None


def _worded(error: str, description: str) -> TokenRow | None:
    for row in WORDS:
        if error in row.errors and re.search(row.says, description[:READ], re.IGNORECASE):
            return row
    return None
