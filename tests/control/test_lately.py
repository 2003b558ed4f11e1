"""What a running relay remembers of its journal for those who ask how it is."""

from __future__ import annotations

from relay.control.lately import MOST_PROBLEMS, Lately

FALLBACK = {"profile": "box", "rule": "auth.refused", "meaning": "no", "remedy": "grant it", "answer": "535 5.7.139 no"}


def test_equal_trouble_is_one_entry_with_a_count() -> None:
    """With the newest words, and the time of the first."""
    now = [100.0]
    lately = Lately(lambda: now[0])
    for seconds in (100.0, 160.0):
        now[0] = seconds
        answer = f"451 4.3.2 at {seconds}"
        lately.heard("message.deferred", {"profile": "box", "rule": "busy", "meaning": "busy", "answer": answer})
    lately.heard("message.delivered", {"profile": "box"})
    (one,) = lately.problems()
    assert (one.first, one.last, one.times, one.answer) == (100.0, 160.0, 2, "451 4.3.2 at 160.0")


def test_trouble_is_bounded_and_the_newest_comes_first() -> None:
    """What was not told for longest makes room."""
    lately = Lately()
    for number in range(MOST_PROBLEMS + 5):
        lately.heard("intake.failed", {"device": "copier", "reason": f"reason {number}", "remedy": "look"})
    problems = lately.problems()
    assert len(problems) == MOST_PROBLEMS
    assert problems[0].what == f"reason {MOST_PROBLEMS + 4}"


def test_want_of_room_is_trouble_and_a_stranger_is_not() -> None:
    """However much each message needed, it is one entry."""
    lately = Lately()
    for size in (10, 20):
        no_room = {"device": "copier", "reply": "452 4.3.1 No room", "reason": f"{size} bytes", "remedy": "raise it"}
        lately.heard("client.refused", no_room)
    lately.heard("client.refused", {"client": "10.9.9.9", "reply": "530 5.7.0 log in"})
    (one,) = lately.problems()
    assert (one.about, one.what, one.answer, one.times) == ("copier", "20 bytes", "452 4.3.1 No room", 2)


def test_a_detour_lasts_until_the_first_transport_works_again() -> None:
    """Since when it began, not since it was last refused."""
    now = [100.0]
    lately = Lately(lambda: now[0])
    lately.heard("delivery.fallback", FALLBACK)
    now[0] = 200.0
    lately.heard("delivery.fallback", FALLBACK)
    assert lately.detours["box"].since == 100.0
    lately.heard("delivery.fallback_ended", {"profile": "box"})
    assert lately.detours == {}


def test_a_sign_in_that_fails_is_over_with_the_first_mail_that_leaves() -> None:
    """Of that profile, not of another."""
    lately = Lately()
    lately.heard("signin.failing", {"profile": "jane", "meaning": "must sign in", "remedy": "relay authorize jane"})
    lately.heard("message.delivered", {"profile": "box"})
    assert lately.sign_ins["jane"].remedy == "relay authorize jane"
    lately.heard("message.delivered", {"profile": "jane"})
    assert lately.sign_ins == {}


def test_the_mailbox_stays_in_a_remedy_and_nobody_else() -> None:
    """It is no secret of the page, and a command without it can't be typed; longer addresses are not the mailbox."""
    lately = Lately()
    remedy = "Set mailboxes.plc@contoso.test.sessions to 1; Set-Mailbox plc@contoso.test; plc@contoso.test."
    others = "ann-plc@contoso.test plc@contoso.test.example"
    fields = {"profile": "plc", "mailbox": "plc@contoso.test", "remedy": remedy, "answer": others}
    lately.heard("mailbox.slowed", fields)
    (one,) = lately.problems()
    assert (one.remedy, one.answer) == (remedy, "…@contoso.test …@contoso.test.example")


def test_of_an_address_in_an_answer_only_the_domain_is_told() -> None:
    """Quoted, in brackets or bare; a recipient's own field is not told at all."""
    lately = Lately()
    answer = "550 5.1.10 <Ann.Person@contoso.test>: 'ann.person@contoso.test' unknown; ann.person@contoso.test"
    lately.heard("recipient.failed", {"device": "copier", "recipient": "ann.person@contoso.test", "answer": answer})
    text = str(lately.problems()).lower()
    assert "ann.person" not in text
    assert "@contoso.test" in text


def test_the_last_minute_of_a_mailbox_is_counted() -> None:
    """Each attempt once, whatever came of it and however the mailbox is written; what expires waiting is none."""
    now = [100.0]
    lately = Lately(lambda: now[0])
    for event in ("message.delivered", "message.deferred", "message.failed"):
        lately.heard(event, {"profile": "box", "mailbox": "Box@contoso.test", "ms": 0.0})
    lately.heard("message.failed", {"profile": "box", "mailbox": "box@contoso.test", "expired_after_s": 1})
    now[0] = 159.0
    lately.heard("message.delivered", {"profile": "box", "mailbox": "box@contoso.test", "ms": 1.0})
    assert (lately.spent.of("box@contoso.test"), lately.spent.of("else@contoso.test")) == (4, 0)
    now[0] = 160.0
    assert lately.spent.of("box@contoso.test") == 1
