"""Answers that no row knows are counted by what they say, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.policy.unknown import Unknown, Unknowns, counted
from relay.policy.verdict_page import CHAPTERS
from tests.policy.cases import TRAILER

ODD = "smtp.other-5xx-message"


def test_the_same_sentence_is_one_group() -> None:
    """Host, time and session id differ each time and do not count."""
    again = " [SN2PR00CA0018.namprd00.prod.outlook.com 2026-01-01T00:00:00.000Z 01]"
    rows = [(ODD, "final", "554 5.9.9 odd" + TRAILER, 1), (ODD, "final", "554 5.9.9 odd" + again, 3)]

    assert counted(rows) == [Unknown(ODD, "final", "554 5.9.9 odd", 2, 3)]


def test_steps_and_sentences_are_told_apart_and_the_most_frequent_comes_first() -> None:
    """What is worth reporting most stands on top."""
    rows = [(ODD, "final", "554 a", 1), (ODD, "data", "554 b", 2), (ODD, "data", "554 b", 3)]

    assert [(group.stage, group.times) for group in counted(rows)] == [("data", 2), ("final", 1)]


def test_what_the_table_knows_is_not_counted() -> None:
    """Neither is a delivery, which has no rule."""
    assert counted([("smtp.mailbox-full", "final", "554 5.2.2 mailbox full", 1), ("", "final", "250 ok", 1)]) == []


def test_the_rules_that_count_are_those_that_judge_by_the_code_alone() -> None:
    """Each chapter's catch-all rows, and no others."""
    rules = {row.rule for _, rows in CHAPTERS for row in rows}

    assert {rule for rule in rules if counted([(rule, "final", "x", 1)])} == {
        "smtp.other-4xx-recipient", "smtp.other-4xx-message", "smtp.other-4xx-sign-in", "smtp.other-4xx-session",
        "smtp.other-5xx-recipient", "smtp.other-5xx-message", "smtp.other-5xx-ehlo", "smtp.other-5xx-session",
        "smtp.other-5xx-greeting", "smtp.other-code", "entra.other", "graph.other-refusal", "graph.other-4xx",
        "graph.other-5xx", "graph.other-status",
    }  # fmt: skip


@given(st.lists(st.integers(0, 50), max_size=100))
def test_the_number_of_groups_is_bounded(numbers: list[int]) -> None:
    """A server that invents a new sentence each time costs a fixed amount of memory; the latest are kept."""
    unknowns = Unknowns(most=5)
    for at, number in enumerate(numbers):
        unknowns.note(ODD, "final", f"554 {number}", at)

    latest = list(dict.fromkeys(f"554 {number}" for number in reversed(numbers)))[:5]
    assert {group.answer for group in unknowns.groups()} == set(latest)
