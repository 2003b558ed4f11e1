"""docs/reference/cli.md, printed from the commands: `python -m relay.cli.cli_page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.cli.pages import EXIT_CODES, Page, all_pages

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# Command line

Printed from `relay/cli` by `python -m relay.cli.cli_page`; change it there. `relay VERB --help` and the man pages
(`man relay`, `man relay-queue`) say the same.

`--no-color` or the environment variable `NO_COLOR` switch colours off; without a terminal there are none. With `--json`
an error is a JSON object on standard error: `{"error": …, "code": …}`.

`relay completion bash` (zsh, fish) prints the script with which a shell completes verbs, options, and the names of
profiles and devices; `make man` prints the man pages into `build/man`.

## Exit codes

| code | meaning |
|---|---|
"""


def text() -> str:
    """The whole page."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    return _HEAD + codes + "".join(f"\n{_section(page)}" for verb in all_pages().below for page in verb.all())


def _section(page: Page) -> str:
    return "\n".join(_lines(page))


def _lines(page: Page) -> Iterator[str]:
    yield f"{'#' * min(len(page.words), 4)} {page.path}\n"
    yield f"```\n{page.path} {page.usage}".rstrip() + "\n```\n"
    for paragraph in page.paragraphs:
        yield _escaped(paragraph) + "\n"
    if page.options:
        yield "| option | meaning |\n|---|---|"
        yield from (f"| `{name}` | {_escaped(meaning)} |" for name, meaning in page.options)
        yield ""
    if page.examples:
        lines = "\n".join(page.examples)
        yield f"Examples:\n\n```sh\n{lines}\n```\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(text(), end="")
