"""What the log of a running relay never holds: recipients, subjects, content, credentials; at level debug."""

from __future__ import annotations

import base64
import json

from relay.sandbox.faults import Fault
from relay.telemetry.fields import hashed
from tests import forked
from tests.e2e.configuration import COPIER, NARROW, PASSWORD, USER
from tests.e2e.device import LETTER

MARKER = "marker-of-a-subject"
SECRET_LETTER = (
    b"From: mfp@device.test\r\nTo: ann@contoso.test\r\nX-Scan-Owner: marker-of-a-field\r\n"
    b"Subject: marker-of-a-subject\r\n\r\nmarker-of-the-text\r\n"
)
UNKNOWN = "rcptto-550@contoso.test"


def all_lines(relay):
    """Everything the process wrote."""
    return "\n".join(json.dumps(event, ensure_ascii=False) for event in relay.journal.events) + relay.stderr


def every_transcript(relay, *names):
    """`relay trace` of each message."""
    return "".join(forked.output("trace", "--config", str(relay.config), "--json", name) for name in names)


def test_no_recipient_subject_content_or_secret_is_written(start, cloud, somebody):
    """Mail that is delivered, deferred, refused and in doubt, a login that fails and one that works, stray words."""
    relay = start(log={"level": "debug"})
    cloud.add(Fault(stage="rcpt", action="reply", reply=f"450 4.7.1 <{somebody.upper()}> later", count=1))
    cloud.add(Fault(stage="final", action="drop", keep=True, count=1))
    names = []
    with relay.device(COPIER) as device:
        device.hello()
        names += [device.deliver(somebody, UNKNOWN, message=SECRET_LETTER) for _ in range(3)]
        device.ask(f"RCPT TO:<{somebody}>")
        device.ask("DATA")
        device.ask(f"Subject: {MARKER}")
    with relay.device(NARROW) as device:
        device.hello()
        device.ask("MAIL FROM:<mfp@device.test>")
        device.ask("RCPT TO:<outsider@fabrikam.test>")
    with relay.device(door="starttls") as device:
        device.hello()
        for words in (PASSWORD + "x", PASSWORD):
            pair = base64.b64encode(f"\0{USER}\0{words}".encode()).decode()
            device.ask(f"AUTH PLAIN {pair}")
        device.ask(base64.b64encode(PASSWORD.encode()).decode())
        names.append(device.deliver(somebody, message=LETTER))
    cloud.letters(somebody, len(names) + 1)  # one of them twice: its answer was lost
    relay.stop()
    stories = every_transcript(relay, *names)
    lines = all_lines(relay)

    assert hashed(UNKNOWN) in lines
    for address in (somebody, UNKNOWN, "outsider@fabrikam.test"):
        assert address not in lines.lower()
    for marker in (MARKER, "marker-of-a-field", "marker-of-the-text", "X-Scan-Owner"):
        assert marker not in lines
        assert marker not in stories
    secrets = (PASSWORD, cloud.settings.client_secret, "eyJ", "Bearer", "client_assertion")
    coded = tuple(base64.b64encode(secret.encode()).decode() for secret in (PASSWORD, f"\0{USER}\0{PASSWORD}"))
    for secret in (*secrets, *coded):
        assert secret not in lines
        assert secret not in stories


def test_recipients_are_written_where_it_is_configured(start, cloud, somebody):
    """log.recipients: plain."""
    relay = start(log={"recipients": "plain"})
    with relay.device(COPIER) as device:
        device.hello()
        name = device.deliver(somebody, UNKNOWN)
    assert relay.journal.wait("recipient.failed", id=name)["recipient"] == UNKNOWN
