"""Mail libraries of other languages, and old mail programs, hand in a scan: each in its own dialect, checked on arrival."""

from __future__ import annotations

import email
import email.policy
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.configuration import PASSWORD, USER

HERE = Path(__file__).parent / "interop"
SENDER = "mfp@device.test"
SUBJECT = "Scan für Ærø"
TEXT = "Guten Tag,\n.one dot\n..two dots\n.\n...\nGröße: 12 €\n\n" + "a long line " * 75 + "\nend\n"
SCAN = bytes(range(256)) * 300 + b"\r\n.\r\n"


@dataclass(frozen=True)
class Way:
    """How a client comes in: the listener's name, its own word for the encryption, the mechanism if it signs in."""

    door: str
    tls: str = "none"
    mechanism: str = ""

    @property
    def protocol(self) -> str:
        return "ESMTP" + "S" * (self.tls != "none") + "A" * bool(self.mechanism)

    @property
    def device(self) -> str:
        return "erp" if self.mechanism else "copier"


WAYS = {
    "clear": Way("plain"),
    "clear-plain": Way("plain", mechanism="PLAIN"),
    "clear-login": Way("plain", mechanism="LOGIN"),
    "starttls": Way("starttls", "starttls"),
    "strict-plain": Way("strict", "starttls", "PLAIN"),
    "strict-login": Way("strict", "starttls", "LOGIN"),
    "implicit": Way("implicit", "implicit"),
    "implicit-login": Way("implicit", "implicit", "LOGIN"),
}
# The program, what it needs beside it, and how it is started.
LANGUAGES = {
    "perl": ("perl", ("/usr/share/perl5/Authen/SASL.pm", "/usr/share/perl5/IO/Socket/SSL.pm"), ("send.pl",)),
    "php": ("php", ("/usr/share/php/libphp-phpmailer/src/PHPMailer.php",), ("send.php",)),
    "ruby": ("ruby", ("/usr/lib/ruby/vendor_ruby/mail.rb",), ("send.rb",)),
    "node": ("node", ("/usr/share/nodejs/nodemailer/package.json",), ("send.js",)),
    "java": (
        "java",
        ("/usr/share/java/jakarta-mail.jar", "/usr/share/java/jakarta-activation.jar"),
        ("-XX:TieredStopAtLevel=1", "-cp", "{0}:{1}", "Send.java"),
    ),
}


@pytest.fixture
def scan(tmp_path):
    """The file to be attached."""
    path = tmp_path / "scan.bin"
    path.write_bytes(SCAN)
    return path


def run(*command, text=TEXT, cwd=HERE, **environment):
    """Runs a client to its end; fails with what it said when it did not succeed."""
    ended = subprocess.run(
        [*map(str, command)], input=text.encode(), capture_output=True, timeout=60, check=False, cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode("utf-8", "replace")


def arrived(cloud, relay, recipient, way):
    """The letter of this recipient; it came this way, and its sender became what the profile says."""
    letter = cloud.letter(recipient)
    event = relay.journal.wait("message.received", recipients=1, id=_id_of(letter.raw))
    assert (event["device"], event["sender"]) == (way.device, SENDER)
    assert f" with {way.protocol} id ".encode() in letter.raw
    assert (letter.mail_from, letter.header("From")) == ("box@contoso.test", "<box@contoso.test>")
    assert SENDER in letter.header("Reply-To")
    return email.message_from_bytes(letter.raw, policy=email.policy.default)


def _id_of(raw):
    return raw.partition(b" id ")[2].partition(b";")[0].decode()


def has_text_and_scan(message):
    """Subject, every line of the text and every octet of the attachment are what was handed in."""
    assert message["Subject"] == SUBJECT
    text, scan = (part for part in message.walk() if not part.is_multipart())
    assert _lines(text.get_content()) == _lines(TEXT)
    assert scan.get_payload(decode=True) == SCAN


def _lines(text):
    """Ruby's mail gem writes a CR of its own into quoted-printable (`=0D`)."""
    return re.split(r"\r*\n", text.rstrip("\r\n"))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_library_sends_a_scan(relay, cloud, somebody, need_tool, scan, language, way):
    """In clear, with STARTTLS, with TLS from the first byte; unknown but by its address, and with each mechanism."""
    program, libraries, arguments = LANGUAGES[language]
    found = [need_tool(library) for library in libraries]
    run(
        need_tool(program), *(argument.format(*found) for argument in arguments),
        SMTP_HOST="127.0.0.1", SMTP_PORT=str(relay.ports[way.door]), SMTP_TLS=way.tls, SMTP_AUTH=way.mechanism,
        SMTP_USER=USER, SMTP_PASSWORD=PASSWORD, MAIL_FROM=SENDER, RCPT_TO=somebody, SUBJECT=SUBJECT, SCAN=str(scan),
    )  # fmt: skip

    has_text_and_scan(arrived(cloud, relay, somebody, way))
