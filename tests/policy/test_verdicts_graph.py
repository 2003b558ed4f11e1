"""Every known answer of Graph has its meaning, reach and remedy, and none loses mail by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import Delivery
from relay.message.answer import GraphAnswer
from relay.policy.rows_graph import GRAPH, OTHERS
from relay.policy.verdicts import Class, judge_graph
from relay.sandbox.graph_errors import SENTENCES
from tests.policy.cases import FACTS, GRAPH_ANSWERS

if TYPE_CHECKING:
    from relay.message.outcome import Scope

CODES = st.sampled_from(sorted({"", "Odd", "odd"} | {code for row in GRAPH for code in row.errors}))


@pytest.mark.parametrize("row", GRAPH, ids=lambda row: row.rule)
def test_the_answer_that_a_row_quotes_is_judged_by_that_row(row) -> None:  # type: ignore[no-untyped-def]
    """The table's own example, as the wire brings it."""
    _, status, code, message = row.answer.split(" ", 3)

    assert judge_graph(GraphAnswer(int(status), code, message), FACTS).rule == row.rule


@pytest.mark.parametrize(("answer", "rule", "cls", "scope", "remedy"), GRAPH_ANSWERS)
def test_an_answer_of_graph_has_its_verdict(
    answer: GraphAnswer, rule: str, cls: Class, scope: Scope, remedy: str
) -> None:
    """Answer in; rule, class, scope and a filled remedy out. A proxy in between never fails mail."""
    found = judge_graph(answer, FACTS)

    assert (rule, cls, scope) == (found.rule, found.cls, found.scope)
    assert remedy in found.remedy


def test_every_row_of_graph_has_an_answer_here() -> None:
    """A row that no test reaches is a mistake in the table."""
    assert {row.rule for row in (*GRAPH, *OTHERS)} == {case[1] for case in GRAPH_ANSWERS}


@pytest.mark.parametrize("code", SENTENCES)
def test_what_the_sandbox_says_is_known(code: str) -> None:
    """Each refusal of the pretend Graph, as it words it, has a row of its own or one of its status."""
    said = SENTENCES[code]

    assert not judge_graph(GraphAnswer(said.status, code, said.text), FACTS).unknown


@pytest.mark.parametrize(("named", "wait"), [(7.5, 7.5), (0, 1), (-3, 1), (1e9, 86_400), (float("inf"), 86_400)])
def test_graph_says_how_long_to_wait(named: float, wait: float) -> None:
    """Retry-After beats the table, within bounds."""
    assert judge_graph(GraphAnswer(429, retry_after=named), FACTS).wait_s == wait
    assert judge_graph(GraphAnswer(503, retry_after=named), FACTS).wait_s == wait


def test_without_a_named_wait_the_table_says_it() -> None:
    """429 without Retry-After."""
    assert judge_graph(GraphAnswer(429), FACTS).wait_s == 30


def test_a_wait_is_no_matter_of_a_refusal() -> None:
    """Retry-After with a configuration verdict changes nothing: the recheck decides."""
    assert judge_graph(GraphAnswer(403, "ErrorAccessDenied", retry_after=5), FACTS).wait_s is None


@given(
    st.integers(-1, 1000), CODES, st.text(max_size=200) | st.sampled_from([row.answer for row in GRAPH]),
    st.none() | st.floats(allow_nan=False),
)  # fmt: skip
def test_only_a_refusal_by_graph_fails_mail(status: int, code: str, text: str, retry_after: float | None) -> None:
    """Whatever comes back there is a verdict; trouble, throttling and what a proxy says for Graph keep the mail."""
    found = judge_graph(GraphAnswer(status, code, text, retry_after), FACTS)

    if found.cls.fails_mail:
        assert 400 <= status < 500
        assert status not in (408, 425, 429)
        assert code or status == 413


@pytest.mark.parametrize(
    "answer",
    [
        GraphAnswer(400, "ErrorMimeContentInvalidBase64String"),
        GraphAnswer(400, "BadRequest", "Bad Request"),
        GraphAnswer(302, "", "(to http://portal.local)"),
    ],
)
def test_what_only_a_configuration_explains_does_not_expire(answer: GraphAnswer) -> None:
    """A proxy that spoils requests, or a wrong address, is tried again at first; it never gives mail up."""
    patience_s = judge_graph(answer, FACTS).patience_s
    assert patience_s is not None
    assert patience_s < Delivery().expire_after_s
