"""The verdict table as a page of the manual; print it anew with `python -m relay.policy.verdict_page`."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

from relay.policy import verdicts
from relay.policy.rows_entra_words import BUSY, DOWN, UNKNOWN, WORDS
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_graph import GRAPH, OTHERS
from relay.policy.rows_lost import LOST
from relay.policy.verdict import Facts, GraphRow, ReplyRow, TokenRow, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.policy.verdict import Row

CHAPTERS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    ("Exchange Online's answers", verdicts.REPLY_ROWS),
    ("Answers that no row knows", (*TEMPORARY, *PERMANENT, UNEXPECTED)),
    ("Microsoft Graph's answers", GRAPH),
    ("Graph's answers that no row knows", OTHERS),
    ("Sessions that ended without an answer", LOST),
    ("Entra's error numbers (AADSTS)", verdicts.TOKEN_ROWS),
    ("No token, and no number that tells why", (*WORDS, BUSY, DOWN, UNKNOWN)),
)


def page() -> str:
    """The whole page, Markdown."""
    preface = inspect.cleandoc(verdicts.__doc__ or "")
    chapters = "\n".join(_chapter(title, rows) for title, rows in CHAPTERS)
    return f"# Verdicts\n\n<!-- printed by relay.policy.verdict_page: do not edit -->\n\n{preface}\n\n{chapters}"


def _chapter(title: str, rows: Iterable[Row]) -> str:
    return f"## {title}\n\n" + "\n".join(_section(row) for row in rows)


def _section(row: Row) -> str:
    wait = f", wait {row.wait_s:g} s" if row.wait_s is not None else ""
    if row.patience_s is not None:
        wait += f"; configuration once a message is {row.patience_s:g} s old"
    remedy = verdict(row, Facts()).remedy
    return (
        f"### {row.rule}\n\n"
        f"- **Answer:** `{row.answer}`{_codes(row)}\n"
        f"- **Class and scope:** {row.cls}, {row.scope}{wait}\n"
        f"- **Meaning:** {row.meaning}\n"
        f"- **Remedy:** {remedy.replace('<', '&lt;').replace('*', chr(92) + '*')}\n"
        f"- **Source:** {row.source}\n"
    )


def _codes(row: Row) -> str:
    if isinstance(row, ReplyRow):
        codes = [*row.enhanced, *map(str, row.codes)]
    elif isinstance(row, TokenRow):
        codes = [str(code) for code in row.codes]
    elif isinstance(row, GraphRow):
        codes = [*row.errors, *(f"HTTP {status}" for status in row.statuses)]
    else:
        codes = []
    return f" ({', '.join(codes)})" if codes else ""


if __name__ == "__main__":
    sys.stdout.write(page())
