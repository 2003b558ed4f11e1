"""What a field of the journal may hold: text, numbers and lists of text on one line, recipients hashed.

journald, Loki and Splunk take such lines as they are: nothing is nested, and whatever octets a device sent, a value is
valid UTF-8 without line ends.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from relay.message.address import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Fields = dict[str, Any]
_ADDRESSED = ("recipient", "recipients", "to")
_SHOWN = ("mailbox", "sender", "sends_as")
_LONGEST = 500  # of an answer: Exchange's diagnostics run to several KB; the first words say it
_LINE_ENDS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_DIGITS = 12
_BARE = frozenset((int, bool, float, type(None)))  # what can hold no address
_FLAT = _BARE | {str, Address}
_WHOLE = frozenset((int, bool))  # what a line holds as it is, besides text that can be printed


def hashed(address: str) -> str:
    """An address as the journal writes it: the first digits of the SHA-256 of its lower case, and its domain.

    Equal addresses stay equal. It keeps names out of logs; whoever knows an address finds it again, so that it is no
    secret.
    """
    name = hashlib.sha256(address.lower().encode("utf-8", "replace")).hexdigest()[:_DIGITS]
    domain = address.rpartition("@")[2].lower() if "@" in address else ""
    return f"{name}@{domain}" if domain else name


def hidden(fields: Mapping[str, Any], about: Sequence[str]) -> Fields:
    """The fields with every recipient hashed: those that name one, also inside of a mapping, and texts that quote one
    of `about`.

    An address that the line itself tells as a sender's stays in its texts too: remedies name it.
    """
    shown = {str(fields.get(key, "")).lower() for key in _SHOWN} if about else set()
    names = [name for name in about if name and name.lower() not in shown]
    if not names and _name_nobody(fields):
        return dict(fields)
    return {key: value if type(value) in _BARE else _hidden(key, value, names) for key, value in fields.items()}


def plain(fields: Mapping[str, Any]) -> Fields:
    """The fields as a line may hold them; a mapping becomes one field for each of its items."""
    found: Fields = {}
    for key, value in fields.items():
        kind = type(value)
        if kind in _WHOLE or (kind is str and value and value.isprintable()):
            found[key] = value
        elif value is None or value == "":
            continue
        elif isinstance(value, dict):
            found |= plain({f"{key}_{name}": item for name, item in value.items()})
        else:
            found[key] = _plain(value)
    if isinstance(answer := found.get("answer"), str):
        found["answer"] = answer[:_LONGEST]
    return found


def _name_nobody(fields: Mapping[str, Any]) -> bool:
    """Neither outright nor inside of anything; a message that comes in tells how many its recipients are, not who."""
    if not _BARE.issuperset(map(type, map(fields.get, _ADDRESSED))):
        return False
    return _FLAT.issuperset(map(type, filter(None, fields.values())))


def _hidden(key: str, value: Any, names: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(name, item, names) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(key, item, names) for item in value]
    if not isinstance(value, str) or not value:
        return value
    return hashed(value) if key in _ADDRESSED else _scrubbed(value, names)


def _scrubbed(text: str, names: list[str]) -> str:
    """Whole addresses only: another one, which is no recipient's, may end or begin the same."""
    if "@" not in text:
        return text
    lower = text.lower()
    for name in names:
        if name.lower() in lower:
            whole = rf"(?<![\w.+%-]){re.escape(name)}(?![\w-])(?!\.\w)"
            text = re.sub(whole, hashed(name), text, flags=re.IGNORECASE)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value) if value.isprintable() else _one_line(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(_plain(item)) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (bool, int, float)):
        return value
    return _one_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _one_line(text: str) -> str:
    return _LINE_ENDS.sub(" ", text.encode("utf-8", "replace").decode("utf-8"))
