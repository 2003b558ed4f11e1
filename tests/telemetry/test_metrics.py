"""What the journal tells, counted."""

from __future__ import annotations

from typing import Any

import pytest

from relay.policy.verdicts import REPLY_ROWS
from relay.telemetry.journal import Journal
from relay.telemetry.logs import open_log
from relay.telemetry.metrics import MOST_SERIES, OTHERS, Metrics

ATTEMPT: dict[str, Any] = {"id": "X", "device": "copier", "profile": "box", "ms": 250.0, "age_s": 2.0, "rule": ""}
ROW = next(row for row in REPLY_ROWS if row.cls == "throttle")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def journal(metrics: Metrics) -> Journal:
    """One that only counts."""
    journal = Journal(open_log(form="json", level="error"))
    journal.tell(metrics.heard)
    return journal


def test_an_attempt_counts_for_its_message_and_for_what_was_answered(journal: Journal, metrics: Metrics) -> None:
    """By the class of the verdict, never by text."""
    journal.delivered(**ATTEMPT)
    journal.deferred(**ATTEMPT | {"rule": ROW.rule, "answer": "451 4.7.500 some words"})
    journal.uncertain(**ATTEMPT)
    journal.deferred(**ATTEMPT | {"rule": "smtp.other-4xx"})
    answers = {labels[1]: count for labels, count in metrics.counters["relay_upstream_answers"].items()}
    assert answers == {"accepted": 1, "throttle": 1, "uncertain": 1, "other": 1}
    assert metrics.counters["relay_messages_deferred"] == {("copier", "box"): 2}
    assert metrics.counters["relay_unknown_answers"] == {(): 1}
    attempts, deliveries = metrics.histograms["relay_attempt_seconds"], metrics.histograms["relay_delivery_seconds"]
    assert (sum(attempts.counts), attempts.total, attempts.counts[1]) == (4, 1.0, 4)
    assert (sum(deliveries.counts), deliveries.total) == (1, 2.0)


def test_a_message_in_two_envelopes_is_delivered_once(journal: Journal, metrics: Metrics) -> None:
    """With the last of them; each is an attempt and an answer."""
    journal.delivered(**ATTEMPT, left=3)
    journal.delivered(**ATTEMPT)
    assert metrics.counters["relay_messages_delivered"] == {("copier", "box"): 1}
    assert metrics.counters["relay_upstream_answers"] == {("box", "accepted"): 2}
    assert sum(metrics.histograms["relay_attempt_seconds"].counts) == 2


def test_what_takes_longer_than_all_bounds_is_counted(journal: Journal, metrics: Metrics) -> None:
    """In the last bucket; one that is exactly at a bound is in the bucket of that bound."""
    for ms in (5.0, 5.1, 60_000.0):
        journal.stored(id="X", device="copier", profile="box", size=10, ms=ms)
    accept = metrics.histograms["relay_accept_seconds"]
    assert (accept.counts[0], accept.counts[1], accept.counts[-1]) == (1, 1, 1)
    assert metrics.counters["relay_received_bytes"] == {("copier",): 30}


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"reply": "550 5.7.1 who are <you>?"}, "550 5.7.1"),
        ({"reply": "421 too many"}, "421"),
        ({"reply": "whatever a mistake left"}, "none"),
        ({"reply": "550 5.1.10 not here", "id": "X"}, "upstream"),
    ],
)
def test_a_refusal_is_counted_by_its_codes(journal: Journal, metrics: Metrics, fields: Any, label: str) -> None:
    """A text, which may hold what a client said, would be a series for each."""
    journal.client_refused(client="192.0.2.1", helo="x" * 500, **fields)
    assert metrics.counters["relay_client_refused"] == {(label,): 1}


def test_series_are_bounded(metrics: Metrics) -> None:
    """Whatever names reloads bring; none is lost in the sum."""
    for number in range(MOST_SERIES + 10):
        metrics.add("relay_messages_received", (f"device-{number}", "box"))
    series = metrics.counters["relay_messages_received"]
    assert len(series) == MOST_SERIES + 1
    assert series[OTHERS, OTHERS] == 10


def test_a_copy_stays_as_it_is(journal: Journal, metrics: Metrics) -> None:
    """A page is printed in a thread while the loop goes on counting."""
    journal.delivered(**ATTEMPT)
    copy = metrics.copy()
    journal.delivered(**ATTEMPT)
    assert copy.counters["relay_messages_delivered"] == {("copier", "box"): 1}
    assert sum(copy.histograms["relay_attempt_seconds"].counts) == 1


def test_events_that_lack_what_is_counted_disturb_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """The line is written all the same."""
    journal = Journal(open_log(form="json"))
    journal.tell(Metrics().heard)
    journal.stored()
    journal.failed(id="X")
    assert "message.failed" in capsys.readouterr().out
