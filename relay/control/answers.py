"""What an answer of Microsoft means, asked by a person: by the very table that judges the mail. Needs nothing else.

The step an answer was given at decides with its code; where the text does not say it, it is guessed, and said so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from relay.control.pasted import EntraAnswer, Lost, read
from relay.message.answer import GraphAnswer
from relay.message.outcome import Scope
from relay.policy.effect import effect
from relay.policy.verdict import Class, verdict
from relay.policy.verdict_page import CHAPTERS
from relay.policy.verdicts import (
    REPLY_ROWS,
    Facts,
    judge_graph,
    judge_lost,
    judge_reply,
    judge_token,
    sentence,
)
from relay.transport.transport import Stage
from relay.upstream.facts import facts_of

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.control.pasted import Pasted
    from relay.message.reply import Reply
    from relay.policy.verdict import Row, Verdict

STAGES = tuple(map(str, Stage))
REPORT = (
    "Please report it, so that the table learns it: open an issue of this project with the answer, the step and the "
    "rule. It names no secret; leave addresses out."
)
_ON_ONE = {row.rule for row in REPLY_ROWS if row.scope is Scope.RECIPIENT}


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer read, and everything the table says of it; `assumed` says that the step was guessed."""

    said_by: Annotated[str, "whose answer it is"]
    answer: Annotated[str, "the answer as it was read"]
    stage: Annotated[str, "the step it was given at"]
    assumed: Annotated[bool, "whether the step is a guess"]
    rule: Annotated[str, "the row of the verdict table"]
    known: Annotated[bool, "false where only the code was judged, because no row knows the answer"]
    meaning: Annotated[str, "what it means"]
    kind: Annotated[Class, "what kind of trouble it is"]
    scope: Annotated[Scope, "what it concerns"]
    effect: Annotated[str, "what the relay does"]
    remedy: Annotated[str, "what to do"]
    source: Annotated[str, "where the row comes from"]
    link: Annotated[str, "where Microsoft says more"]


# What devices hear of the relay (relay/policy/admission.py, relay/smtpd): Microsoft says none of it.
_OWN = re.compile(
    r"devices? of this relay|; see (?:senders|recipients) of .{1,80} in the relay"
    r"|set user name and password in the device|bytes; scan with a lower resolution"
    r"|messages an hour, again in|No room to store mail now"
    r"|4\.3\.[02] The (?:relay|message could not be stored)"
)
_NOT_MICROSOFT = (
    "this is what the relay itself says to a device, not Microsoft: relay explain device --from ADDRESS (in the "
    "dashboard the dry run under Devices) tells which line of the configuration decides"
)


def no_answer(text: str) -> str:
    """Why `explain_answer` says nothing to it."""
    if _OWN.search(text):
        return _NOT_MICROSOFT
    return "there is no answer of Exchange Online, Graph or Entra in this text: paste the whole line"


def explain_answer(text: str, stage: str = "", facts: Facts | None = None) -> Explained | None:
    """The verdict on a pasted answer, or on a rule of the log; None when there is no answer in the text."""
    if _OWN.search(text):
        return None
    facts = facts or Facts()
    row = _ROWS.get(text.strip())
    if row is not None:
        return _Judged("rule of the table", row.answer, "", "", verdict(row, facts)).explained()
    pasted = read(text)
    if pasted is None:
        return None
    asked = stage or pasted.stage
    return _judged(pasted, asked, facts).explained(assumed=not asked)


def facts_for(settings: Settings, profile: str) -> Facts:
    """What fills the remedies for this profile. Raises `LookupError` that names those there are."""
    if profile not in settings.profiles:
        raise LookupError(f"there is no profile {profile}; the configuration has {', '.join(settings.profiles)}")
    return facts_of(settings, profile)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verdict with how it came about."""

    whose: str
    answer: str
    stage: str
    link: str
    verdict: Verdict

    def explained(self, *, assumed: bool = False) -> Explained:
        found = self.verdict
        return Explained(
            said_by=self.whose, answer=sentence(self.answer), stage=self.stage,
            assumed=assumed and self.whose == _SMTP, rule=found.rule, known=not found.unknown, meaning=found.meaning,
            kind=found.cls, scope=found.scope, effect=effect(found), remedy=found.remedy,
            source=found.source, link=self.link,
        )  # fmt: skip


_SMTP = "Exchange Online (SMTP)"
_ROWS: dict[str, Row] = {row.rule: row for _, rows in CHAPTERS for row in rows}


def _judged(pasted: Pasted, stage: str, facts: Facts) -> _Judged:
    answer = pasted.answer
    if isinstance(answer, EntraAnswer):
        found = judge_token(answer.error, answer.description, answer.codes, answer.status, facts)
        return _Judged("Entra", answer.description or answer.error, Stage.TOKEN, _entra_link(answer, facts), found)
    if isinstance(answer, GraphAnswer):
        link = "https://learn.microsoft.com/graph/errors"
        return _Judged("Microsoft Graph", str(answer), Stage.FINAL, link, judge_graph(answer, facts))
    if isinstance(answer, Lost):
        stage = stage or Stage.CONNECT
        return _Judged("no answer", answer.text, stage, "", judge_lost(stage, answer.text, facts))
    stage = stage or _likely_stage(answer, facts)
    return _Judged(_SMTP, str(answer), stage, "https://aka.ms/EXONDRs", judge_reply(answer, stage, facts))


def _likely_stage(reply: Reply, facts: Facts) -> str:
    """The first step at which the table knows the answer; the end of a message is where Exchange says most."""
    if reply.code in (504, 534, 535, 538):
        return Stage.AUTH
    for stage in (Stage.FINAL, Stage.RCPT, Stage.MAIL, Stage.AUTH, Stage.GREETING):
        found = judge_reply(reply, stage, facts)
        if not found.unknown:
            return Stage.RCPT if found.rule in _ON_ONE else stage
    return Stage.FINAL


def _entra_link(answer: EntraAnswer, facts: Facts) -> str:
    host = facts.login_host or "login.microsoftonline.com"
    return f"https://{host}/error" + (f"?code={answer.codes[0]}" if answer.codes else "")
