"""The manual: it builds without a warning, and what it tells people to type and to write is what the relay takes."""

from __future__ import annotations

import logging
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import pytest
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from pydantic import BaseModel

from relay.cli.verbs import Verbs, relay
from relay.config.loader import parse
from relay.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md"))
TYPED = [path for path in PAGES if path.parent.name != "reference"]
GUIDES = [path for path in PAGES if path.parent.name in ("devices", "moving")]
_COMMAND = re.compile(r"^(?:\$ |# )?(?:\.venv/bin/|docker compose exec relay )?relay ((?:[a-z]).*)$", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`relay ([a-z][^`\n]*)`(?!`)")
_OPTION = re.compile(r"(?<!`)`([a-z_]+(?:\.[A-Za-z_]+)+)(?::[^`]*)?`(?!`)")
NOT_OPTIONS = set(re.findall(r"^\| `([a-z_.]+)`", (ROOT / "docs/reference/events.md").read_text(), re.MULTILINE))
NOT_OPTIONS |= set(re.findall(r"^### ([a-z_.-]+)$", (ROOT / "docs/reference/verdicts.md").read_text(), re.MULTILINE))
_FILES = (".db", ".md", ".py", ".yaml", ".json", ".html", ".txt", ".cf", ".xml", ".service", ".socket", ".pem", ".csv")
BASE = """
data_dir: /var/lib/relay
listeners: [{listen: "0.0.0.0:25"}]
apps: {contoso: {tenant: contoso.onmicrosoft.com, client_id: 11111111-2222-3333-4444-555555555555,
                 credential: {secret: {env: CONTOSO_SECRET}}}}
profiles:
  scans: {app: contoso, mailbox: scanner@contoso.com}
  reports: {app: contoso, mailbox: reports@contoso.com}
  sap: {app: contoso, mailbox: sap@contoso.com, from: person}
"""


def test_the_manual_builds_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every link and anchor leads somewhere, every page is in the navigation."""
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path))
    with caplog.at_level(logging.WARNING, "mkdocs"):
        build(config)
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("path", TYPED, ids=lambda path: path.stem)
def test_every_command_can_be_typed(path: Path) -> None:
    """Each has the verb and the options that it names."""
    text = path.read_text()
    blocks = "\n".join(re.findall(r"```(?:console|bash|sh)?\n(.*?)```", text, re.DOTALL))
    for line in (*_COMMAND.findall(blocks), *_SPAN.findall(text)):
        _typed(re.split(r" +\|| +> | +# ", line)[0].rstrip("\\ "))


def _typed(line: str) -> None:
    words = shlex.split(line)
    command: click.Command = relay
    while isinstance(command, click.Group) and words:
        context = click.Context(Verbs("relay"))
        found = command.get_command(context, words[0])
        if found is None and command.name == "explain":  # what is not the name of a question is an answer to explain
            words, found = ["answer", *words], command.get_command(context, "answer")
        assert found is not None, line
        command = found
        words = words[1:]
    if command.name == "healthcheck":  # answered before click
        return
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known | {"--help"}, line


@pytest.mark.parametrize("path", GUIDES, ids=[path.stem for path in GUIDES])
def test_every_piece_of_configuration_is_good(path: Path) -> None:
    """Put into a whole file, it passes the loader."""
    for piece in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
        whole = yaml.safe_load(BASE)
        for section, entries in yaml.safe_load(piece).items():
            whole[section] = {**whole.get(section, {}), **entries}
        assert parse(yaml.safe_dump(whole, sort_keys=False)).devices


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent.name != "design"], ids=lambda path: path.stem)
def test_every_option_that_is_named_exists(path: Path) -> None:
    """A dotted name that begins with a section of the settings leads to an option."""
    for name in _OPTION.findall(path.read_text()):
        first = name.partition(".")[0]
        if first in Settings.model_fields and not name.endswith(_FILES) and name not in NOT_OPTIONS:
            assert _leads(Settings, name.split(".")), name


def _leads(kind: Any, path: list[str]) -> bool:
    """Whether a path of names ends at an option; a name of the administrator's choice is any word."""
    if not path:
        return True
    models = list(_models(kind))
    for model in models:
        for name, field in model.model_fields.items():
            if path[0] in (name, field.alias):
                rest = path[1:]
                if "dict[" in str(field.annotation) and rest:
                    rest = rest[1:]
                return _leads(field.annotation, rest)
    return not models


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)
