"""Reading an answer of Microsoft out of whatever an administrator pastes: a reply, a log line, JSON, a bounce.

Nothing here is judged; what the text holds is told apart, and `relay.control.answers` asks the table about it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from relay.message.answer import GraphAnswer
from relay.message.reply import Reply, parse_reply
from relay.policy.rows_entra_words import WORDS
from relay.policy.rows_graph import GRAPH
from relay.policy.rows_lost import LOST
from relay.policy.verdicts import REPLY_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 20_000
_WORDS = {word for row in WORDS for word in row.errors}
_GRAPH_CODES = {code: row for row in GRAPH for code in row.errors}
_AADSTS = re.compile(r"AADSTS(\d{4,9})", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(?:error\s*code:?\s*)?(\d{5,8})\s*", re.IGNORECASE)
_OAUTH = re.compile(r"\s*([a-z_]+)\s*(?::\s*(.*))?", re.DOTALL)
_HTTP = re.compile(
    r"\bHTTP(?:/\d(?:\.\d)?)?[ :]+(?:status[ :]+)?([1-5]\d\d)\b[:\s]*(\w*)[:\s]*(.*)", re.DOTALL | re.IGNORECASE
)
_CAMEL = re.compile(r"[A-Z][a-z]+[A-Z]\w+")
_LOGGED = re.compile(r"\banswer=(?:'(.*?)'|\"(.*?)\"|(\S+))(?=\s+\w+=|\s*$)", re.DOTALL)
_LOGGED_STAGE = re.compile(r"\bstage=(\w+)")
_REPLY_TO = re.compile(r"in reply to (?:the )?([A-Za-z]+(?: [A-Za-z]+){0,5}?)(?: command)?\)")
_LINES = re.compile(r"(?m)^[ \t]*([45]\d\d)([ -])(.*)$")
_WITH_ENHANCED = re.compile(r"(?<![\d.:/-])([45]\d\d)[ -]+#?([45]\.\d{1,3}\.\d{1,3})(?![\d.])(.*)", re.DOTALL)
_CODE = re.compile(r"(?:^|(?<=[\s'\"(;]))([45][0-5]\d)[ -](?=[A-Za-z])(.*)|^\s*([45][0-5]\d)\s*()$", re.DOTALL)
_ENHANCED = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])(.*)", re.DOTALL)
_LOST = re.compile(
    r"timed? ?out|refused|unreachable|reset|no route|clos(ed|ing)|broken pipe|not resolve", re.IGNORECASE
)
_PROXY = re.compile(r"\bthe proxy (answered|closed)\b")
_STAGES = {
    "MAIL FROM": "mail", "RCPT TO": "rcpt", "DATA": "data", "end of DATA": "final", "EHLO": "ehlo", "AUTH": "auth",
    "STARTTLS": "starttls", "initial server greeting": "greeting",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntraAnswer:
    """What a token request was answered with."""

    error: str
    description: str
    codes: tuple[int, ...] = ()
    status: int = 400


@dataclass(frozen=True, slots=True)
class Lost:
    """A session that ended without an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """The answer that was found, and the step it was given at, where the text says so."""

    answer: Reply | GraphAnswer | EntraAnswer | Lost
    stage: str = ""


def read(text: str) -> Pasted | None:
    """What the text holds; None when there is nothing in it that looks like an answer."""
    return _read(text, _READERS)


def _read(text: str, readers: tuple[Callable[[str], Pasted | None], ...]) -> Pasted | None:
    text = text[:LONGEST].strip()
    for reader in readers:
        found = reader(text)
        if found is not None:
            return found
    return None


def _object(text: str) -> tuple[dict[str, Any], str]:
    """The first JSON object in the text, empty where there is none, and what stands before it."""
    start = text.find("{")
    if start < 0:
        return {}, ""
    try:
        data, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return {}, ""
    return (data, text[:start]) if isinstance(data, dict) else ({}, "")


def _json_error(text: str) -> Pasted | None:
    data, before = _object(text)
    error = data.get("error")
    if isinstance(error, dict):
        status = re.search(r"\b([45]\d\d)\b", before)
        return Pasted(_graph(str(error.get("code", "")), str(error.get("message", "")), status and int(status[1])))
    if isinstance(error, str) and (error in _WORDS or "error_description" in data or "error_codes" in data):
        codes = data.get("error_codes")
        numbers = tuple(code for code in codes if isinstance(code, int)) if isinstance(codes, list) else ()
        return Pasted(_entra(error, str(data.get("error_description", "")), numbers))
    return None


def _json_line(text: str) -> Pasted | None:
    """A line of the relay's own log as machines read it."""
    data, _ = _object(text)
    answer, stage = data.get("answer"), data.get("stage")
    found = _read(answer, _QUOTED) if isinstance(answer, str) and answer else None
    return replace(found, stage=stage) if found and isinstance(stage, str) else found


def _logged(text: str) -> Pasted | None:
    """A line of the relay's own log as a terminal shows it."""
    answer = _LOGGED.search(text)
    found = _read(answer[1] or answer[2] or answer[3] or "", _QUOTED) if answer else None
    stage = _LOGGED_STAGE.search(text)
    return replace(found, stage=stage[1]) if found and stage else found


def _aadsts(text: str) -> Pasted | None:
    numbers = tuple(map(int, _AADSTS.findall(text)))
    bare = _NUMBER.fullmatch(text)
    if bare:
        numbers = (int(bare[1]),)
    word = _OAUTH.match(text)
    error = word[1] if word and word[1] in _WORDS else ""
    if not numbers and not (word and error and word.end() == len(text)):
        return None
    return Pasted(_entra(error, text, numbers))


def _proxy(text: str) -> Pasted | None:
    """The number a proxy answered with is neither Exchange's nor Graph's."""
    return Pasted(Lost(text)) if _PROXY.search(text) else None


def _entra(error: str, description: str, codes: tuple[int, ...]) -> EntraAnswer:
    asked = error not in ("unreachable", "timeout", "bad_answer", "secret_unreadable", "not_authorized", "token_store")
    codes = codes or tuple(map(int, _AADSTS.findall(description)))
    return EntraAnswer(error, description, codes, 400 if asked else 0)


def _http(text: str) -> Pasted | None:
    found = _HTTP.search(text)
    if found is None:
        return None
    status, code, message = int(found[1]), found[2], found[3]
    if code not in _GRAPH_CODES:
        named = _graph_word(text)
        code, message = (named, text) if named else (code if _CAMEL.fullmatch(code) else "", f"{code} {message}")
    return Pasted(GraphAnswer(status, code, message.strip()))


def _graph_code(text: str) -> Pasted | None:
    code = _graph_word(text)
    return Pasted(_graph(code, "" if code == text else text, None)) if code else None


def _graph_word(text: str) -> str:
    return next((word for word in re.findall(r"\w+", text) if word in _GRAPH_CODES), "")


def _graph(code: str, message: str, status: int | None) -> GraphAnswer:
    """Without a status the one that Graph usually gives with this code."""
    if status is None:
        row = _GRAPH_CODES.get(code)
        status = int(row.answer.split()[1]) if row else 400
    return GraphAnswer(status, code, message)


def _lines(text: str) -> Pasted | None:
    """A reply of several lines, as it came on the wire."""
    lines = _LINES.findall(text)
    if len(lines) < 2 or lines[0][1] != "-":
        return None
    same = [line for code, _, line in lines if code == lines[0][0]]
    return Pasted(parse_reply(int(lines[0][0]), same))


def _reply(text: str) -> Pasted | None:
    found = _WITH_ENHANCED.search(text)
    if found is None:
        return None
    return Pasted(Reply(int(found[1]), found[2], _rest(text, found.start(), found[3])), _replied_to(text))


def _coded(text: str) -> Pasted | None:
    found = _CODE.search(text)
    if found is None:
        return None
    code, rest = (found[1], found[2]) if found[1] else (found[3], "")
    return Pasted(Reply(int(code), "", _rest(text, found.start(), rest)), _replied_to(text))


def _enhanced(text: str) -> Pasted | None:
    found = _ENHANCED.search(text)
    if found is None:
        return None
    code = 450 if found[1].startswith("4") else 550
    around = text[: found.start()] + found[2]
    return Pasted(Reply(code, found[1], " ".join(around.split())))


def _worded(text: str) -> Pasted | None:
    """The sentence alone: under the code that it usually comes with."""
    for row in REPLY_ROWS:
        if row.says and re.search(row.says, text, re.IGNORECASE):
            code = re.match(r"\d{3}", row.answer)
            return Pasted(Reply(int(code[0]) if code else 550, "", text))
    return None


def _lost(text: str) -> Pasted | None:
    known = any(row.says and re.search(row.says, text, re.IGNORECASE) for row in LOST)
    return Pasted(Lost(text)) if known or _LOST.search(text) else None


def _rest(text: str, start: int, rest: str) -> str:
    """The reply's text: up to the quote that closes it or the end of the paragraph."""
    quote = text[start - 1 : start]
    if quote in ("'", '"') and quote:
        rest = re.split(rf"{quote}(?=\W|$)", rest, maxsplit=1)[0]
    return re.split(r"\n\s*\n", rest, maxsplit=1)[0].strip()


def _replied_to(text: str) -> str:
    said = _REPLY_TO.search(text)
    return _STAGES.get(said[1], "") if said else ""


_READERS = (
    _json_error, _json_line, _aadsts, _proxy, _logged, _http, _lines, _reply, _graph_code, _coded, _enhanced, _worded,
    _lost,
)  # fmt: skip
_QUOTED = tuple(reader for reader in _READERS if reader not in (_json_line, _logged))  # a log line holds no other
