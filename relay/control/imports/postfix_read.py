"""Postfix's files as they are written: main.cf, master.cf, and the lookup tables' sources (postconf(5), master(5)).

Pure, and never raises: what is not understood is not there. `$name` is expanded as Postfix does, three levels deep more
than anybody writes; a table is read from its source text, never from the `.db` beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Read = Callable[[str], str | None]

_DEEPEST = 6  # a value that names itself four times grows by four with each
_LONGEST = 65_536
_SETTING = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\(([^)]*)\)|\{((?:[^{}]|\{[^{}]*\})*)\})")
_ITEM = re.compile(r"(?:\{(?:[^{}]|\{[^{}]*\})*\}|[^\s,{}])+")
_TEXT_TABLES = frozenset({"hash", "btree", "lmdb", "dbm", "cdb", "sdbm", "texthash", "cidr"})
DEFAULTS = {
    "mydomain": "localdomain",
    "myorigin": "$myhostname",
    "mydestination": "$myhostname, localhost.$mydomain, localhost",
    "config_directory": "/etc/postfix",
    "default_database_type": "hash",
    "mail_name": "Postfix",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter as it stands in the file: its value in one line, and the line it begins on."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service of master.cf that takes mail: its address, and what `-o` sets for it alone."""

    address: str
    options: Mapping[str, str]
    line: int


def settings(text: str) -> dict[str, Setting]:
    """The parameters of main.cf; the last one of a name counts, as in Postfix."""
    found = {}
    for line, whole in logical_lines(text):
        match = _SETTING.fullmatch(whole)
        if match:
            found[match[1]] = Setting(match[2].strip(), line)
    return found


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with what continues them (it begins with a space), without comments, each with its first line's number."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            parts += [line.strip()] if parts else []
            continue
        if parts:
            yield start, " ".join(parts)
        start, parts = number, [line.strip()]
    if parts:
        yield start, " ".join(parts)


def expanded(text: str, known: Mapping[str, Setting], depth: int = 0) -> str:
    """With `$name`, `${name}`, `$(name)`, `${name?value}`, `${name:value}` and both together replaced."""
    if depth > _DEEPEST or len(text) > _LONGEST:
        return ""

    def value_of(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return _referred(match[1] or match[2] or match[3] or "", known, depth)

    return _REFERENCE.sub(value_of, text)[:_LONGEST]


def _referred(body: str, known: Mapping[str, Setting], depth: int) -> str:
    match = re.fullmatch(r"\s*(\w+)\s*(?:\?\s*(\{[^{}]*\}|[^:]*))?\s*(?::\s*(.*))?", body, re.DOTALL)
    if match is None:
        return ""
    name, then, otherwise = match.groups()
    value = expanded(value_named(name, known), known, depth + 1)
    if then is None and otherwise is None:
        return value
    chosen = (then if then is not None else value) if value else (otherwise or "")
    return expanded(chosen.removeprefix("{").removesuffix("}").strip(), known, depth + 1)


def value_named(name: str, known: Mapping[str, Setting]) -> str:
    """The value as written, or Postfix's default of the few that others refer to."""
    if name in known:
        return known[name].value
    if name == "mydomain" and "." in (host := known.get("myhostname", Setting("", 0)).value):
        return host.partition(".")[2]
    return DEFAULTS.get(name, "")


def items(text: str) -> list[str]:
    """A list: separated by spaces or commas, `{…}` kept together, and with what stands before it (`inline:{…}`)."""
    return [item.strip() for item in _ITEM.findall(text)]


def table(reference: str, read: Read) -> list[tuple[str, str]] | None:
    """The entries of a lookup table such as `hash:/etc/postfix/sasl_passwd`; None for one that is not a text here."""
    kind, _, rest = reference.removeprefix("proxy:").partition(":")
    if kind == "inline":
        pairs = (item.partition("=") for item in items(rest.strip().removeprefix("{").removesuffix("}")))
        return [(key.strip("{} "), value.strip("{} ")) for key, equals, value in pairs if equals]
    if kind == "static":
        return [("*", rest)]
    if kind not in _TEXT_TABLES:
        return None
    text = read(rest)
    return None if text is None else entries(text)


def entries(text: str) -> list[tuple[str, str]]:
    """The lines `key value` of a table's source."""
    parts = (line.split(None, 1) for _, line in logical_lines(text))
    return [(part[0], part[1] if len(part) > 1 else "") for part in parts]


def services(text: str) -> list[Service]:
    """The services of master.cf that take mail from the network: `smtpd`, or `postscreen` before it."""
    found = []
    for line, whole in logical_lines(text):
        fields = whole.split()
        if len(fields) >= 8 and fields[1] == "inet" and fields[7] in ("smtpd", "postscreen"):
            found.append(Service(fields[0], _overrides(whole), line))
    return found


def _overrides(line: str) -> dict[str, str]:
    pairs = re.findall(r"\s-o\s+(?:\{\s*(\w+)\s*=\s*([^{}]*)\}|(\w+)=(\S*))", line)
    return {first or second: (one or two).strip() for first, one, second, two in pairs}
