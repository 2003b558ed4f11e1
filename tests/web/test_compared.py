"""What changed in a header, and what stood out in a conversation."""

from __future__ import annotations

from relay.web.compared import Field, compared
from relay.web.milestones import milestones


def test_fields_are_compared_whole() -> None:
    """A folded field is one; what was changed is gone, then new; what stayed is told once."""
    before = "From: a@b.test\nSubject: one\n two\n"
    after = "Date: now\r\nFrom: c@d.test\r\nSubject: one\n two\r\n"
    found = compared(before, after)
    assert [one.mark for one in found] == ["gone", "new", "new", ""]
    assert found[-1] == Field("", "Subject: one\n two")


def test_nothing_changed_is_nothing_marked() -> None:
    """Other line ends are no change of a field."""
    assert {one.mark for one in compared("A: 1\nB: 2\n\n", "A: 1\r\nB: 2\r\n")} == {""}


def test_what_stayed_around_a_change_is_no_change() -> None:
    """A field that came between others alone is marked."""
    marks = [one.mark for one in compared("A: 1\nA: 1\nB: 2\nB: 2\n", "A: 1\nA: 1\nC: 3\nB: 2\nB: 2\n")]
    assert marks == ["", "", "new", "", ""]


def test_a_header_as_long_as_a_device_may_send_it_is_compared_at_once() -> None:
    """Ten thousand short fields of two kinds, in another order: the best match would be looked for for hours."""
    count = 10_000
    before = "".join(f"X: {n % 2}\n" for n in range(count))
    after = "".join(f"X: {n // 2 % 2}\n" for n in range(count))
    found = compared(before, after)
    assert [one.text for one in found if one.mark != "gone"] == [f"X: {n // 2 % 2}" for n in range(count)]
    assert [one.text for one in found if one.mark != "new"] == [f"X: {n % 2}" for n in range(count)]


def test_a_conversation_has_milestones() -> None:
    """In the order of time; the answer is the last thing that was said by the other side."""
    said = [
        "    38 -: connected to outlook.test:587",
        "   196 S: 220 ready",
        "   507 -: TLSv1.3 TLS_AES_256_GCM_SHA384",
        "   597 C: **** (the token of box@contoso.test, 1687 octets)",
        "   605 S: 235 2.7.0 Authentication successful",
        "   605 C: … 12 370 octets …",
        "   653 S: 250 2.0.0 OK",
        "no line of a conversation",
    ]
    assert milestones(said) == [
        ("connected", 38), ("encrypted", 507), ("token shown", 597), ("signed in", 605), ("submitted", 605),
        ("answered", 653),
    ]  # fmt: skip
    assert milestones([]) == []


def test_a_connection_that_served_others_before_does_not_count() -> None:
    """Its message was handed in 179 s after it was made, and took 26 ms."""
    said = ["    2 -: connected to outlook.test:587", "179682 C: … 367 octets …", "179688 S: 550 5.1.10 no"]
    assert milestones(said, 26) == [("submitted", 20), ("answered", 26)]
    assert milestones(said, 179_686)[0] == ("connected", 2)
