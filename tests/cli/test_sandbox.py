"""`relay sandbox` as its own process."""

from __future__ import annotations

import json
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

from relay.config.loader import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

REST = """\
listeners: [{listen: "127.0.0.1:0"}]
devices: {copier: {address: 127.0.0.1, profile: scanner}}
"""


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, until the test is through with it."""
    command = [sys.executable, "-m", "relay", "sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_prints_how_to_reach_it_and_stops_when_told():
    """Exchange greets and proves itself with the CA that was named; SIGTERM ends it with code 0."""
    with running("--json", "--mailbox", "fax@contoso.test") as process:
        settings = json.loads(process.stdout.readline())
        with smtplib.SMTP(settings["smtp_host"], settings["smtp_port"], timeout=10) as session:
            session.starttls(context=ssl.create_default_context(cafile=settings["ca_file"]))
        with urlopen(settings["management_url"] + "/stats", timeout=10) as answer:
            stats = json.load(answer)
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0, process.stderr.read()
    assert settings["mailboxes"] == ["fax@contoso.test"]
    assert (stats["sessions"], stats["messages"]) == (1, 0)


def test_a_port_that_is_taken_is_told():
    """Code 69 and what to do, no traceback."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        running("--smtp-port", str(other.getsockname()[1])) as process,
    ):
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 69
    assert "choose other ports" in errors
    assert "Traceback" not in errors


def test_what_it_prints_is_a_configuration():
    """Beside a listener and a device it passes the loader as it is; with its terminal it ends and leaves nothing."""
    with running() as process:
        lines = list(iter(process.stdout.readline, "# Ctrl-C stops it.\n"))
        process.send_signal(signal.SIGHUP)

        assert process.wait(20) == 0, process.stderr.read()
    settings = parse(REST + "".join(lines))
    assert settings.apps["sandbox"].authority_url.startswith("https://localhost:")
    assert settings.endpoint_of("scanner").host == "localhost"
    assert not settings.apps["sandbox"].ca_file.exists()


def test_it_offers_every_door_and_the_people_asked_for():
    """Graph, HVE and connector listen; the user and the account are those of the command line."""
    with running("--json", "--user", "eve@contoso.test", "--hve-account", "alerts@contoso.test") as process:
        assert process.stdout is not None
        settings = json.loads(process.stdout.readline())
        ports = [settings["hve_port"], settings["connector_port"], urlsplit(settings["graph_url"]).port]
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=10).close()

    assert (settings["users"], settings["hve_accounts"]) == (["eve@contoso.test"], ["alerts@contoso.test"])
