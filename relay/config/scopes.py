"""What an administrator means by a scope: decoded, freed of what MSAL adds itself, and checked against what sends mail.

Entra takes `<resource>/<permission>`; one resource a token. Manuals write several of them in a row, with `%20` or `+`
between, and often those for reading mail. Pure. Every refusal is a `ValueError` in words for the administrator.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from relay.config.clouds import HOSTS, Cloud

_OPENID = {"offline_access", "openid", "email", "profile"}  # MSAL adds them, and refuses them when they are given
_BARE = re.compile(r"^(\.default|[A-Za-z]\w*(\.\w+)+)$")
_OUTLOOK = {
    "outlook.office365.com",
    "outlook.office.com",
    "ps.outlook.com",
    "ps.compliance.protection.outlook.com",
    *(urlsplit(url).netloc for hosts in HOSTS.values() for url in (hosts.scope, hosts.delegated_scope)),
}
_GRAPH = {hosts.graph for hosts in HOSTS.values()}
_READING = re.compile(r"/(imap\.|pop\.|ews\.|full_access_as_app|user_impersonation|mail\.read)", re.IGNORECASE)
_KIND = {"imap": "reading mail by IMAP", "pop": "reading mail by POP", "ews": "Exchange Web Services"}


def outlook_scope(written: str, cloud: Cloud) -> str:
    """The one scope for Exchange's SMTP that was meant; empty for an empty text. Raises `ValueError`."""
    hosts = HOSTS[cloud]
    meant = f"leave it out, or write {hosts.scope} (the app alone) or {hosts.delegated_scope} (a person signs in)"
    scope = _only(_words(written, hosts.delegated_scope, hosts.scope), meant)
    host = _host(scope)
    if host in _GRAPH:
        raise ValueError(f"is a scope of Microsoft Graph, which SMTP does not take; put it under graph_scope; {meant}")
    if host == "ps.outlook.com":
        raise ValueError(f"is the resource that consent for IMAP and POP is given to; {meant}")
    owners = [(url, item) for item in Cloud for url in (HOSTS[item].scope, HOSTS[item].delegated_scope)]
    _agree(scope, cloud, owners, meant)
    return _sending(scope, meant)


def graph_scope(written: str, cloud: Cloud) -> str:
    """The one scope for Microsoft Graph that was meant; empty for an empty text. Raises `ValueError`."""
    base = f"https://{HOSTS[cloud].graph}"
    meant = f"leave it out, or write {base}/.default (the app alone) or {base}/Mail.Send (a person signs in)"
    scope = _only(_words(written, f"{base}/Mail.Send", f"{base}/.default"), meant)
    if _host(scope) in _OUTLOOK:
        raise ValueError(f"is a scope of Exchange, which Microsoft Graph does not take; put it under scope; {meant}")
    _agree(scope, cloud, [(f"https://{HOSTS[item].graph}", item) for item in Cloud], meant)
    return _sending(scope, meant)


def _words(written: str, delegated: str, app_only: str) -> list[str]:
    """Each scope in full; one that Entra would complete with the wrong resource is completed with the right one."""
    own = {urlsplit(url).path.lower(): url for url in (delegated, app_only)}
    words = unquote(written).replace("+", " ").replace(",", " ").split()
    scopes = [word.strip("\"'") for word in words if word.strip("\"'").lower() not in _OPENID]
    if words and not scopes:
        raise ValueError("names no resource, only what is added anyway; leave it out, it follows from the cloud")
    return list(dict.fromkeys(_whole(scope, own) for scope in scopes))


def _whole(scope: str, own: dict[str, str]) -> str:
    if _BARE.match(scope):
        return own.get(f"/{scope.lower()}", scope)
    parts = urlsplit(scope)
    is_resource = parts.scheme == "https" and parts.path in {"", "/"}
    return f"https://{parts.netloc}/.default" if is_resource else scope


def _only(scopes: list[str], meant: str) -> str:
    """The scope that sends, where those for reading stand beside it; one, or none. Raises `ValueError`."""
    if len(scopes) > 1 and len({_host(scope) for scope in scopes}) > 1:
        raise ValueError(f"names more than one resource, and a token is for one (AADSTS28000); {meant}")
    sending = [scope for scope in scopes if not _READING.search(f"/{scope}")] or scopes
    if len(sending) > 1:
        raise ValueError(f"holds {len(sending)} scopes, and one is enough; {meant}")
    return sending[0] if sending else ""


def _sending(scope: str, meant: str) -> str:
    """The scope, if mail can be sent with it. Raises `ValueError`."""
    reading = _READING.search(f"/{scope}")
    if reading:
        kind = _KIND.get(reading[1].rstrip(".").lower(), "reading mailboxes")
        raise ValueError(f"is a scope for {kind}, and the relay sends mail; {meant}")
    if scope and "/" not in scope:
        raise ValueError(f"names no resource, and Entra would take it for Microsoft Graph's; {meant}")
    return scope


def _agree(scope: str, cloud: Cloud, resources: list[tuple[str, Cloud]], meant: str) -> None:
    """Raises `ValueError` for the resource of a cloud that signs in elsewhere (Entra: AADSTS500011)."""
    owners = [item for url, item in resources if _host(url) == _host(scope)]
    if owners and HOSTS[cloud].login not in {HOSTS[item].login for item in owners}:
        raise ValueError(f"belongs to cloud: {owners[0].value}, not to cloud: {cloud.value}; {meant}")


def _host(scope: str) -> str:
    return urlsplit(scope).netloc.lower()
