"""Everything Microsoft 365 is known to answer, by name, with the stage where it says so.

A name is good for a fault (`fault("mailbox-full", count=1)`, `POST /faults {"name": "mailbox-full"}`), and where it is
SMTP's or Graph's also as the local part of a recipient or of a mailbox, whatever the domain. `{stamp}` becomes
`[host time id]`, `{host}` the server's name, `{mailbox}` who is signed in. `aadsts-N` is any number in Entra's table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.sandbox import aadsts
from relay.sandbox.catalogue_smtp import OF_SMTP, Answer
from relay.sandbox.faults import Fault
from relay.sandbox.graph_errors import REFUSALS

_OF_GRAPH = {name: Answer("graph", f"{one.status} {one.code}: {one.message}") for name, one in REFUSALS.items()}
_OF_ENTRA = {
    f"aadsts-{code}": Answer("token", f"{one.status} {one.error}: {one.text}") for code, one in aadsts.SENTENCES.items()
}
CATALOGUE: Mapping[str, Answer] = {**OF_SMTP, **_OF_GRAPH, **_OF_ENTRA}
_NUMBER = re.compile(r"aadsts-(\d+)")
_RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name was found: in the local part of an address."""

    name: str
    answer: Answer


def fault(name: str, **more: Any) -> Fault:
    """The fault of a name; `more` are further fields of it (count, mailbox, stage …). Raise ValueError."""
    if name not in CATALOGUE:
        raise ValueError(f"the catalogue has no {name!r}; GET /catalogue for what there is")
    answer = CATALOGUE[name]
    given: dict[str, Any] = {"stage": answer.stage}
    if number := _NUMBER.fullmatch(name):
        given |= {"action": "aadsts", "aadsts": int(number[1])}
    elif name in REFUSALS:
        limited = REFUSALS[name].status in (429, 503)
        given |= {"action": "graph", "graph": name, "retry_after": _RETRY_AFTER_S if limited else 0}
    else:
        given |= {"action": "reply", "reply": answer.reply, "close": answer.close}
    return Fault.from_json(given | more)


def from_json(given: Mapping[str, Any]) -> Fault:
    """A fault of a JSON object, by its name in the catalogue or field by field; raise ValueError."""
    if "name" not in given:
        return Fault.from_json(given)
    more = {key: value for key, value in given.items() if key != "name"}
    return fault(str(given["name"]), **more)


def spot(address: str, *stages: str) -> Spot | None:
    """The answer that an address asks for by its local part, if it belongs to one of these stages."""
    name = address.rpartition("@")[0].lower()
    answer = CATALOGUE.get(name)
    return Spot(name, answer) if answer is not None and answer.stage in stages else None


def to_json() -> list[dict[str, Any]]:
    """The whole catalogue."""
    return [
        {"name": name, "stage": one.stage, "answer": one.reply, "close": one.close} for name, one in CATALOGUE.items()
    ]
