"""Mail libraries of other languages, and mail programs, hand in a scan: each in its own dialect, checked on arrival."""

from __future__ import annotations

import email
import email.policy
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.e2e.configuration import PASSWORD, USER, configuration, write
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    from tests.e2e.pretend import PretendCloud

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
    "clear-cram": Way("plain", mechanism="CRAM-MD5"),
    "implicit": Way("implicit", "implicit"),
    "implicit-login": Way("implicit", "implicit", "LOGIN"),
}
# The program, what it needs beside it, and how it is started.
LANGUAGES = {
    "perl": (
        "perl",
        tuple(f"/usr/share/perl5/{name}.pm" for name in ("Authen/SASL", "IO/Socket/SSL", "Digest/HMAC_MD5")),
        ("send.pl",),
    ),
    "php": ("php", ("/usr/share/php/libphp-phpmailer/src/PHPMailer.php",), ("send.php",)),
    "ruby": ("ruby", ("/usr/lib/ruby/vendor_ruby/mail.rb",), ("send.rb",)),
    "node": ("node", ("/usr/share/nodejs/nodemailer/package.json",), ("send.js",)),
    "java": (
        "java",
        ("/usr/share/java/jakarta-mail.jar", "/usr/share/java/jakarta-activation.jar"),
        ("-XX:TieredStopAtLevel=1", "-cp", "{0}:{1}", "Send.java"),
    ),
}


@pytest.fixture(scope="module")
def relay(cloud, tmp_path_factory):
    """A relay that also offers CRAM-MD5, on every listener that offers a login."""
    directory = tmp_path_factory.mktemp("relay")
    settings = configuration(cloud, directory)
    for listener in settings["listeners"]:
        if listener["auth"] != "none":
            listener["mechanisms"] = ["PLAIN", "LOGIN", "CRAM-MD5"]
    with RunningRelay(write(directory / "relay.yaml", settings)) as running:
        yield running
        assert running.stop() == 0, running.journal.tail()
        assert running.stderr == ""
        assert not running.journal.seen("session.failed")


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


@dataclass(frozen=True)
class Post:
    """The relay, the pretend cloud behind it, and who is written to."""

    relay: RunningRelay
    cloud: PretendCloud
    to: str

    def port(self, way):
        return self.relay.ports[way.door]

    def url(self, way):
        """Where to send to, as mail programs write it; the user name and its password are in it."""
        user = f"{USER}:{quote(PASSWORD, safe='')}@" if way.mechanism else ""
        return f"smtp{'s' * (way.tls == 'implicit')}://{user}127.0.0.1:{self.port(way)}"

    def arrived(self, way, *, helo=False):
        """The letter of this recipient; it came this way, and its sender became what the profile says.

        RFC 3848 has no word for HELO over TLS: `helo` says that the client greets so.
        """
        letter = self.cloud.letter(self.to)
        name = letter.raw.partition(b" id ")[2].partition(b";")[0].decode()
        event = self.relay.journal.wait("message.received", recipients=1, id=name)
        assert (event["device"], event["sender"]) == (way.device, SENDER)
        assert f" with {'SMTP' if helo else way.protocol} id ".encode() in letter.raw
        assert (letter.mail_from, letter.header("From")) == ("box@contoso.test", "<box@contoso.test>")
        assert SENDER in letter.header("Reply-To")
        return email.message_from_bytes(letter.raw, policy=email.policy.default)


@pytest.fixture
def post(relay, cloud, somebody):
    """To a recipient nobody else writes to."""
    return Post(relay, cloud, somebody)


def has_text_and_scan(message, text=TEXT):
    """Subject, every line of the text and every octet of the attachment are what was handed in."""
    assert message["Subject"] == SUBJECT
    words, scan = (part for part in message.walk() if not part.is_multipart())
    assert _lines(words.get_content()) == _lines(text)
    assert scan.get_payload(decode=True) == SCAN


def has_subject_and_text(message, text):
    """A message without parts, its header in raw UTF-8: encoded on the way, nothing lost."""
    assert (message["Subject"], _lines(message.get_payload(decode=True).decode())) == (SUBJECT, _lines(text))


def _lines(text):
    """Ruby's mail gem writes a CR of its own into quoted-printable (`=0D`)."""
    return re.split(r"\r*\n", text.rstrip("\r\n"))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_library_sends_a_scan(post, need_tool, scan, language, way):
    """In clear, with STARTTLS, with TLS from the first byte; unknown but by its address, and with each mechanism."""
    program, libraries, arguments = LANGUAGES[language]
    found = [need_tool(library) for library in libraries]
    run(
        need_tool(program), *(argument.format(*found) for argument in arguments),
        SMTP_HOST="127.0.0.1", SMTP_PORT=str(post.port(way)), SMTP_TLS=way.tls, SMTP_AUTH=way.mechanism,
        SMTP_USER=USER, SMTP_PASSWORD=PASSWORD, MAIL_FROM=SENDER, RCPT_TO=post.to, SUBJECT=SUBJECT, SCAN=str(scan),
    )  # fmt: skip

    has_text_and_scan(post.arrived(way))


# -- programs


CLEAR, LOGIN = WAYS["clear"], WAYS["clear-login"]


@pytest.mark.parametrize("way", [*WAYS.values()], ids=[*WAYS])
def test_s_nail_sends_a_scan(post, need_tool, scan, way):
    """mailx of many Unix systems, by every way in; without a login it says HELO."""
    settings = {
        "v15-compat": "yes", "mta": post.url(way), "smtp-auth": way.mechanism.lower() or "none", "from": SENDER,
        "tls-verify": "ignore", "mime-encoding": "quoted-printable", "hostname": "mailx.device.test", "sendwait": "yes",
        **({"smtp-use-starttls": "yes"} if way.tls == "starttls" else {}),
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-S", f"{name}={value}")]
    run(need_tool("s-nail"), "-:/", *options, "-s", SUBJECT, "-a", scan, post.to)

    has_text_and_scan(post.arrived(way, helo=not way.mechanism))


@pytest.mark.parametrize("way", [*WAYS.values()], ids=[*WAYS])
def test_mutt_sends_a_scan(post, need_tool, scan, tmp_path, way):
    """mutt in a script; it trusts the relay's own certificate because it is told to."""
    (tmp_path / "muttrc").write_text(
        f"set smtp_url='{post.url(way)}'\nset from={SENDER}\nset copy=no\nset ssl_starttls=yes\n"
        f"set ssl_force_tls={'no' if way.tls == 'none' else 'yes'}\nset ssl_verify_host=no\n"
        f"set certificate_file='{post.relay.config.parent}/data/tls.pem'\n"
        f"set smtp_authenticators='{way.mechanism.lower() or 'anonymous'}'\nset use_envelope_from=yes\n"
        f"set envelope_from_address={SENDER}\nset allow_8bit=no\nset send_charset=utf-8\nset hostname=device.test\n"
    )
    run(need_tool("mutt"), "-n", "-F", tmp_path / "muttrc", "-s", SUBJECT, "-a", scan, "--", post.to,
        HOME=str(tmp_path))  # fmt: skip

    has_text_and_scan(post.arrived(way))


@pytest.mark.parametrize("way", [CLEAR, LOGIN], ids=["clear", "clear-login"])
def test_send_email_sends_a_scan(post, need_tool, scan, way):
    """sendEmail, the Perl script that many servers report with; it doubles the dot of no line but a lone one."""
    text = "Guten Tag,\n.\nGröße: 12 €\nend\n"
    login = ("-xu", USER, "-xp", PASSWORD) if way.mechanism else ()
    run(
        need_tool("sendemail"), "-f", SENDER, "-t", post.to, "-u", SUBJECT, "-s", f"127.0.0.1:{post.port(way)}",
        "-a", scan, "-o", "tls=no", "-o", "message-charset=utf-8", "-o", "message-file=/dev/stdin", *login, text=text,
    )  # fmt: skip

    has_text_and_scan(post.arrived(way), text)


@pytest.mark.parametrize("way", [CLEAR, LOGIN], ids=["clear", "clear-login"])
def test_esmtp_hands_over_like_sendmail(post, need_tool, tmp_path, way):
    """esmtp (libesmtp) in the place of /usr/sbin/sendmail, as cron jobs and appliances call it."""
    password = PASSWORD.replace("\\", "\\\\")
    (tmp_path / "esmtprc").write_text(
        f"hostname = 127.0.0.1:{post.port(way)}\nstarttls = disabled\n"
        + (f'username = "{USER}"\npassword = "{password}"\n' if way.mechanism else "")
    )
    message = f"From: {SENDER}\nTo: {post.to}\nSubject: {SUBJECT}\nContent-Type: text/plain; charset=utf-8\n\n{TEXT}"
    run(need_tool("esmtp"), "-C", tmp_path / "esmtprc", "-f", SENDER, post.to, text=message, HOME=str(tmp_path))

    has_subject_and_text(post.arrived(way), TEXT)


MESSAGE = f"From: {SENDER}\r\nSubject: {SUBJECT}\r\n\r\n.dot\r\n"
CRAM = {
    "swaks": ("--server", "127.0.0.1:{port}", "--auth", "CRAM-MD5", "--auth-user", USER, "--auth-password", PASSWORD,
              "--from", SENDER, "--to", "{to}", "--data", "-"),
    "curl": ("-sS", "smtp://127.0.0.1:{port}", "--login-options", "AUTH=CRAM-MD5", "--user", f"{USER}:{PASSWORD}",
             "--mail-from", SENDER, "--mail-rcpt", "{to}", "--upload-file", "-"),
    "msmtp": ("--host=127.0.0.1", "--port={port}", "--auth=cram-md5", f"--user={USER}", "--tls=off",
              "--passwordeval=printf '%s' '" + PASSWORD + "'", f"--from={SENDER}", "{to}"),
}  # fmt: skip


@pytest.mark.parametrize("program", CRAM)
def test_a_program_logs_in_without_showing_its_password(post, need_tool, program):
    """CRAM-MD5, which is off until a listener lists it."""
    arguments = [part.format(port=post.port(CLEAR), to=post.to) for part in CRAM[program]]
    run(need_tool(program), *arguments, text=MESSAGE)

    has_subject_and_text(post.arrived(WAYS["clear-cram"]), ".dot\n")
