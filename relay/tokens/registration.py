"""What Microsoft Graph lists of an app registration's secrets and certificates, for those apps that may read it.

Most apps may not (it takes Application.Read.All, or being owner with Application.ReadWrite.OwnedBy): a refusal is
normal and quiet. Synchronous. Graph shows no secret, only its first characters (`hint`); a certificate goes by its
SHA-1.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.tokens.answers import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.tokens.answers import Route

SELECT = "?$select=passwordCredentials,keyCredentials"


@dataclass(frozen=True, slots=True)
class Listed:
    """One credential as Graph lists it. `mark` is a secret's first characters, or a certificate's SHA-1 in hex."""

    kind: str
    ends: datetime
    name: str
    mark: str


def listed(graph_url: str, client_id: str, token: str, route: Route) -> list[Listed]:
    """The credentials of an app registration; none when Graph does not say, for whatever reason."""
    recorder = Recorder(route)
    try:
        url = f"{graph_url.rstrip('/')}/applications(appId='{client_id}'){SELECT}"
        answer = recorder.get(url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
        return list(_entries(json.loads(answer.text))) if answer.status_code == 200 else []
    except (OSError, ValueError):  # what requests raises is an OSError; a page instead of JSON is a ValueError
        return []
    finally:
        recorder.close()


def _entries(said: Any) -> Iterator[Listed]:
    found = said if isinstance(said, dict) else {}
    for kind, key, mark in (("secret", "passwordCredentials", _hint), ("certificate", "keyCredentials", _thumbprint)):
        entries = found.get(key)
        for entry in entries if isinstance(entries, list) else ():
            ends = _moment(entry.get("endDateTime")) if isinstance(entry, dict) else None
            if ends is not None:
                yield Listed(kind, ends, str(entry.get("displayName") or ""), mark(entry))


def _hint(entry: dict[str, Any]) -> str:
    return str(entry.get("hint") or "")


def _thumbprint(entry: dict[str, Any]) -> str:
    """`customKeyIdentifier` is the SHA-1 in base64, in some answers in hex."""
    text = str(entry.get("customKeyIdentifier") or "")
    if len(text) == 40:
        return text.upper()
    try:
        return base64.b64decode(text, validate=True).hex().upper()
    except (binascii.Error, ValueError):
        return ""


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
