"""Clients nobody here wrote hand their mail in, each in its own dialect."""

from __future__ import annotations

import re
import smtplib
import ssl
import subprocess

import pytest

from tests.e2e import corpus, stories
from tests.e2e.configuration import COPIER, PASSWORD, USER
from tests.e2e.corpus import Parts, Way

SENDER = "mfp@device.test"
NO_STORY = stories.Story()
MESSAGE = (
    b"From: mfp@device.test\r\nTo: ann@contoso.test\r\nSubject: scan\r\nDate: Mon, 23 Nov 2026 10:11:12 +0100\r\n"
    b"Message-ID: <1@device.test>\r\n\r\n.first\r\n..\r\nthe end\r\n"
)


def run(*command, text=None):
    """Runs a client to its end; fails with what it said when it did not succeed."""
    ended = subprocess.run([*map(str, command)], input=text, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode("utf-8", "replace")
    return ended.stdout.decode("utf-8", "replace")


def arrived_unchanged(cloud, recipient, message=MESSAGE, story=NO_STORY):
    """The one letter of this recipient has the body and the header of the message, but for what is promised."""
    letter = cloud.letter(recipient)
    sent, arrived = Parts.of(message), Parts.of(letter.raw)
    section = corpus.without_promised(arrived, sent, Way("mailbox", "box@contoso.test", SENDER))
    if story == NO_STORY:
        assert (section, arrived.body) == (sent.section, sent.body)
    stories.assert_same_header(section + b"\r\n" + arrived.body, message, story)
    stories.assert_same_body(letter.raw, message)
    return letter


@pytest.fixture
def file(tmp_path):
    """The message as a file, for clients that read one."""
    path = tmp_path / "message.eml"
    path.write_bytes(MESSAGE)
    return path


SWAKS = {
    "plain": ("plain",),
    "starttls": ("starttls", "--tls"),
    "login": ("plain", "--auth", "LOGIN"),
    "plain-login": ("plain", "--auth", "PLAIN"),
    "strict": ("strict", "--tls", "--auth", "LOGIN"),
    "implicit": ("implicit", "--tls-on-connect", "--auth", "PLAIN"),
    "pipelined": ("plain", "--pipeline"),
}


@pytest.mark.parametrize("way", SWAKS)
def test_swaks_delivers(relay, cloud, somebody, need_tool, file, way):
    """swaks by each way in: in clear, with TLS of both kinds, with each mechanism, pipelined."""
    door, *options = SWAKS[way]
    file.write_bytes(MESSAGE.removesuffix(b"\r\n"))  # swaks ends the last line itself
    if "--auth" in options:
        options += ["--auth-user", USER, "--auth-password", PASSWORD]
    run(
        need_tool("swaks"), "--server", "127.0.0.1", "--port", relay.ports[door], "--helo", "device", "--from", SENDER,
        "--to", f"{somebody},second-{somebody}", "--data", f"@{file}", *options,
    )  # fmt: skip

    letter = arrived_unchanged(cloud, somebody)
    assert letter.rcpt_to == (somebody, f"second-{somebody}")
    name = re.search(rb"^\tby relay.test with \w+ id (\w+);", letter.raw, re.MULTILINE)[1].decode()
    assert relay.journal.wait("message.delivered", id=name)["device"] == ("erp" if "--auth" in options else "copier")


@pytest.mark.parametrize("options", [(), ("--ssl-reqd",), ("--ssl",)], ids=["clear", "required", "tried"])
def test_curl_uploads(relay, cloud, somebody, need_tool, file, options):
    """curl smtp://, in clear and with STARTTLS."""
    run(
        need_tool("curl"), "-sS", *options, "--insecure", f"smtp://127.0.0.1:{relay.ports['starttls']}/device",
        "--mail-from", SENDER, "--mail-rcpt", somebody, "--upload-file", file,
    )  # fmt: skip

    letter = arrived_unchanged(cloud, somebody)
    assert (b"with ESMTPS id" in letter.raw) == bool(options)


def test_curl_signs_in_over_smtps(relay, cloud, somebody, need_tool, file):
    """curl smtps:// with user name and password: AUTH with an initial response on the implicit TLS listener."""
    run(
        need_tool("curl"), "-sS", "--insecure", f"smtps://127.0.0.1:{relay.ports['implicit']}/device",
        "--user", f"{USER}:{PASSWORD}", "--mail-from", SENDER, "--mail-rcpt", somebody, "--upload-file", file,
    )  # fmt: skip

    assert b"with ESMTPSA id" in arrived_unchanged(cloud, somebody).raw


def test_msmtp_delivers_with_tls_and_login(relay, cloud, somebody, need_tool, tmp_path):
    """msmtp with STARTTLS and AUTH, its message on standard input."""
    (tmp_path / "home").mkdir()
    (tmp_path / "password").write_text(PASSWORD)
    config = tmp_path / "msmtprc"
    config.write_text(
        f"account default\nhost 127.0.0.1\nport {relay.ports['strict']}\nfrom {SENDER}\ntls on\ntls_certcheck off\n"
        f'auth plain\nuser {USER}\npasswordeval "cat {tmp_path}/password"\nset_date_header off\n'
    )
    config.chmod(0o600)
    run(need_tool("msmtp"), "--file", config, somebody, text=MESSAGE.replace(b"\r\n", b"\n"))

    arrived_unchanged(cloud, somebody)


def test_smtp_source_delivers_in_parallel(relay, cloud, somebody, need_tool):
    """Postfix's load generator: twenty messages over four sessions, one connection each."""
    need = need_tool("smtp-source")
    run(need, "-s", 4, "-m", 20, "-l", 9000, "-c", "-f", SENDER, "-t", somebody, f"127.0.0.1:{relay.ports['plain']}")

    letters = cloud.letters(somebody, 20)
    assert {len(letter.body) for letter in letters} == {len(letters[0].body)}
    assert len({letter.header("Message-ID") for letter in letters}) == 20


@pytest.mark.parametrize("path", corpus.files(), ids=lambda path: path.name)
def test_smtplib_sends_the_corpus(relay, cloud, somebody, path):
    """Python's smtplib sends every message of the corpus over STARTTLS, and it arrives as it is, or says the same."""
    message, story = corpus.normal(path.read_bytes()), stories.of(path)
    with smtplib.SMTP("127.0.0.1", relay.ports["starttls"], timeout=20, source_address=(COPIER, 0)) as client:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        assert client.sendmail(SENDER, [somebody], message, mail_options=["BODY=8BITMIME"]) == {}

    arrived_unchanged(cloud, somebody, story.told(message), story)


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
@pytest.mark.parametrize("at_once", [True, False], ids=["initial-response", "asked"])
def test_smtplib_signs_in(relay, cloud, somebody, mechanism, at_once):
    """Both mechanisms, with and without an initial response; a wrong password is refused, the right one still goes."""
    with smtplib.SMTP("127.0.0.1", relay.ports["plain"], timeout=20) as client:
        client.ehlo()
        client.user, client.password = USER, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth(mechanism[5:].upper(), getattr(client, mechanism), initial_response_ok=at_once)
        client.password = PASSWORD
        client.auth(mechanism[5:].upper(), getattr(client, mechanism), initial_response_ok=at_once)
        client.sendmail(SENDER, [somebody], MESSAGE)

    assert refused.value.smtp_code == 535
    arrived_unchanged(cloud, somebody)
