"""What an access token says of itself, for diagnosis: pure, nothing is verified, nothing is kept, no odd token raises.

Exchange never says why it refuses a token; its claims often do. Microsoft asks clients not to rely on them: nothing but
advice comes from here. A missing `roles` claim is no error (RBAC for Applications needs none).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SERVICES = {
    "00000003-0000-0000-c000-000000000000": "graph.microsoft.com",
    "00000002-0000-0ff1-ce00-000000000000": "outlook.office365.com",
}
"""The application ids that may stand as audience instead of an address."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What was found; an empty text for what was not. `readable` is false for an opaque token."""

    readable: bool = False
    audience: str = ""
    tenant: str = ""
    app: str = ""
    user: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence about a token; `wrong`: Exchange or Graph will most likely refuse it."""

    wrong: bool
    text: str


def read(token: str) -> Claims:
    """The claims of a JWT; of anything else, nothing."""
    found = _payload(token)
    if not found:
        return Claims()
    return Claims(
        readable=True,
        audience=_text(found, "aud"),
        tenant=_text(found, "tid"),
        app=_text(found, "appid") or _text(found, "azp"),
        user=_text(found, "upn") or _text(found, "unique_name") or _text(found, "preferred_username"),
        roles=_words(found.get("roles")),
        scopes=_words(found.get("scp")),
        expires_at=_number(found.get("exp")),
    )


def remarks(claims: Claims, *, scope: str, tenant: str, client_id: str, now: float) -> tuple[Remark, ...]:
    """What is worth saying about a token that was asked for `scope` of this app in this tenant."""
    if not claims.readable:
        return (Remark(False, "The token is opaque: its claims cannot be read here, only the service can."),)
    return (
        *_about_audience(claims, scope),
        *_about_tenant(claims, tenant),
        *_about_app(claims, client_id),
        *_about_time(claims, now),
        *_about_rights(claims),
    )


def _about_audience(claims: Claims, scope: str) -> Iterator[Remark]:
    has, wanted = _service(claims.audience), _service(scope)
    if not has or not wanted or has == wanted or _same_service(has, wanted):
        return
    if "graph" in has and "graph" not in wanted:
        yield Remark(True, f"The token is for Microsoft Graph ({has}), not for Exchange ({wanted}): a scope is wrong.")
    elif "graph" in wanted:
        yield Remark(True, f"The token is for {has}, not for Microsoft Graph ({wanted}): a scope is wrong.")
    else:
        yield Remark(True, f"The token is for {has}, asked for was {wanted}: scope or cloud is wrong.")


def _about_tenant(claims: Claims, tenant: str) -> Iterator[Remark]:
    if not claims.tenant:
        yield Remark(True, "The token names no tenant (tid).")
    elif _GUID.fullmatch(tenant) and claims.tenant.lower() != tenant.lower():
        yield Remark(True, f"The token is of tenant {claims.tenant}, configured is {tenant}.")
    elif not _GUID.fullmatch(tenant):
        yield Remark(False, f"{tenant} is tenant {claims.tenant}.")


def _about_app(claims: Claims, client_id: str) -> Iterator[Remark]:
    if claims.app and claims.app.lower() != client_id.lower():
        yield Remark(True, f"The token is of app {claims.app}, configured is {client_id}.")


def _about_time(claims: Claims, now: float) -> Iterator[Remark]:
    if claims.expires_at is None:
        yield Remark(True, "The token does not say when it ends (exp).")
    elif claims.expires_at <= now:
        ended = datetime.fromtimestamp(claims.expires_at, UTC)
        yield Remark(True, f"The token ended at {ended:%Y-%m-%d %H:%M:%S} UTC; check this machine's clock.")


def _about_rights(claims: Claims) -> Iterator[Remark]:
    if claims.scopes:
        whom = claims.user or "a person"
        yield Remark(False, f"It is {whom}'s token (delegated) with {', '.join(claims.scopes)}.")
    elif claims.roles:
        yield Remark(False, f"Roles: {', '.join(claims.roles)}.")
    else:
        text = (
            "No roles in the token: right for RBAC for Applications; the classic way needs SMTP.SendAsApp, consented."
        )
        yield Remark(False, text)


def _payload(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = json.loads(body)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: dict[str, Any], name: str) -> str:
    """A claim that is one text; `aud` may be a list of one (RFC 7519 §4.1.3)."""
    value = found.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    """Seconds that a calendar has a day for."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 2**37 else None  # type: ignore[operator,arg-type]


def _service(address: str) -> str:
    """The host a scope or an audience names; an application id stands for one."""
    try:
        host = urlsplit(address).hostname or address
    except ValueError:
        host = address
    return SERVICES.get(host.lower(), host.lower())


def _same_service(has: str, wanted: str) -> bool:
    """Exchange's two worldwide names are one: outlook.office.com (delegated), outlook.office365.com."""
    worldwide = {"outlook.office.com", "outlook.office365.com"}
    return {has, wanted} <= worldwide
