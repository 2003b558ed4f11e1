"""Who gets in, who does not, and what they are told."""

from __future__ import annotations

import base64
import email
import email.policy

import pytest

from tests.e2e.configuration import COPIER, NARROW, PASSWORD, STRANGER, USER
from tests.e2e.device import LETTER, queued_as


def b64(text):
    return base64.b64encode(text.encode()).decode()


PLAIN = b64(f"\0{USER}\0{PASSWORD}")


# -- refusals


def test_an_unknown_device_is_told_at_mail(relay):
    """The address stands in the reply and in the journal, with what to do about it."""
    with relay.device(STRANGER, door="closed") as device:
        device.hello()
        reply = device.ask("MAIL FROM:<a@b.test>")

    assert reply == f"550 5.7.1 {STRANGER} is not a device of this relay; add its address to devices"
    assert relay.journal.wait("client.refused", client=STRANGER, reply=reply)["helo"] == "device"


def test_an_unknown_device_is_told_to_log_in_where_it_may(relay):
    """Where the listener offers AUTH the remedy names both ways."""
    with relay.device(STRANGER) as device:
        device.hello()
        reply = device.ask("MAIL FROM:<a@b.test>")

    assert reply.startswith("530 5.7.0 Authentication required: log in, or add address 127.0.0.99")


def test_nobody_relays_without_being_known(relay):
    """Neither RCPT nor DATA goes on after a refused MAIL, whatever the sender claims to be."""
    with relay.device(STRANGER) as device:
        device.hello()
        replies = [
            device.ask(line)
            for line in ("MAIL FROM:<box@contoso.test>", "RCPT TO:<victim@elsewhere.test>", "DATA", "QUIT")
        ]

    assert [reply[:3] for reply in replies] == ["530", "503", "503", "221"]


def test_a_recipient_that_is_not_allowed_is_refused_at_rcpt(relay, cloud, somebody):
    """The reply names the device; the other recipients of the message are not touched."""
    with relay.device(NARROW) as device:
        device.hello()
        device.address(somebody)
        refusal = device.ask("RCPT TO:<someone@elsewhere.test>")
        queued_as(device.pour(LETTER))

    assert refusal.startswith("550 5.7.1 Recipient not allowed for narrow; see recipients of this device")
    assert cloud.letter(somebody).rcpt_to == (somebody,)


@pytest.mark.parametrize("trick", ["{0}%elsewhere.test@", "{0}@elsewhere.test", '"{0}@contoso.test"@elsewhere.test'])
def test_no_way_of_writing_a_recipient_leads_elsewhere(relay, trick):
    """Percent hacks and quoted addresses are judged by the domain they end with."""
    with relay.device(NARROW) as device:
        device.hello()
        device.address()
        reply = device.ask(f"RCPT TO:<{trick.format('victim')}>")

    assert reply.startswith("550 5.")


def test_an_address_does_not_open_a_listener_that_requires_login(relay):
    """`auth: required` means a login, even for an address that is known."""
    with relay.device(COPIER, door="strict") as device:
        device.hello()
        device.ask("STARTTLS")
        device.encrypt()
        device.ask("EHLO device")
        reply = device.ask("MAIL FROM:<a@b.test>")

    assert reply == "530 5.7.0 Authentication required: set user name and password in the device"


def test_a_strict_listener_takes_nothing_in_clear(relay):
    """AUTH is not even offered before TLS, and neither AUTH nor MAIL is answered otherwise than with STARTTLS."""
    with relay.device(door="strict") as device:
        offer = device.hello()
        replies = {device.ask(line) for line in (f"AUTH PLAIN {PLAIN}", "MAIL FROM:<a@b.test>")}

    assert "AUTH" not in offer
    assert "STARTTLS" in offer
    assert replies == {"530 5.7.0 Must issue a STARTTLS command first"}


def test_a_recipient_in_an_unknown_charset_is_refused(relay):
    """Latin-1 in an address can't be told from any other charset: better an error at the device than a lost mail."""
    with relay.device(COPIER) as device:
        device.hello()
        device.address()
        device.send(b"RCPT TO:<j\xf6rg@contoso.test>\r\n")

        assert device.reply().startswith("501 5.1.3 Bad recipient: octets that are not UTF-8")


def test_who_only_makes_mistakes_is_shown_the_door(relay):
    """The twentieth error is answered, then the session ends with 421."""
    with relay.device(STRANGER) as device:
        device.hello()
        replies = [device.ask("HACK") for _ in range(20)]
        end = device.finish()

    assert {reply[:3] for reply in replies} == {"500"}
    assert end == "421 4.7.0 Too many errors, closing"


def test_commands_out_of_order_are_told_so(relay):
    """RCPT before MAIL, DATA before RCPT, a second MAIL: 503, and nothing is lost of what came before."""
    with relay.device(COPIER) as device:
        device.hello()
        early = [device.ask("RCPT TO:<a@contoso.test>"), device.ask("DATA")]
        device.ask("MAIL FROM:<a@b.test>")
        late = [device.ask("DATA"), device.ask("MAIL FROM:<a@b.test>")]

    assert [reply[:9] for reply in early + late] == ["503 5.5.1"] * 4


def test_what_would_give_addresses_away_is_not_done(relay):
    """VRFY and EXPN are known and refused."""
    with relay.device(STRANGER) as device:
        device.hello()

        assert {device.ask(line)[:3] for line in ("VRFY ann@contoso.test", "EXPN all")} == {"502"}


def test_a_line_without_an_end_is_dropped(relay):
    """A command of 100 000 octets: 500, and the session goes on."""
    with relay.device(COPIER) as device:
        device.hello()

        assert device.ask("NOOP " + "x" * 100_000) == "500 5.5.2 Line too long"
        assert device.ask("NOOP").startswith("250 ")


def test_a_header_without_an_end_is_refused(relay, cloud, somebody):
    """554 with the reason, and the next message is taken."""
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        reply = device.pour(b"X-Filler: " + b"x" * 300_000 + b"\r\n\r\nHello\r\n")
        device.deliver(somebody)

    assert reply == "554 5.6.0 The header of the message is too large"
    assert cloud.letter(somebody).body == b"Hello\r\n"


# -- TLS


def test_what_was_sent_in_clear_behind_starttls_has_no_effect(relay, cloud, somebody):
    """Commands smuggled into the flight of STARTTLS are neither answered nor remembered (RFC 3207 §4.2)."""
    with relay.device(STRANGER, door="starttls") as device:
        device.hello()
        device.send(f"STARTTLS\r\nAUTH PLAIN {PLAIN}\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<{somebody}>\r\n".encode())
        assert device.reply().startswith("220 ")
        device.encrypt()
        replies = [device.ask("EHLO device"), device.ask(f"RCPT TO:<{somebody}>"), device.ask("MAIL FROM:<a@b.test>")]

    assert [reply[:3] for reply in replies] == ["250", "503", "530"]


def test_a_login_in_clear_is_forgotten_with_starttls(relay):
    """RFC 3207 §4.2: what was known before TLS does not count behind it."""
    with relay.device(STRANGER, door="starttls") as device:
        device.hello()
        assert device.ask(f"AUTH PLAIN {PLAIN}").startswith("235 ")
        device.ask("STARTTLS")
        device.encrypt()
        device.ask("EHLO device")

        assert device.ask("MAIL FROM:<a@b.test>").startswith("530 ")


def test_a_listener_with_tls_from_the_first_octet(relay, cloud, somebody):
    """Port 465's way: the greeting comes encrypted, STARTTLS is not offered."""
    with relay.device(COPIER, door="implicit") as device:
        offer = device.hello()
        device.deliver(somebody)

    assert "STARTTLS" not in offer
    assert b"with ESMTPS id" in cloud.letter(somebody).raw


# -- login


@pytest.mark.parametrize("greeting", ["EHLO device", "HELO", "helo device"])
@pytest.mark.parametrize(
    "lines",
    [
        [f"AUTH PLAIN {PLAIN}"],
        [f"auth plain {PLAIN}"],
        ["AUTH PLAIN", PLAIN],
        [f"AUTH LOGIN {b64(USER)}", b64(PASSWORD)],
        ["AUTH LOGIN", b64(USER), b64(PASSWORD)],
        ["auth login", b64(USER), b64(PASSWORD)],
    ],
    ids=["plain", "lower", "plain-asked", "login-initial", "login", "login-lower"],
)
def test_every_form_of_login(relay, greeting, lines):
    """Initial response or not, any case, after EHLO and after HELO; 334 with the challenges devices compare."""
    with relay.device(STRANGER) as device:
        device.hello(greeting)
        replies = [device.ask(line) for line in lines]

    if len(replies) == 3:
        assert replies[:2] == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    assert replies[-1].startswith("235 ")


@pytest.mark.parametrize("response", ["no base64!", b64(USER + PASSWORD)], ids=["no-base64", "one-part"])
def test_a_response_that_is_none_is_refused(relay, response):
    """A device that gets PLAIN wrong hears a 501, not a closed connection."""
    with relay.device(STRANGER) as device:
        device.hello()

        assert device.ask(f"AUTH PLAIN {response}").startswith("501 5.5.2 ")
        assert device.ask("NOOP").startswith("250 ")


def test_a_wrong_password_is_535_and_says_no_more(relay):
    """The reply is the same for a wrong password and an unknown user; the journal tells them apart."""
    with relay.device(STRANGER) as device:
        device.hello()
        place = len(relay.journal.events)
        replies = {device.ask(f"AUTH PLAIN {b64(f'{chr(0)}{user}{chr(0)}nope')}") for user in (USER, "nobody")}

    assert replies == {"535 5.7.8 Authentication credentials invalid"}
    said = {"client": STRANGER, "reply": "535 5.7.8 Authentication credentials invalid"}
    reasons = [relay.journal.wait("client.refused", count=n, after=place, **said)["reason"] for n in (1, 2)]
    assert sorted(reasons) == [
        "no device with user name 'nobody' may log in from 127.0.0.99",
        "wrong password for device erp",
    ]


def test_no_password_ever_stands_in_the_journal(relay):
    """Neither the right nor a wrong one, in no form."""
    with relay.device(STRANGER) as device:
        device.hello()
        device.ask(f"AUTH PLAIN {PLAIN}")
    with relay.device(STRANGER) as device:
        device.hello()
        device.ask(f"AUTH PLAIN {b64(f'{chr(0)}{USER}{chr(0)}Pa55-of-mine')}")
        device.ask("QUIT")
    text = str(relay.journal.events)

    assert not any(secret in text for secret in (PASSWORD, PLAIN, b64(PASSWORD), "Pa55-of-mine"))


def test_a_login_may_be_given_up(relay):
    """`*` ends the dialogue with 501, and the session goes on (RFC 4954 §4)."""
    with relay.device(STRANGER) as device:
        device.hello()
        device.ask("AUTH LOGIN")

        assert device.ask("*").startswith("501 5.7.0 ")
        assert device.ask("NOOP").startswith("250 ")


# -- odd devices


def test_a_plc_with_bare_line_feeds_and_helo_without_a_name(relay, cloud, somebody):
    """Every command ends with LF alone, so does the text, which has no header: it arrives with CRLF and a header."""
    with relay.device(COPIER) as device:
        device.reply()
        for line in ("HELO", "MAIL FROM: plc@device", f"RCPT TO: {somebody}", "DATA"):
            device.send(line.encode() + b"\n")
            assert device.reply()[:3] in ("250", "354")
        device.send(b"Tank 3 overflow\nlevel 95 %\n\r\n.\r\n")
        name = queued_as(device.reply())
    letter = cloud.letter(somebody)

    assert letter.raw.partition(b"\r\n\r\n")[2] == b"Tank 3 overflow\r\nlevel 95 %\r\n\r\n"
    assert letter.raw.count(b"\n") == letter.raw.count(b"\r\n")
    assert all(letter.header(field) for field in ("From", "Date", "Message-ID", "Received"))
    changes = relay.journal.wait("message.received", id=name)["changes"]
    assert set(changes) >= {"line-ends", "date-added", "message-id-added", "from-added"}


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r"])
def test_only_crlf_dot_crlf_ends_a_message(relay, cloud, somebody, end):
    """What smuggles a second message past other servers is part of the first one here."""
    smuggled = b"MAIL FROM:<boss@contoso.test>\r\nRCPT TO:<victim@contoso.test>\r\nDATA\r\nSubject: pay\r\n"
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(LETTER + b"text" + end + smuggled + b"\r\n.\r\n")
        queued_as(device.reply())
        assert device.ask("NOOP").startswith("250 ")
    letter = cloud.letter(somebody)

    assert b"RCPT TO:<victim@contoso.test>" in letter.body
    assert cloud.has("victim@contoso.test") == 0


def test_a_hundred_messages_in_one_flight(relay, cloud, somebody):
    """MAIL, RCPT, DATA, message, a hundred times without waiting: a hundred answers in order, a hundred letters."""
    flight = b"".join(
        f"MAIL FROM:<mfp@device.test>\r\nRCPT TO:<{somebody}>\r\nDATA\r\nSubject: {n}\r\n\r\n{n}\r\n.\r\n".encode()
        for n in range(100)
    )
    with relay.device(COPIER) as device:
        device.hello()
        device.send(flight + b"QUIT\r\n")
        replies = device.finish().split("\n")

    assert [reply[:3] for reply in replies] == ["250", "250", "354", "250"] * 100 + ["221"]
    letters = cloud.letters(somebody, 100)
    assert sorted(int(letter.body) for letter in letters) == list(range(100))


def test_eight_bit_octets_arrive_whatever_was_announced(relay, cloud, somebody):
    """Latin-1 in header and body without a word of BODY=8BITMIME: in a form that Exchange does not damage."""
    message = "From: Müller <m@device.test>\r\nSubject: Größe\r\n\r\nFünf Öfen\r\n".encode("latin-1")
    with relay.device(COPIER) as device:
        device.hello("HELO device")
        device.deliver(somebody, message=message)
    letter = cloud.letter(somebody)

    assert letter.raw.isascii()
    read = email.message_from_bytes(letter.raw, policy=email.policy.default)
    assert (read["Subject"], read.get_content()) == ("Größe", "Fünf Öfen\r\n")
    assert read["X-Original-From"] == "Müller <m@device.test>"
