"""The journal: one line for an event, and never an exception into the mail path."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from relay.telemetry.journal import Journal
from relay.telemetry.logs import open_log

EVENTS = {
    "received": "message.received", "stored": "message.stored", "client_refused": "client.refused",
    "intake_failed": "intake.failed", "session_broken": "session.broken", "session_failed": "session.failed",
    "token_fetched": "token.fetched", "delivered": "message.delivered", "deferred": "message.deferred",
    "failed": "message.failed", "uncertain": "message.uncertain", "recipient_failed": "recipient.failed",
    "paused": "profile.paused", "resumed": "profile.resumed", "delivery_broken": "delivery.broken",
}  # fmt: skip


@pytest.mark.parametrize("method", EVENTS)
def test_each_method_writes_one_line_of_its_event(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, with time and level; what is empty is left out, zero is not empty."""
    getattr(Journal(open_log(form="json")), method)(id="X", answer="", device=None, attempt=0)
    (line,) = capsys.readouterr().out.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event.pop("level") in ("info", "warning", "error")
    assert event == {"event": EVENTS[method], "id": "X", "attempt": 0}


def test_the_level_decides_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is at least as severe."""
    journal = Journal(open_log(form="json", level="warning"))
    journal.delivered(id="quiet")
    journal.failed(id="loud")
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["loud"]


def test_a_log_that_cannot_be_written_costs_the_line_and_not_the_mail() -> None:
    """A closed pipe, a full disk."""

    class Broken:
        def write(self, _: str) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    target: Any = Broken()
    Journal(structlog.wrap_logger(structlog.WriteLogger(target), processors=[])).delivered(id="X")


@pytest.mark.parametrize("helo", ["x\r\n\x1b[2Jevent=message.delivered \x9b31m\u2028", "\x1b[2J", "\x9b31m", "\u2028x"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_whatever_a_device_says_stays_on_its_line(form: str, helo: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No line end and no terminal command of a HELO reaches the screen."""
    Journal(open_log(form=form)).received(helo=helo)
    text = capsys.readouterr().out
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert "\x9b" not in text


def test_who_listens_to_some_events_hears_no_others() -> None:
    """Also when those come first that nobody asked for, and when somebody else listens later."""
    some: list[str] = []
    later: list[str] = []
    journal = Journal(open_log(form="json"))
    journal.tell(lambda event, _fields: some.append(event), {"message.failed"})
    journal.delivered(id="1")
    journal.failed(id="1")
    journal.tell(lambda event, _fields: later.append(event))
    journal.delivered(id="2")
    journal.failed(id="2")
    assert some == ["message.failed"] * 2
    assert later == ["message.delivered", "message.failed"]


def test_who_listens_late_hears_all_that_was_held(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, in order; what is written is not held back."""
    heard: list[str] = []
    journal = Journal(open_log(form="json"))
    journal.hold()
    journal.stored(id="1")
    journal.tell(lambda _event, fields: heard.append(fields["id"]))
    journal.delivered(id="2")
    assert heard == []
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["1", "2"]
    journal.let_hear()
    journal.delivered(id="3")
    assert heard == ["1", "2", "3"]
