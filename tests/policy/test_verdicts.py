"""Every known answer of Exchange Online has its meaning, reach and remedy, and none loses mail by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.outcome import Scope
from relay.message.reply import Reply, parse_reply
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_lost import LOST
from relay.policy.verdicts import REPLY_ROWS, Class, Facts, Verdict, judge_lost, judge_reply, sentence
from tests.policy.cases import ANSWERS, FACTS, LOSSES, TRAILER, UNSUCCESSFUL

stages = st.sampled_from(
    ["connect", "greeting", "ehlo", "starttls", "token", "auth", "mail", "rcpt", "data", "final", "bogus", ""]
)
wordings = st.one_of(st.text(max_size=200), st.sampled_from([answer for answer, *_ in ANSWERS]))
enhanced_codes = st.one_of(st.just(""), st.text(max_size=12), st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True))


def said(answer: str) -> Reply:
    code, _, text = answer.partition(" ")
    return parse_reply(int(code), text.split("\n"))


@pytest.mark.parametrize(("answer", "stage", "rule", "cls", "scope", "remedy"), ANSWERS)
def test_an_answer_has_its_verdict(answer: str, stage: str, rule: str, cls: Class, scope: Scope, remedy: str) -> None:
    """Answer in; rule, class, scope and a filled remedy out."""
    verdict = judge_reply(said(answer), stage, FACTS)

    assert (rule, cls, scope) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy
    assert verdict.meaning
    assert verdict.source


@pytest.mark.parametrize(("stage", "text", "rule", "cls", "scope", "remedy"), LOSSES)
def test_a_lost_session_has_its_verdict(
    stage: str, text: str, rule: str, cls: Class, scope: Scope, remedy: str
) -> None:
    """What the network said in; rule, class, scope and a filled remedy out."""
    verdict = judge_lost(stage, text, FACTS)

    assert (rule, cls, scope) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


def test_every_row_has_an_answer_here_that_it_judges() -> None:
    """A row that no test reaches, because another row hides it, is a mistake in the table."""
    rows = [*REPLY_ROWS, *TEMPORARY, *PERMANENT, UNEXPECTED, *LOST]
    judged = {case[2] for case in (*ANSWERS, *LOSSES)}

    assert {row.rule for row in rows} == judged
    assert len(rows) == len(judged)


@given(st.integers(-1, 1000), enhanced_codes, wordings, stages)
def test_no_answer_escapes(code: int, enhanced: str, text: str, stage: str) -> None:
    """Whatever the other side says at whatever step, there is a verdict whose blanks are filled."""
    verdict = judge_reply(Reply(code, enhanced, text), stage, FACTS)

    assert isinstance(verdict, Verdict)
    assert "{" not in verdict.remedy.replace("@{Add", "")


@given(stages, wordings)
def test_a_lost_session_never_fails_mail(stage: str, text: str) -> None:
    """Without an answer nothing is final."""
    assert not judge_lost(stage, text, FACTS).cls.fails_mail


@given(st.integers(400, 499), enhanced_codes, wordings, stages)
def test_a_temporary_answer_never_fails_mail(code: int, enhanced: str, text: str, stage: str) -> None:
    """A 4xx stays temporary, whatever its text and its enhanced code pretend."""
    assert not judge_reply(Reply(code, enhanced, text), stage, FACTS).cls.fails_mail


@pytest.mark.parametrize("answer", sorted({answer for answer, *_ in ANSWERS}))
def test_a_known_wording_with_a_temporary_code_is_temporary(answer: str) -> None:
    """The words of a final refusal, its enhanced code even, under a 4xx: the code says try again, so it is tried."""
    reply = said(answer)

    for stage in ("mail", "rcpt", "data", "final"):
        assert not judge_reply(Reply(450, reply.enhanced, reply.text), stage, FACTS).cls.fails_mail


@given(st.integers(200, 999), enhanced_codes, wordings, st.sampled_from(["greeting", "ehlo", "starttls", "auth", "?"]))
def test_nothing_before_mail_fails_mail(code: int, enhanced: str, text: str, stage: str) -> None:
    """A message that was not yet named to the server cannot have been refused by it."""
    assert not judge_reply(Reply(code, enhanced, text), stage, FACTS).cls.fails_mail


@given(st.integers(400, 599), enhanced_codes, wordings)
def test_an_answer_to_rcpt_never_fails_the_message(code: int, enhanced: str, text: str) -> None:
    """A refused recipient fails alone."""
    verdict = judge_reply(Reply(code, enhanced, text), "rcpt", FACTS)

    assert verdict.cls is not Class.MESSAGE
    assert not verdict.cls.fails_mail or verdict.scope is Scope.RECIPIENT


@pytest.mark.parametrize(("rule_of", "stage", "wait"), [
    ("432 4.3.2 Concurrent connections limit exceeded", "final", 30),
    ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", "mail", 60),
    ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "final", 3600),
    ("535 5.7.3 Authentication unsuccessful", "auth", None),
])  # fmt: skip
def test_a_throttle_says_how_long(rule_of: str, stage: str, wait: float | None) -> None:
    """Throttling names its pause; everything else leaves it to the schedule."""
    assert wait == judge_reply(said(rule_of), stage, FACTS).wait_s


def test_the_trailer_is_stripped_and_other_brackets_stay() -> None:
    """`[host time id]` differs each time and is left out for grouping; what Exchange says in brackets is kept."""
    assert sentence("Access denied [203.0.113.9]\r\n again" + TRAILER) == "Access denied [203.0.113.9] again"
    assert sentence("limit exceeded. [Hostname=DM4PR18MB4126]") == "limit exceeded."


@pytest.mark.parametrize("trailer", [
    "[AM0PR02CA0134.eurprd02.prod.outlook.com 2024-07-11T11:46:49.042Z 08DCA18218166FB4]",
    "[SN2PR00CA0018.namprd00.prod.outlook.com]",
    "[Hostname=DM4PR18MB4126.namprd18.prod.outlook.com]",
    "[MAXPR0101CA0021.INDPRD01.PROD.OUTLOOK.COM]",
    "[SA1P110CA0019.NAMP110.PROD.OUTLOOK.COM 2026-01-02T03:04:05.678Z 08DE4A6028D26C22]",
    "[SHXPR01CA0012.CHNPR01.prod.partner.outlook.cn 2026-01-02T03:04:05.678Z 08DE4A6028D26C22]",
])  # fmt: skip
def test_each_trailer_that_was_seen_is_stripped(trailer: str) -> None:
    """Literally as Exchange Online wrote them, in three clouds; the row is the same with and without."""
    bare = "535 5.7.3 Authentication unsuccessful"

    assert sentence(f"{bare} {trailer}") == bare
    assert judge_reply(said(f"{bare} {trailer}"), "auth", FACTS) == judge_reply(said(bare), "auth", FACTS)


def test_diagnostics_do_not_decide() -> None:
    """Several KB of Exchange's diagnostics may hold any word; only what stands before them counts."""
    text = "554 5.9.9 odd [BeginDiagnosticData]SendAsDenied mailbox full" + " x" * 4000

    assert judge_reply(said(text), "final", FACTS).rule == "smtp.other-5xx-message"


def test_a_hostile_sender_cannot_write_the_command() -> None:
    """A device chooses its sender, an administrator pastes the remedy: quotes of all kinds stay inside one string."""
    sender = "x'; Remove-Mailbox \u2019boss\u2019\n@contoso.com"
    remedy = judge_reply(said("554 5.2.252 no"), "final", Facts(sender=sender)).remedy

    assert "'x''; Remove-Mailbox \u2019\u2019boss\u2019\u2019@contoso.com'" in remedy


def test_a_hostile_answer_cannot_write_the_command_either() -> None:
    """The sender that the answer names is quoted like any other."""
    text = "554 5.2.252 SendAsDenied; a@x not allowed to send as $(calc)@x; more"

    assert "Add-RecipientPermission '$(calc)@x' -Trustee" in judge_reply(said(text), "final", FACTS).remedy


def test_a_missing_fact_shows_as_a_blank() -> None:
    """What the caller does not know stands in angle brackets, and not as a hole in the command."""
    reply = said(UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Mailbox.")
    remedy = judge_reply(reply, "auth", Facts()).remedy

    assert remedy == "Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false"
