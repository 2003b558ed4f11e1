"""The quickstart's steps are those that work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from relay.cli.verbs import Verbs, relay
from relay.config.loader import parse
from relay.config.settings import FromPolicy
from relay.sandbox.cloud import CloudSettings
from relay.sandbox.run import configuration

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "quickstart.md").read_text()
BEGINNING, REAL = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
CLOUD = CloudSettings(
    "https://localhost:1/t", "t", "c", "s", "https://outlook.office365.com/.default", "localhost", 2, Path("/ca.pem"),
    Path("/secret"), ("scanner@contoso.test",), "http://127.0.0.1:8025", Path("/x"),
)  # fmt: skip
COMMANDS = sorted(set(re.findall(r"^(?:\.venv/bin/)?relay (.*?)(?: +\||  +#|$)", TEXT, re.MULTILINE)))


def test_the_sandbox_completes_the_configuration_it_begins():
    """The beginning and what `relay sandbox` prints are one good file."""
    settings = parse(BEGINNING + configuration(CLOUD))

    assert settings.devices["this-machine"].profile == "scanner"


def test_the_configuration_of_a_tenant_is_good():
    """It passes the loader as it stands."""
    assert parse(REAL).profiles["scans"].from_policy is FromPolicy.MAILBOX


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed(line, monkeypatch, tmp_path):
    """Each has the verb and the options that it names."""
    monkeypatch.chdir(tmp_path)
    Path("README.md").touch()
    command: click.Command = relay
    words = shlex.split(line)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(Verbs("relay")), words.pop(0))
        assert found is not None
        command = found

    assert command.make_context("relay", words)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w./-]+\.md)`", TEXT))))
def test_every_page_that_is_named_exists(path):
    """A reader can open what they are sent to."""
    assert (ROOT / path).is_file()
