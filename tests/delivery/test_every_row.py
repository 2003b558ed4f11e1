"""Each row of the verdict table, from the answer to what becomes of the mail: who waits, who pauses, who has failed.

What is to happen stands here once for each pair of class and scope, and not in the table: so a row whose class is
changed, or a decision that forgets one, fails.
"""

from __future__ import annotations

import pytest

from relay.config.settings import Delivery
from relay.delivery.decision import Decision, Met, Moment, decide, taken
from relay.message.address import Address
from relay.message.outcome import Kind, Scope
from relay.message.parcel import Parcel
from relay.message.reply import parse_reply
from relay.policy.effect import effect as in_words
from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_graph import GRAPH, OTHERS
from relay.policy.rows_lost import LOST
from relay.policy.verdicts import (
    REPLY_ROWS,
    TOKEN_ROWS,
    Class,
    Verdict,
    judge_graph,
    judge_lost,
    judge_reply,
    judge_token,
)
from relay.spool.store import Claim, State
from tests.policy.cases import ANSWERS, FACTS, GRAPH_ANSWERS, LOSSES
from tests.policy.cases_entra import NUMBERS, WORDED

NOW = 1_790_000_000_000
ANN, BOB = Address("ann@contoso.com"), Address("bob@contoso.com")
SETTINGS = Delivery()
ROWS = (
    *REPLY_ROWS,
    *TEMPORARY,
    *PERMANENT,
    UNEXPECTED,
    *LOST,
    *TOKEN_ROWS,
    *WORDS,
    BUSY,
    DOWN,
    UNKNOWN,
    *GRAPH,
    *OTHERS,
)
EARLY = ("connect", "greeting", "ehlo", "starttls", "token", "auth")

PAUSED = "the profile is paused until the recheck, its mail is kept for ever"
ALONE = "this message waits for the recheck, alone and for ever"
RESTS = "the mailbox rests, and the message with it"
LATER = "this message is tried again later, alone"
FAILED = "the message has failed"
HELD = "the message is held until a person has done something"
CORRUPT = "the message is shown as damaged, and never sent"
SPLIT_FAILED = "one recipient has failed, the other has the mail"
SPLIT_LATER = "one recipient is tried again, the other has the mail"

EFFECTS = {
    (Class.CONFIGURATION, Scope.MESSAGE): ALONE,
    (Class.CONFIGURATION, Scope.MAILBOX): PAUSED,
    (Class.CONFIGURATION, Scope.PROFILE): PAUSED,
    (Class.CONFIGURATION, Scope.TENANT): PAUSED,
    (Class.TRANSIENT, Scope.RECIPIENT): LATER,
    (Class.TRANSIENT, Scope.MESSAGE): LATER,
    (Class.TRANSIENT, Scope.MAILBOX): RESTS,
    (Class.TRANSIENT, Scope.PROFILE): RESTS,
    (Class.TRANSIENT, Scope.SITE): RESTS,
    (Class.THROTTLE, Scope.MESSAGE): LATER,
    (Class.THROTTLE, Scope.MAILBOX): RESTS,
    (Class.THROTTLE, Scope.PROFILE): RESTS,
    (Class.MESSAGE, Scope.MESSAGE): FAILED,
    (Class.RECIPIENT, Scope.MESSAGE): FAILED,
    (Class.HOLD, Scope.MESSAGE): HELD,
    (Class.CORRUPT, Scope.MESSAGE): CORRUPT,
}
EFFECTS_ON_ONE = EFFECTS | {
    (Class.RECIPIENT, Scope.RECIPIENT): SPLIT_FAILED,
    (Class.TRANSIENT, Scope.RECIPIENT): SPLIT_LATER,
    (Class.THROTTLE, Scope.RECIPIENT): SPLIT_LATER,
}

WORDS_FOR = {
    PAUSED: "The profile pauses",
    ALONE: "The message is kept",
    RESTS: "The mailbox rests",
    LATER: "The message is tried again",
    FAILED: "The message has failed",
    HELD: "The message is kept and shown, and not tried again",
    CORRUPT: "The message is kept and shown, and not tried again",
    SPLIT_FAILED: "The recipient has failed",
    SPLIT_LATER: "The recipient is tried again",
}

CASES = [
    *((rule, stage, judge_reply(said, stage, FACTS)) for said, stage, rule in (
        (parse_reply(int(answer[:3]), answer[4:].split("\n")), stage, rule) for answer, stage, rule, *_ in ANSWERS
    )),
    *((rule, stage, judge_lost(stage, text, FACTS)) for stage, text, rule, *_ in LOSSES),
    *((rule, "token", judge_token("odd", "audience", codes[:1], 400, FACTS)) for codes, rule, *_ in NUMBERS),
    *((rule, "token", judge_token(*case, FACTS)) for case, rule in (
        ((error, text, (), status), rule) for error, text, status, rule, *_ in WORDED
    )),
    *((rule, "final", judge_graph(answer, FACTS)) for answer, rule, *_ in GRAPH_ANSWERS),
]  # fmt: skip


def claim(*recipients: Address, age_s: float = 60) -> Claim:
    parcel = Parcel("01M8", Address("fax@contoso.com"), recipients, b"\r\n", b"", 0, eight_bit=False)
    received = NOW - int(age_s * 1000)
    return Claim(parcel, "fax", "scans", "scanner@contoso.com", attempt=1, fence=1, received_at=received)


def decided(verdict: Verdict, stage: str, age_s: float = 60) -> Decision:
    """What delivery makes of it; an answer to RCPT is for Bob alone, while Ann's was taken."""
    moment = Moment(NOW, 0.5, 0)
    if stage == "rcpt" and verdict.scope is Scope.RECIPIENT:
        met = Met(None, "250 2.0.0 OK", "final", "smtp.office365.com")
        return decide(claim(ANN, BOB, age_s=age_s), met, {BOB: (verdict, "no")}, SETTINGS, moment)
    met = Met(verdict, "no", stage, "smtp.office365.com", early=stage in EARLY)
    return decide(claim(ANN, age_s=age_s), met, {}, SETTINGS, moment)


def effect(decision: Decision) -> str:
    """The decision in the words above."""
    settlement = decision.settlement
    states = {result.address: result.state for result in settlement.recipients}
    if decision.pause_until is not None:
        return PAUSED
    if states.get(ANN) == "delivered":
        return SPLIT_FAILED if states.get(BOB) == "failed" else SPLIT_LATER
    ended = {State.FAILED: FAILED, State.HELD: HELD, State.CORRUPT: CORRUPT}
    if settlement.state in ended:
        return ended[settlement.state]
    if decision.rest_until is not None:
        return RESTS
    return ALONE if settlement.due_at == NOW + SETTINGS.recheck_s * 1000 else LATER


@pytest.mark.parametrize(("rule", "stage", "verdict"), CASES)
def test_the_queue_does_what_the_row_says(rule: str, stage: str, verdict: Verdict) -> None:
    """Answer in; the queue's part out: pause, rest, retry, split, failure with its reason."""
    decision = decided(verdict, stage)
    wanted = EFFECTS_ON_ONE if stage == "rcpt" else EFFECTS

    assert verdict.rule == rule
    assert effect(decision) == wanted[verdict.cls, verdict.scope]
    if verdict.wait_s is not None and decision.rest_until is not None:
        assert decision.rest_until == NOW + verdict.wait_s * 1000
    if decision.kind is Kind.FAILED:
        assert {result.answer for result in decision.settlement.recipients} >= {"no"}
        assert decision.settlement.remedy == verdict.remedy


@pytest.mark.parametrize(("rule", "stage", "verdict"), CASES)
def test_what_relay_explain_says_is_what_the_queue_does(rule: str, stage: str, verdict: Verdict) -> None:
    """The sentence about the relay, beside the decision."""
    assert WORDS_FOR[effect(decided(verdict, stage))] in in_words(verdict), rule


@pytest.mark.parametrize(("rule", "stage", "verdict"), CASES)
def test_only_a_refusal_ever_ends_in_failure(rule: str, stage: str, verdict: Verdict) -> None:
    """After ten days, beyond `expire_after_s`: only a refusal fails what a person could still mend."""
    decision = decided(verdict, stage, age_s=864_000)
    keeps = verdict.cls in (Class.CONFIGURATION, Class.HOLD, Class.CORRUPT) or verdict.patience_s is not None

    assert (decision.kind is Kind.FAILED) is not keeps, rule


@pytest.mark.parametrize(("rule", "stage", "verdict"), CASES)
def test_a_remedy_has_no_blanks_when_everything_is_known(rule: str, stage: str, verdict: Verdict) -> None:
    """Nothing in braces or angle brackets is left to be filled in; meaning and source are there."""
    assert not set("<>{}") & set(verdict.remedy.replace("@{Add=", "").replace("com}", "com"))
    assert verdict.remedy
    assert verdict.meaning
    assert verdict.source


def test_every_row_has_its_case() -> None:
    """A row without an answer in tests/policy/cases*.py is not finished."""
    assert {row.rule for row in ROWS} == {rule for rule, *_ in CASES}


def test_a_rule_is_named_once() -> None:
    """Log lines and the page of the manual refer to a row by it."""
    assert len({row.rule for row in ROWS}) == len(ROWS)


def test_what_should_pass_by_itself_and_does_not_is_a_matter_of_configuration() -> None:
    """430 mailbox logon failure: a permission takes effect within two hours, or was never given."""
    verdict = next(verdict for rule, _, verdict in CASES if rule == "smtp.logon-failed")

    assert effect(decided(verdict, "final", age_s=7_000)) == RESTS
    assert effect(decided(verdict, "final", age_s=7_300)) == PAUSED


def test_what_was_accepted_whole_is_decided_as_all_the_rest() -> None:
    """It is made in one go, and nothing of it may differ."""
    one, met = claim(ANN, BOB), Met(None, "250 2.0.0 OK", "final", "smtp.office365.com")
    long_way = decide(one, met, {}, SETTINGS, Moment(NOW, 0.5, 0)).told("0 C: QUIT", one.parcel.others)
    assert taken(one, met, "0 C: QUIT") == long_way
