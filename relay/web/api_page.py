"""The calls of the API as a page of the manual: `python -m relay.web.api_page` prints it anew."""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from relay.control.who import Role
from relay.web.answering import PREFIX
from relay.web.calls import CALLS
from relay.web.openapi import path_names
from relay.web.schemas import words_of

if TYPE_CHECKING:
    from relay.web.call import Call

PREFACE = f"""\
# The API

<!-- printed by relay.web.api_page: do not edit -->

Everything the dashboard shows and does, as JSON below `{PREFIX}` at the address of `http.listen`. The whole of it, with
every field of every answer, is in [openapi.json](openapi.json), which the relay also serves at `{PREFIX}/openapi.json`.
The command line's `--json` prints the same values.

Programs send a token. It is shown once; the relay keeps its hash only:

    relay admin token new monitoring --role viewer
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8925{PREFIX}/status

A viewer may ask, an operator may also act. Whatever is refused has `error` and `remedy`: 400 what is asked makes no
sense, 401 nobody is signed in, 403 the role is not enough, 404 there is no such thing, 405 not with this method, 409
not as things are, 413 and 415 the body is too large or no JSON, 503 not now (`Retry-After`). A body has
`Content-Type: application/json`, at most 1 MiB, and the types that the document names. Times are ISO 8601 in UTC.
Fields are added in later versions; none changes its meaning.

A message is found by its subject though the relay does not keep it: `subject_hash` is the first 16 hex digits of the
SHA-256 of the subject, decoded, in lower case, every run of white space one blank. `?subject=` makes it for you.
"""
_WORD = {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "order": "retry", "name": "scans"}


def page() -> str:
    """The whole page, Markdown."""
    rows = "".join(
        f"| [`{call.method} {call.path}`](#{call.name.replace('_', '-')}) | {call.scope} | {call.summary} |\n"
        for call in CALLS
    )
    table = f"| call | role | what it does |\n|---|---|---|\n{rows}"
    return f"{PREFACE}\n{table}\n" + "\n".join(_chapter(call) for call in CALLS)


def _chapter(call: Call) -> str:
    role = "A viewer may." if call.scope is Role.VIEWER else "For operators."
    lines = [f"## {call.name.replace('_', '-')}", "", f"`{call.method} {call.path}`: {call.summary} {role}", ""]
    if call.question is not None:
        words = words_of(call.question)
        lines += ["| field | in | what it means |", "|---|---|---|"]
        lines += [f"| `{field.name}` | {_where(call, field)} | {_cell(words[field.name])} |"
                  for field in fields(call.question)]  # fmt: skip
        lines.append("")
    return "\n".join([*lines, f"    {_curl(call)}", "", f"Answers with {_answer(call)}.", ""])


def _where(call: Call, field: Any) -> str:
    if field.name in path_names(call):
        return "path"
    needed = field.default is MISSING and field.default_factory is MISSING
    return ("query" if call.method == "GET" else "body") + (", needed" if needed else "")


def _answer(call: Call) -> str:
    return f"`{call.media}`" if call.answer.__name__ == "Attachment" else f"`{call.answer.__name__}`"


def _curl(call: Call) -> str:
    path = PREFIX + call.path
    for name in path_names(call):
        path = path.replace(f"{{{name}}}", _WORD.get(name, name))
    url = f"http://127.0.0.1:8925{path}"
    head = 'curl -H "Authorization: Bearer $TOKEN"'
    if call.method == "GET":
        return f"{head} {url}"
    body = json.dumps(_example(call))
    return f"{head} -H 'Content-Type: application/json' -d '{body}' {url}"


def _example(call: Call) -> dict[str, str]:
    """What has to be said at least."""
    asked = fields(call.question) if call.question else ()
    return {field.name: "…" for field in asked if _where(call, field).endswith("needed")}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
