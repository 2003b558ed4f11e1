"""What the page about the tenant says of the commands is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from relay.cli.verbs import Verbs, relay

TEXT = (Path(__file__).resolve().parents[2] / "docs/how-to/tenant.md").read_text()
COMMANDS = sorted(set(re.findall(r"^(?:\$ )?relay (.*)$", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed(line):
    """Each has the verb and the options that it names."""
    command: click.Command = relay
    words = shlex.split(line)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(Verbs("relay")), words.pop(0))
        assert found is not None
        command = found

    assert command.make_context("relay", words)


def test_every_step_that_is_shown_is_explained():
    """The sample and the table name the same steps."""
    shown = re.findall(r"^  ok +(\w+)", TEXT, re.MULTILINE)
    table = TEXT.partition("| step |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| ([\w, ]+)", table, re.MULTILINE)

    assert shown == [name for row in explained for name in re.findall(r"\w+", row) if name not in ("Graph", "tls")]
