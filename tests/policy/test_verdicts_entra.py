"""Every known answer of Entra has its meaning and its remedy, and none of them ever fails mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import Delivery
from relay.message.outcome import Scope
from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.verdicts import TOKEN_ROWS, Class, judge_token
from relay.sandbox.aadsts import SENTENCES
from tests.policy.cases import FACTS
from tests.policy.cases_entra import NUMBERS, ONE_BY_ONE, WORDED


@pytest.mark.parametrize(("code", "rule", "cls", "remedy"), ONE_BY_ONE)
def test_a_number_has_its_verdict(code: int, rule: str, cls: Class, remedy: str) -> None:
    """AADSTS number in; rule, class, the profile as scope and a filled remedy out."""
    said = "audience claim does not match; JWT" if rule == "entra.assertion-audience" else "text"
    verdict = judge_token("invalid_client", said, (code,), 400, FACTS)

    assert (rule, cls, Scope.PROFILE) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


@pytest.mark.parametrize(("error", "description", "status", "rule", "cls", "remedy"), WORDED)
def test_without_a_number_word_and_status_decide(
    error: str, description: str, status: int, rule: str, cls: Class, remedy: str
) -> None:
    """OAuth word, description and HTTP status in; rule, class and a filled remedy out."""
    verdict = judge_token(error, description, (), status, FACTS)

    assert (rule, cls, Scope.PROFILE) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


def test_every_row_is_judged_here() -> None:
    """Each row of the table, and each of its numbers, has its case above."""
    rows = [*TOKEN_ROWS, *WORDS, BUSY, DOWN, UNKNOWN]
    judged = {rule for _, rule, *_ in NUMBERS} | {rule for _, _, _, rule, *_ in WORDED}

    assert {row.rule for row in rows} == judged
    assert len(rows) == len(judged)
    assert sorted(code for row in TOKEN_ROWS for code in row.codes) == sorted(code for code, *_ in ONE_BY_ONE)


def test_the_number_is_read_from_the_text_when_it_came_alone() -> None:
    """MSAL does not always hand over the list of codes."""
    text = "AADSTS7000222: The provided client secret keys for app 'c1d2' are expired. Trace ID: 0"

    assert judge_token("invalid_client", text, (), 401, FACTS).rule == "entra.secret-expired"


@pytest.mark.parametrize("code", SENTENCES)
def test_what_the_sandbox_says_is_known(code: int) -> None:
    """Each refusal of the pretend Entra, as it words it: by its number, else by its OAuth word."""
    said = SENTENCES[code]

    assert not judge_token(said.error, f"AADSTS{code}: {said.text}", (code,), said.status, FACTS).unknown


def test_entra_says_how_long_to_wait() -> None:
    """Retry-After beats the table; a refused credential waits for the recheck all the same."""
    assert judge_token("", "", (), 429, FACTS, 17).wait_s == 17
    assert judge_token("invalid_client", "", (7000215,), 401, FACTS, 17).wait_s is None


def test_the_first_number_that_is_known_decides() -> None:
    """Entra lists several numbers; unknown ones are passed over."""
    assert judge_token("invalid_grant", "", (1, 53003, 65001), 400, FACTS).rule == "entra.conditional-access"


@given(
    st.one_of(st.text(max_size=30), st.sampled_from([word for row in WORDS for word in row.errors])),
    st.text(max_size=200),
    st.lists(st.integers(), max_size=3).map(tuple),
    st.integers(-1, 1000),
)
def test_no_token_answer_escapes_or_fails_mail(error: str, text: str, codes: tuple[int, ...], status: int) -> None:
    """Whatever Entra says, there is a verdict, and the mail is kept."""
    assert not judge_token(error, text, codes, status, FACTS).cls.fails_mail


@pytest.mark.parametrize("error", ["unreachable", "timeout", "bad_answer"])
def test_mail_does_not_expire_for_want_of_a_token(error: str) -> None:
    """Entra is never away for a day: by then it is the proxy, the firewall or the authority that has to be mended."""
    patience_s = judge_token(error, "ProxyError: 407 Proxy Authentication Required", (), 0, FACTS).patience_s
    assert patience_s is not None
    assert patience_s < Delivery().expire_after_s
