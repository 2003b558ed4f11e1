"""What a line of the journal may hold: flat, on one line, valid UTF-8, and no recipient where they are hashed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.telemetry.fields import hashed, hidden, plain
from relay.telemetry.journal import Journal
from relay.telemetry.logs import open_log

ANN = "Ann.O'Neil@Contoso.test"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_the_hash_is_what_the_manual_says() -> None:
    """SHA-256 of the lower case, twelve digits, the domain kept: an administrator computes it with sha256sum."""
    digits = hashlib.sha256(b"ann.o'neil@contoso.test").hexdigest()[:12]
    assert hashed(ANN) == hashed(ANN.lower()) == f"{digits}@contoso.test"


@pytest.mark.parametrize(
    "answer",
    [
        f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {ANN.lower()} not found by SMTP address lookup",
        f"<{ANN.upper()}>",
        f"rfc822;{ANN}",
        f"write to '{ANN}'",
        "x" * 490 + " " + ANN,
    ],
)
def test_an_answer_that_quotes_a_recipient_is_scrubbed(answer: str) -> None:
    """In any case, in quotes and brackets, and where the text is cut in the middle of the address."""
    fields = plain(hidden({"answer": answer, "recipient": ANN, "to": [ANN]}, [ANN]))
    assert "neil" not in json.dumps(fields).lower()
    assert fields["recipient"] == hashed(ANN)


def test_a_recipient_inside_of_a_mapping_is_hashed() -> None:
    """The filters of an order: `relay queue drop --recipient` writes no address either."""
    fields = plain(hidden({"order": "drop", "selection": {"recipient": ANN, "device": "copier"}}, []))
    assert fields == {"order": "drop", "selection_recipient": hashed(ANN), "selection_device": "copier"}


def test_senders_and_message_ids_stay() -> None:
    """Only the recipients of the message are hidden: what finds it in Exchange's message trace is readable."""
    fields = {"sender": "mfp@contoso.test", "answer": "250 2.0.0 OK <01ABC@relay.test> [Hostname=x]"}
    assert hidden(fields, [ANN]) == fields


def test_only_whole_addresses_are_hidden() -> None:
    """Another address may end or begin like that of a recipient: it is somebody else's, such as the sender's."""
    text = hidden({"answer": "joann@x.test, ann@x.test. ann@x.test.example"}, ["ann@x.test"])["answer"]
    assert text == f"joann@x.test, {hashed('ann@x.test')}. ann@x.test.example"


def test_a_mailbox_that_writes_to_itself_stays_readable() -> None:
    """The line tells its address anyway, and its remedy has to."""
    fields = {"mailbox": ANN, "remedy": f"Set-CASMailbox {ANN}"}
    assert hidden(fields, [ANN]) == fields


@settings(deadline=None)
@given(fields=st.dictionaries(st.sampled_from(["helo", "answer", "reason", "changes"]), VALUES))
def test_every_value_is_flat_one_line_and_utf_8(fields: dict[str, Any]) -> None:
    """Whatever is handed in: text, numbers and lists of text come out."""
    for value in plain(fields).values():
        assert isinstance(value, (str, int, float, list))
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        assert all(isinstance(text, str) and len(text.splitlines()) < 2 for text in texts)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")


def test_a_line_is_one_json_object_with_time_level_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    """Surrogates of broken octets, nested values, not-a-number: any strict parser takes the line."""
    journal = Journal(open_log(form="json"), hash_recipients=True)
    journal.received(helo="caf\udce9\n", tls={"version": "1.3"}, size=float("nan"), recipients=[ANN])
    line = capsys.readouterr().out.removesuffix("\n")

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    event = json.loads(line, parse_constant=refuse)
    assert "\n" not in line
    assert event["helo"] == "caf? "
    assert event["tls_version"] == "1.3"
    assert event["recipients"] == [hashed(ANN)]
    assert {"timestamp", "level", "event"} <= event.keys()


def test_listeners_hear_no_recipient_either() -> None:
    """What goes to metrics and notifications is what the line says."""
    heard: list[dict[str, Any]] = []
    journal = Journal(open_log(form="json"), hash_recipients=True)
    journal.tell(lambda _, fields: heard.append(fields))
    journal.recipient_failed(recipient=ANN, answer=f"550 {ANN}", about=(ANN,))
    assert heard == [{"recipient": hashed(ANN), "answer": f"550 {hashed(ANN)}"}]
