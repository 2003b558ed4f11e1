"""`relay device`: the line for a password, and who was refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from relay.config.loader import parse
from relay.config.password import matches
from relay.smtpd.notebook import NAME


@pytest.fixture
def refusals(tmp_path):
    """Writes down two strangers, as a running relay does."""
    rows = [
        {"address": "10.0.2.30", "helo": "mfp30.local", "quirks": ["HELO only"], "count": 3, "last": 1.0e9},
        {"address": "10.0.2.31", "login": "scan", "mechanisms": ["LOGIN"], "tls": True, "count": 1, "last": 1.1e9,
         "reply": "535 5.7.8 Authentication credentials invalid"},
    ]  # fmt: skip
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / NAME).write_text(json.dumps(rows))


def test_a_password_becomes_a_line_of_the_configuration():
    """Read from standard input, never shown, and what it prints can be pasted."""
    command = [sys.executable, "-m", "relay", "device", "password", "--stdin"]
    ended = subprocess.run(command, input="geheim\n", capture_output=True, text=True, timeout=60, check=True)
    assert matches(yaml.safe_load(ended.stdout)["password_hash"], "geheim")
    assert "geheim" not in ended.stdout


def test_an_empty_password_is_none():
    """A line that anybody without a password could use is not printed."""
    command = [sys.executable, "-m", "relay", "device", "password", "--stdin"]
    ended = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")


@pytest.mark.usefixtures("refusals")
def test_strangers_are_listed_newest_first(relay, write_config):
    """What an administrator recognises a device by."""
    lines = relay("device", "refused", "-c", write_config()).stdout.splitlines()
    assert lines[0].split()[:4] == ["address", "login", "helo", "tls"]
    assert lines[1].startswith("10.0.2.31  scan")
    assert "LOGIN" in lines[1]
    assert "2001-09-09 01:46:40Z" in lines[2]
    rows = json.loads(relay("device", "refused", "--json", "-c", write_config()).stdout)
    assert [row["count"] for row in rows] == [1, 3]
    assert "address: 10.0.2.31" in rows[0]["adoption"]


@pytest.mark.usefixtures("refusals")
def test_the_yaml_to_adopt_one_is_printed_and_works(relay, write_config):
    """As it is for a device known by its address; with a login, the password's line has to be filled in."""
    config = write_config()
    adopted = yaml.safe_load(relay("device", "refused", "10.0.2.30", "-c", config).stdout)
    assert adopted == {"mfp30": {"address": "10.0.2.30", "profile": "scans", "recipients": ["*@contoso.com"]}}
    lines = relay("device", "refused", "10.0.2.30", "-c", config).stdout
    pasted = config.read_text().replace("\ndevices:\n", f"\ndevices:\n{lines}")
    assert parse(pasted).devices["mfp30"].address == "10.0.2.30"

    login = yaml.safe_load(relay("device", "refused", "10.0.2.31", "-c", config).stdout)["device-10-0-2-31"]
    assert login["login"] == {"username": "scan", "password_hash": "print it with: relay device password"}


@pytest.mark.usefixtures("refusals")
def test_a_user_name_that_a_device_has_already_is_said(relay, write_config):
    """To adopt it would be the wrong remedy."""
    config = write_config()
    config.write_text(config.read_text().replace("username: erp", "username: scan"))
    ended = relay("device", "refused", "10.0.2.31", "-c", config)
    assert "# device erp has this user name: a wrong password" in ended.stdout


def test_nobody_refused_is_said(relay, write_config):
    """An empty list is an answer; for one address it is a failure."""
    assert relay("device", "refused", "-c", write_config()).stdout.startswith("Nobody unknown was refused;")
    ended = relay("device", "refused", "10.1.1.1", "-c", write_config())
    assert (ended.returncode, ended.stdout) == (1, "10.1.1.1 was not refused as unknown.\n")
