"""The man pages, printed from the commands and the settings: `python -m relay.cli.manpages DIR` fills DIR.

One page for `relay`, one for each verb with all that is below it, and relay.yaml(5) from the manual of the settings.
They are made when a package is built, and are not kept here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from relay import __version__
from relay.cli.manpage_settings import settings_page
from relay.cli.options import DEFAULT_CONFIG
from relay.cli.pages import EXIT_CODES, Page, all_pages
from relay.cli.roff import block, head, literal, paragraph, tagged, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENVIRONMENT = (
    ("RELAY_CONFIG", f"The configuration file, in the place of {DEFAULT_CONFIG}."),
    ("NO_COLOR", "Set to anything: no colours."),
)


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    whole = all_pages()
    made = {"relay.1": "".join(_of_relay(whole))}
    made |= {f"relay-{verb.words[1]}.1": "".join(_of_verb(verb)) for verb in whole.below}
    return made | {"relay.yaml.5": settings_page(__version__)}


def _of_relay(page: Page) -> Iterator[str]:
    yield head("RELAY", 1, __version__)
    yield block("NAME", r"relay \- " + text(page.short.rstrip(".")))
    yield block("SYNOPSIS", literal("relay") + text(f" {page.usage}"))
    yield from _described(page)
    yield block("COMMANDS", "".join(tagged(f"relay-{one.words[1]}(1)", one.short) for one in page.below))
    yield _options(page)
    yield from _ends()
    yield block("SEE ALSO", text("relay.yaml(5)"))


def _of_verb(page: Page) -> Iterator[str]:
    name = f"relay-{page.words[1]}"
    yield head(name.upper(), 1, __version__)
    yield block("NAME", text(name) + r" \- " + text(page.short.rstrip(".")))
    yield block("SYNOPSIS", literal(page.path) + text(f" {page.usage}"))
    yield from _described(page)
    if page.options:
        yield _options(page)
    for one in page.below:
        for own in one.all():
            yield block(own.path.upper(), _below(own))
    if page.examples:
        yield block("EXAMPLES", _examples(page))
    yield from _ends()
    yield block("SEE ALSO", text("relay(1), relay.yaml(5)"))


def _described(page: Page) -> Iterator[str]:
    if page.paragraphs:
        yield block("DESCRIPTION", paragraph(*page.paragraphs))


def _options(page: Page) -> str:
    return block("OPTIONS", "".join(tagged(name, meaning) for name, meaning in page.options))


def _below(page: Page) -> str:
    """A command under a verb, in the verb's own page."""
    parts = [literal(page.path) + text(f" {page.usage}") + "\n.PP\n", paragraph(*page.paragraphs)]
    parts += [tagged(name, meaning) for name, meaning in page.options]
    return "".join([*parts, *([".PP\nExamples:\n", _examples(page)] if page.examples else [])])


def _examples(page: Page) -> str:
    lines = "\n".join(text(line) for line in "\n".join(page.examples).splitlines())
    return f".PP\n.nf\n.RS 2\n{lines}\n.RE\n.fi\n"


def _ends() -> Iterator[str]:
    yield block("EXIT STATUS", "".join(tagged(str(code), meaning) for code, meaning in EXIT_CODES.items()))
    yield block("ENVIRONMENT", "".join(tagged(name, meaning) for name, meaning in _ENVIRONMENT))


def main(arguments: list[str]) -> int:
    """Writes every page into the one directory that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m relay.cli.manpages DIR\n")
        return 2
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (directory / name).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
