"""What the relay adds when it accepts: a trace always, Date and Message-ID where they are missing."""

from __future__ import annotations

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from relay.message.repair import Arrival, missing, received

ARRIVAL = Arrival(
    id="01ARZ3NDEKTSV4RRFFQ69G5FAV", at=1_700_000_000, client="10.0.2.17", helo="copier", hostname="relay.test",
    protocol="ESMTPS",
)  # fmt: skip


@given(st.text(max_size=300), st.sampled_from(["10.0.2.17", "fe80::1%eth0", "local"]))
def test_the_trace_is_one_field_whatever_the_device_says_of_itself(helo: str, client: str) -> None:
    """No octet of it can end the field."""
    arrival = Arrival(id="X", at=0, client=client, helo=helo, hostname="relay.test", protocol="SMTP")
    parsed = message_from_bytes(received(arrival) + b"\r\n")
    assert parsed.keys() == ["Received"]
    assert parsed.get_payload() == ""
    assert received(arrival).isascii()


def test_the_trace_names_client_and_message() -> None:
    """As RFC 5321 §4.4 wants it."""
    text = received(ARRIVAL).decode()
    assert text.startswith("Received: from copier ([10.0.2.17])\r\n\tby relay.test with ESMTPS id 01ARZ3")
    assert text.endswith("\tTue, 14 Nov 2023 22:13:20 +0000\r\n")


def test_only_what_is_missing_is_added() -> None:
    """And named."""
    both, names = missing(b"Subject: x\r\n", ARRIVAL)
    assert both == (b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <01ARZ3NDEKTSV4RRFFQ69G5FAV@relay.test>\r\n")
    assert names == ("date-added", "message-id-added")
    assert missing(b"date: x\r\nMESSAGE-ID: y\r\n", ARRIVAL) == (b"", ())
