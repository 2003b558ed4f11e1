"""`relay trace`: the whole story of one message, both SMTP sides with secrets masked, beside the running relay."""

from __future__ import annotations

import base64
import json

import pytest

from relay.cli.options import ExitCode
from relay.sandbox.faults import Fault
from tests import forked
from tests.e2e.configuration import COPIER, PASSWORD, USER
from tests.e2e.device import LETTER

ODD = b"From: mfp@device.test\nMessage-ID: <scan-7@mfp.device.test>\nSubject: payroll-4711\n\nKlaus earns 4711\n"


def told(relay, *arguments):
    """`relay trace` as a process."""
    return forked.run(["trace", *arguments, "--config", str(relay.config)])


def story(relay, name):
    """The same as a value."""
    ended = told(relay, name, "--json")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    return json.loads(ended.stdout)


def scene(found, what):
    (one,) = [item for item in found["scenes"] if item["what"] == what]
    return one


def said(one, who):
    """What one side said, in order."""
    return [line.split(": ", 1)[1] for line in one["transcript"] if line.split()[1] == f"{who}:"]


def hand_in(relay, *recipients, address=COPIER, message=LETTER):
    with relay.device(address) as device:
        device.hello()
        return device.deliver(*recipients, message=message)


def test_both_sides_are_told_and_no_credential(relay, cloud, somebody):
    """A device that signs in over STARTTLS: its words and Exchange's are told, its password and the token are not."""
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    with relay.device(door="starttls") as device:
        device.hello()
        device.ask("STARTTLS")
        device.encrypt()
        device.ask("EHLO copier")
        device.ask(f"AUTH PLAIN {plain}")
        name = device.deliver(somebody)
    relay.journal.wait("message.delivered", id=name)
    found = story(relay, name)
    device_side, exchange_side = scene(found, "received from erp"), scene(found, "attempt 1")

    assert found["state"] == "delivered"
    assert said(device_side, "C")[1:4] == ["STARTTLS", "EHLO copier", "AUTH PLAIN ****"]
    assert said(device_side, "C")[-1] == f"… {len(LETTER)} octets …"
    assert said(device_side, "S")[-1] == f"250 2.0.0 Ok: queued as {name}"
    assert device_side["facts"]["tls"].startswith("TLSv1.")
    assert any(line.startswith(("AUTH XOAUTH2", "****")) for line in said(exchange_side, "C"))
    assert f"RCPT TO:<{somebody}>" in said(exchange_side, "C")
    assert said(exchange_side, "S")[-1].startswith("250 2.0.0") or "2.6.0" in said(exchange_side, "S")[-1]
    assert plain not in json.dumps(found)
    assert PASSWORD not in json.dumps(found, ensure_ascii=False)
    assert "Bearer" not in json.dumps(found)


def test_a_password_that_comes_as_a_command_is_not_kept(relay, somebody):
    """AUTH is not offered on this listener; the device goes on with its credentials all the same, then sends."""
    with relay.device(COPIER, door="closed") as device:
        device.hello()
        device.ask("AUTH LOGIN")
        device.ask(base64.b64encode(USER.encode()).decode())
        device.ask(base64.b64encode(PASSWORD.encode()).decode())
        name = device.deliver(somebody)
    found = json.dumps(story(relay, name))

    assert base64.b64encode(PASSWORD.encode()).decode() not in found
    assert base64.b64encode(USER.encode()).decode() not in found
    assert "AUTH LOGIN" in found


def test_what_was_changed_is_told_and_nothing_of_the_content(relay, somebody):
    """Bare line ends were mended, the Date added: both are named; subject and text are nowhere in the story."""
    name = hand_in(relay, somebody, message=ODD)
    relay.journal.wait("message.delivered", id=name)
    ended = told(relay, name)
    changes = scene(story(relay, name), "changed")["facts"]["changes"]

    assert "line-ends" in changes
    assert "date-added" in changes
    assert "payroll" not in ended.stdout
    assert "Klaus" not in ended.stdout


def test_a_message_is_found_by_the_ends_of_its_id_and_by_its_message_id(relay, somebody):
    """Each of them alone leads to the same story."""
    name = hand_in(relay, somebody, message=ODD.replace(b"scan-7", somebody.encode().replace(b"@", b".")))
    named = f"<{somebody.replace('@', '.')}@mfp.device.test>"

    assert story(relay, name)["id"] == name
    assert story(relay, name[-8:].lower())["id"] == name
    assert story(relay, named)["id"] == name
    assert story(relay, named.strip("<>"))["id"] == name


def test_what_cannot_be_found_says_where_to_look(relay, somebody):
    """An unknown id, an unknown Message-ID, too short a piece and one that many share: exit code 1 and what to do."""
    names = [hand_in(relay, somebody) for _ in range(2)]
    unknown, stranger, short = told(relay, "01ZZZZZZ"), told(relay, "<nobody@nowhere.test>"), told(relay, "01")
    shared = told(relay, names[0][:4])

    assert {ended.returncode for ended in (unknown, stranger, short, shared)} == {ExitCode.FAILED}
    assert "relay queue list" in unknown.stderr
    assert "journal" in stranger.stderr
    assert "too short" in short.stderr
    assert set(names) <= set(shared.stderr.split())


def test_two_hundred_recipients_keep_the_story_short(relay, cloud):
    """The middle of a long dialogue is counted, its beginning and its end are there."""
    crowd = [f"crowd{n}@contoso.test" for n in range(200)]
    name = hand_in(relay, *crowd)
    relay.journal.wait("message.delivered", id=name)
    found = story(relay, name)
    for one in (scene(found, "received from copier"), scene(found, "attempt 1")):
        assert sum(map(len, one["transcript"])) < 8200
        assert any("lines left out" in line for line in one["transcript"])
        assert f"RCPT TO:<{crowd[0]}>" in said(one, "C")
    assert len(found["recipients"]) == 200


@pytest.mark.parametrize("stage", ["greeting", "mail", "rcpt", "final"])
def test_each_attempt_tells_what_exchange_said(start, cloud, somebody, stage):
    """Refused once at each stage, then taken: the first attempt holds the refusal literally, the second the success."""
    relay = start()
    cloud.add(Fault(stage=stage, action="reply", reply="451 4.7.0 Temporary server error. words of this test", count=1))
    name = hand_in(relay, somebody)
    relay.journal.wait("message.delivered", id=name)
    attempts = [one for one in story(relay, name)["scenes"] if one["what"].startswith("attempt")]

    assert "words of this test" in "\n".join(attempts[0]["transcript"])
    assert "words of this test" not in "\n".join(attempts[1]["transcript"])
    assert attempts[0]["facts"]["meaning"]
    assert attempts[1]["facts"]["outcome"] == "delivered"


def test_a_token_that_was_not_given_is_told_with_entras_words(start, cloud, somebody, tmp_path):
    """A wrong secret: the attempt says what Entra was asked and what it answered; the relay is stopped by then."""
    (tmp_path / "app-secret").write_text("wrong-secret-of-this-test\n")
    relay = start()
    name = hand_in(relay, somebody)
    relay.journal.wait("profile.paused", profile="box")
    relay.stop()
    found = story(relay, name)

    assert any("AADSTS7000215" in line for line in scene(found, "attempt 1")["transcript"])
    assert "wrong-secret-of-this-test" not in json.dumps(found)
    assert found["state"] == "queued"
