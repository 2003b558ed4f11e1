"""The command as a whole: its help, its exit codes, and how it behaves when it is cut off."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from importlib import import_module

import pytest

from relay import __version__
from relay.cli.verbs import VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_listed_and_explains_itself(run, verb):
    """The help of the whole names each verb; the verb's own help begins with its usage."""
    own = run(verb, "--help")

    assert own.returncode == 0, own.stderr
    assert own.stdout.startswith(f"Usage: relay {verb}")
    assert f"\n  {verb} " in run("--help").stdout


def test_the_help_documents_the_exit_codes(relay):
    """Scripts can rely on the codes: each is in the help."""
    text = relay("--help").stdout
    codes = import_module("relay.cli.options").ExitCode

    assert all(re.search(rf"^ +{code:d} ", text, re.MULTILINE) for code in codes)


def test_version_names_the_relay_and_what_it_stands_on(relay):
    """A report of a problem begins with these lines."""
    first, second, *_ = relay("version").stdout.splitlines()

    assert first == f"relay {__version__}"
    assert "OpenSSL" in second
    assert "SQLite" in second


def test_an_unknown_verb_is_wrong_usage(relay):
    """Code 2, and the way to the help."""
    ended = relay("sned")

    assert ended.returncode == 2
    assert "No such command 'sned'" in ended.stderr


def test_a_reader_that_goes_away_is_no_error():
    """`relay example | head -1` ends quietly."""
    reader, writer = socket.socketpair()
    reader.close()
    with writer:
        ended = subprocess.run(
            [sys.executable, "-m", "relay", "schema"], stdout=writer, stderr=subprocess.PIPE, check=False
        )

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_control_c_ends_without_a_traceback():
    """Interrupted while it waits for a relay that says nothing: code 130 and nothing frightening."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        command = [sys.executable, "-m", "relay", "send", "--host", host, "--port", str(port), "--to", "a@contoso.com"]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # A test run in the background of a script is deaf to SIGINT, and so would this command be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:  # fmt: skip
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            connection.close()

    assert (process.returncode, errors) == (130, "")


def test_what_is_printed_out_of_the_code_is_printed(relay, tmp_path):
    """The example passes the check but for the secrets that only its reader has."""
    path = tmp_path / "relay.yaml"
    path.write_text(relay("example").stdout)
    ended = relay("check", "--config", path)

    assert "environment variable is not set" in ended.stderr or ended.returncode == 0
    assert '"$schema"' in relay("schema").stdout
