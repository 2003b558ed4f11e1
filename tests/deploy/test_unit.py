"""The systemd unit, judged by systemd's own checkers."""

from __future__ import annotations

import re
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from relay.config.settings import Delivery

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "relay.service"


def test_the_unit_is_understood_to_the_last_word(need_tool, tmp_path):
    """systemd-analyze ends with 0 even for unknown keys, so nothing may be printed; it looks for kill too."""
    copy = tmp_path / "relay.service"
    copy.write_text(UNIT.read_text().replace("/opt/relay/bin/relay", "/bin/true"))
    need_tool("kill")
    ended = _run(need_tool("systemd-analyze"), "verify", "--man=no", copy)

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_the_socket_unit_is_understood_to_the_last_word(need_tool, tmp_path):
    """Beside the service it starts."""
    service = tmp_path / "relay.service"
    service.write_text(UNIT.read_text().replace("/opt/relay/bin/relay", "/bin/true"))
    copy = tmp_path / "relay.socket"
    copy.write_text(UNIT.with_name("relay.socket").read_text())
    need_tool("kill")
    ended = _run(need_tool("systemd-analyze"), "verify", "--man=no", copy)

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_an_unknown_word_would_be_noticed(need_tool, tmp_path):
    """The test above can fail."""
    copy = tmp_path / "relay.service"
    copy.write_text(UNIT.read_text().replace("/opt/relay/bin/relay", "/bin/true").replace("PrivateTmp", "PrivateTemp"))

    assert "PrivateTemp" in _run(need_tool("systemd-analyze"), "verify", "--man=no", copy).stderr


def test_little_is_exposed(need_tool):
    """At most 2.0 of 10 on systemd's scale."""
    ended = _run(need_tool("systemd-analyze"), "security", "--no-pager", "--offline=true", "--threshold=20", UNIT)

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("file", ["systemd/relay.service", "README.md", "docs/quickstart.md", "Dockerfile"])
def test_nobody_is_told_to_install_from_an_index(file):
    """There the name is free for anybody to take: what is installed is a checkout, or wheels built of one."""
    told = [line for line in (ROOT / file).read_text().splitlines() if re.search(r"pip\b.* install\b", line)]

    assert [line for line in told if "m365-smtp-relay" in line and "--no-index --find-links" not in line] == []


def test_the_files_that_the_unit_installs_are_in_the_checkout():
    """A reader types the lines as they stand, in the top directory."""
    text = UNIT.read_text() + UNIT.with_name("relay.socket").read_text()

    assert re.findall(r"install -m 0644 (\S+) /etc/systemd", text) == ["systemd/relay.service", "systemd/relay.socket"]


def test_what_is_in_hand_has_time_to_finish():
    """systemd waits longer than the relay's own deadline, and does not retry a broken configuration."""
    unit = RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(UNIT)

    assert unit.getint("Service", "TimeoutStopSec") > Delivery().stop_deadline_s
    assert unit.get("Service", "RestartPreventExitStatus") == "78"


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
