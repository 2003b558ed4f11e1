"""`relay serve`, `relay send` and `relay queue` together, each its own process, with nobody upstream."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay.cli.orders import STATES
from relay.config.aeskey import decoded_key
from relay.spool.store import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """\
data_dir: {data_dir}
listeners: [{{listen: "127.0.0.1:0", tls: none}}]
apps:
  nobody:
    tenant: contoso.onmicrosoft.com
    client_id: app-1
    credential: {{secret: {{env: CONTOSO_SECRET}}}}
    authority: https://127.0.0.1:{closed}/contoso
profiles:
  scans: {{app: nobody, mailbox: scanner@contoso.com, from: mailbox, endpoint: {{host: 127.0.0.1, port: {closed}}}}}
devices:
  copier: {{address: 127.0.0.1, profile: scans, recipients: ["*@contoso.com"]}}
log: {{format: json}}
"""


@pytest.fixture
def config(tmp_path: Path, unused_port: int) -> Path:
    """A relay whose Entra and Exchange are not there."""
    path = tmp_path / "relay.yaml"
    path.write_text(CONFIG.format(data_dir=tmp_path / "data", closed=unused_port))
    return path


@pytest.fixture
def port(config: Path) -> Iterator[int]:
    """`relay serve` on that configuration: the port it listens on."""
    command = [sys.executable, "-m", "relay", "serve", "--config", str(config)]
    surroundings = os.environ | {"CONTOSO_SECRET": "s"}
    with subprocess.Popen(
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as serving:
        lines = iter(serving.stdout.readline, "")
        started = next(line for line in lines if '"relay.started"' in line)
        yield int(re.search(r"127\.0\.0\.1:(\d+)", started)[1])
        serving.send_signal(signal.SIGTERM)
        serving.stdout.read()
    assert serving.returncode == 0


def test_a_message_that_cannot_leave_is_in_the_queue(relay, config, port):
    """Entra is down: the device gets its 250, the message waits and its story can be read, also as JSON."""
    sent = relay("send", "--host", "127.0.0.1", "--port", port, "--to", "boss@contoso.com")
    assert sent.returncode == 0, sent.stderr
    message_id = sent.stdout.split()[-1]

    table = relay("queue", "list", "--config", config).stdout
    rows = json.loads(relay("queue", "list", "-c", config, "--json").stdout)
    story = relay("queue", "show", "-c", config, message_id).stdout

    assert message_id in table
    assert [(row["id"], row["device"]) for row in rows] == [(message_id, "copier")]
    assert "recipient boss@contoso.com" in story
    assert "Subject: Test from relay send" in story


def test_a_recipient_that_the_device_may_not_write_to_is_refused(relay, config, port):
    """The real relay's answer comes with the remedy."""
    sent = relay("send", "--host", "127.0.0.1", "--port", port, "--to", "boss@elsewhere.org")

    assert sent.returncode == 1
    assert "refused at the recipient: 5" in sent.stderr
    assert json.loads(relay("queue", "list", "-c", config, "--json").stdout) == []


def test_the_health_check_finds_the_real_relay_healthy(relay, port):
    """220 from the listener."""
    assert relay("healthcheck", "--address", f"127.0.0.1:{port}").returncode == 0


def test_an_unknown_message_is_told(relay, config, port):
    """Code 1 and where to look."""
    shown = relay("queue", "show", "-c", config, "01NONE")

    assert shown.returncode == 1
    assert "There is no message 01NONE" in shown.stderr


def test_a_spool_that_is_not_there_is_told(relay, config):
    """Nothing has run yet: code 69 and the path, no traceback."""
    listed = relay("queue", "list", "-c", config)

    assert listed.returncode == 69
    assert "has the relay run yet?" in listed.stderr
    assert "Traceback" not in listed.stderr


def test_the_states_are_those_of_the_spool():
    """The option offers what the spool knows."""
    assert set(STATES) == set(State)


def test_a_fresh_key_is_printed_and_no_two_are_the_same(relay):
    """The text is what spool.encryption.key takes; nothing is read or written for it."""
    printed = [relay("queue", "new-key").stdout for _ in range(2)]
    assert [len(decoded_key(text)) for text in printed] == [32, 32]
    assert printed[0] != printed[1]
