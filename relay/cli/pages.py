"""The command line as a tree of plain values: what man pages and docs/reference/cli.md are printed from."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from relay.cli.examples import EXAMPLES
from relay.cli.verbs import EXIT_CODES, relay

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EXIT_CODES", "Page", "all_pages"]


@dataclass(frozen=True, slots=True)
class Page:
    """One command: its words, what it says of itself, its arguments and options, and the commands below it."""

    words: tuple[str, ...]
    usage: str
    short: str
    paragraphs: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    examples: tuple[str, ...]
    below: tuple[Page, ...] = field(default=())

    @property
    def path(self) -> str:
        return " ".join(self.words)

    def all(self) -> Iterator[Page]:
        """This page and all below it."""
        yield self
        for page in self.below:
            yield from page.all()


def all_pages() -> Page:
    """The page of `relay` itself, with every verb below it."""
    return _page(relay, None, ("relay",))


def _page(command: click.Command, parent: click.Context | None, words: tuple[str, ...]) -> Page:
    context = command.context_class(command, parent, info_name=words[-1], **command.context_settings)
    below: tuple[Page, ...] = ()
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        known = ((name, command.get_command(context, name)) for name in names)
        below = tuple(_page(one, context, (*words, name)) for name, one in known if one is not None)
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    return Page(
        words, " ".join(command.collect_usage_pieces(context)), command.get_short_help_str(200),
        tuple(" ".join(part.split()) for part in help_text.split("\n\n") if part.strip()),
        tuple(_options(command, context)), EXAMPLES.get(" ".join(words[1:]), ()), below,
    )  # fmt: skip


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield record[0], " ".join(record[1].split())
