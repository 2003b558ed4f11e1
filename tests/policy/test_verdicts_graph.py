"""Every known answer of Graph has its meaning, reach and remedy, and none loses mail by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.answer import GraphAnswer
from relay.message.outcome import Scope
from relay.policy.rows_graph import GRAPH
from relay.policy.verdicts import Class, Facts, judge_graph

FACTS = Facts(
    profile="scans", mailbox="scanner@contoso.com", account="scanner@contoso.com", sender="boss@contoso.com",
    app="contoso", tenant="contoso.com", client_id="c1d2", graph_host="graph.microsoft.com", message="01M8",
)  # fmt: skip
CODES = st.sampled_from(sorted({"", "Odd", "odd"} | {code for row in GRAPH for code in row.errors}))


@pytest.mark.parametrize("row", GRAPH, ids=lambda row: row.rule)
def test_the_answer_that_a_row_quotes_is_judged_by_that_row(row) -> None:  # type: ignore[no-untyped-def]
    """The table's own example, as the wire brings it."""
    _, status, code, message = row.answer.split(" ", 3)

    assert judge_graph(GraphAnswer(int(status), code, message), FACTS).rule == row.rule


@pytest.mark.parametrize(("answer", "rule", "cls", "scope"), [
    (GraphAnswer(401, "UnknownError"), "graph.token-refused", Class.CONFIGURATION, Scope.PROFILE),
    (GraphAnswer(403, "Odd"), "graph.access-denied", Class.CONFIGURATION, Scope.PROFILE),
    (GraphAnswer(403, "ErrorSendAsDenied"), "graph.send-as-denied", Class.CONFIGURATION, Scope.MESSAGE),
    (GraphAnswer(404, "Odd"), "graph.mailbox-unknown", Class.CONFIGURATION, Scope.MAILBOX),
    (GraphAnswer(429), "graph.throttled", Class.THROTTLE, Scope.MAILBOX),
    (GraphAnswer(507), "graph.mailbox-full", Class.CONFIGURATION, Scope.MAILBOX),
    (GraphAnswer(413), "graph.request-too-big", Class.MESSAGE, Scope.MESSAGE),
    (GraphAnswer(504), "graph.service-trouble", Class.TRANSIENT, Scope.MESSAGE),
    (GraphAnswer(400, "BadRequest", "odd"), "graph.other-refusal", Class.MESSAGE, Scope.MESSAGE),
    (GraphAnswer(400, "", "<html>"), "graph.other-4xx", Class.CONFIGURATION, Scope.MESSAGE),
    (GraphAnswer(407, "", "Proxy Authentication Required"), "graph.other-4xx", Class.CONFIGURATION, Scope.MESSAGE),
    (GraphAnswer(599), "graph.other-5xx", Class.TRANSIENT, Scope.MESSAGE),
    (GraphAnswer(200, "", "<html>"), "graph.other-status", Class.TRANSIENT, Scope.MESSAGE),
])  # fmt: skip
def test_the_status_decides_where_no_code_does(answer: GraphAnswer, rule: str, cls: Class, scope: Scope) -> None:
    """A proxy in between never fails mail; an unknown refusal by Graph itself does."""
    found = judge_graph(answer, FACTS)

    assert (rule, cls, scope) == (found.rule, found.cls, found.scope)


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
