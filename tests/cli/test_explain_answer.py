"""`relay explain` with an answer of Microsoft, as a shell runs it: no network, a configuration only if asked for."""

from __future__ import annotations

import json
import subprocess
import sys

CONDITIONAL = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit "
    "https://aka.ms/smtp_auth_disabled for more information. [AM0PR02CA0134.eurprd02.prod.outlook.com "
    "2024-07-11T11:46:49.042Z 08DCA18218166FB4]"
)


def test_an_answer_is_explained(relay):
    """Meaning, class, reach, effect, remedy with its blanks, rule, source."""
    said = relay("explain", CONDITIONAL)

    assert said.returncode == 0, said.stderr
    lines = dict(line.split("  ", 1) for line in said.stdout.splitlines() if not line.startswith(" "))
    assert lines["answer"].endswith("for more information.")
    assert "SMTP AUTH is switched off" in lines["meaning"]
    assert lines["remedy"].strip().startswith("Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false")
    assert "pauses" in lines["the relay"]
    assert lines["rule"].strip() == "smtp.auth-disabled-tenant"
    assert "--profile NAME fills the blanks" in said.stdout


def test_words_need_no_quotes(relay):
    """As typed from a panel."""
    said = relay("explain", "550", "5.1.10", "Recipient", "not", "found")

    assert "smtp.recipient-unknown" in said.stdout


def test_a_number_of_entra_is_explained_with_its_link(relay):
    """With or without AADSTS."""
    for number in ("AADSTS7000215", "7000215"):
        said = relay("explain", number)
        assert said.returncode == 0, said.stderr
        assert "https://login.microsoftonline.com/error?code=7000215" in said.stdout
        assert "Secret ID" in said.stdout


def test_options_may_stand_in_front(relay):
    """The step decides; JSON names class and scope."""
    said = json.loads(relay("explain", "--stage", "rcpt", "--json", "552 5.2.2 mailbox full").stdout)

    assert (said["rule"], said["kind"], said["scope"]) == ("smtp.recipient-full", "recipient", "recipient")
    assert said["known"] is True


def test_the_remedy_is_filled_with_a_profile(relay, write_config):
    """No secret is needed for that."""
    said = relay("explain", CONDITIONAL, "--profile", "scans", "--config", write_config())

    assert said.returncode == 0, said.stderr
    assert "Set-CASMailbox scanner@contoso.com -SmtpClientAuthenticationDisabled $false" in said.stdout
    assert "<" not in said.stdout


def test_a_profile_that_there_is_not_is_wrong_usage(relay, write_config):
    """Code 2 with those there are; a broken configuration ends with 78."""
    path = write_config()
    said = relay("explain", "550", "--profile", "nowhere", "--config", path)
    path.write_text("listeners: []\n")

    assert (said.returncode, "the configuration has scans" in said.stderr) == (2, True)
    assert relay("explain", "550", "--profile", "scans", "--config", path).returncode == 78


def test_a_whole_log_is_read_from_standard_input():
    """`relay explain -`."""
    line = json.dumps({"event": "message.deferred", "stage": "auth", "answer": CONDITIONAL})
    command = [sys.executable, "-m", "relay", "explain", "-"]
    said = subprocess.run(command, input=line, capture_output=True, text=True, timeout=60, check=False)

    assert said.returncode == 0, said.stderr
    assert "smtp.auth-disabled-tenant" in said.stdout
    assert "a guess" not in said.stdout


def test_what_nobody_knows_is_told_honestly(relay):
    """By its code class, and how to report it: code 1."""
    said = relay("explain", "554 5.9.9 The moon is full")

    assert said.returncode == 1
    assert "no: judged by its code alone" in said.stdout
    assert "Please report it" in said.stdout


def test_a_text_without_an_answer_is_told(relay):
    """Code 1, and nothing is made up; a step that there is not is wrong usage."""
    said = relay("explain", "hello there")

    assert said.returncode == 1
    assert "There is no answer" in said.stderr
    assert relay("explain", "550", "--stage", "moon").returncode == 2


def test_the_help_shows_both_questions(relay):
    """An answer, and a device."""
    said = relay("explain", "--help")

    assert said.returncode == 0
    assert "relay explain AADSTS7000215" in said.stdout
    assert "device" in said.stdout
