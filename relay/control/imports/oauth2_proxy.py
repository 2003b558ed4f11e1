"""email-oauth2-proxy's configuration (INI): its Microsoft accounts as apps and profiles, their clients as devices.

Pure. The proxy takes any password of a client, because it encrypts its tokens with it; so does a device here where the
proxy listens on loopback alone. Tokens and secrets that are encrypted with such a password can't be carried over.
"""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.config.clouds import HOSTS, Cloud
from relay.config.starter import name_of
from relay.config.tenant import ANYBODY, is_guid, unbraced, understood
from relay.control.imports.found import CHANGE, Found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.tenant import Understood

_SERVER = re.compile(r"(IMAP|POP|SMTP)-(\d{1,5})", re.IGNORECASE)
_ACCOUNT = re.compile(r"[^@\s<>]*@[^@\s<>]+")
_MICROSOFT = {hosts.smtp for hosts in HOSTS.values()} | {"smtp-mail.outlook.com", "outlook.office365.com"}
_HERE = ("localhost", "127.0.0.1", "::1", "[::1]")
_EVERYWHERE = ("::", "[::]")  # for IPv4 too
_FLOWS = {
    "client_credentials": "app",
    "authorization_code": "delegated",
    "device": "delegated",
    "password": "delegated",
}
_CACHED = ("access_token", "access_token_expiry", "refresh_token", "last_activity", "token_salt", "token_iterations")
_READ = frozenset({
    "permission_url", "token_url", "oauth2_scope", "oauth2_flow", "oauth2_resource", "redirect_uri", "client_id",
    "client_secret", "client_secret_encrypted", "jwt_certificate_path", "jwt_key_path", "documentation", *_CACHED,
})  # fmt: skip
_SERVER_READ = frozenset({
    "local_address", "server_address", "server_port", "local_certificate_path", "local_key_path", "documentation",
    "server_starttls", "starttls", "local_starttls",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proxy:
    """What is made of the file; `here` when all its SMTP doors are on loopback."""

    found: Found
    secrets_dir: str
    here: bool


def oauth2_proxy(text: str, secrets_dir: str) -> Found:
    """Everything in the file; what is no INI is told as one thing that was left."""
    found = Found("email-oauth2-proxy")
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except (configparser.Error, ValueError) as error:
        line = getattr(error, "lineno", "")  # the error itself quotes lines, and so secrets
        found.leave(
            "the file", f"it is no configuration of the proxy: {type(error).__name__}{f' in line {line}' * bool(line)}",
            "name its emailproxy.config",
        )  # fmt: skip
        return found
    sections = {name: {key: value or "" for key, value in parser[name].items()} for name in parser.sections()}
    doors = [_door(found, name, values) for name, values in sections.items() if _SERVER.fullmatch(name)]
    here = all(host in _HERE for host in doors if host is not None)
    proxy = Proxy(found, secrets_dir, here)
    for name, values in sections.items():
        _section(proxy, name, values)
    return found


def _door(found: Found, name: str, values: Mapping[str, str]) -> str | None:
    """Where an SMTP server of the proxy listens, which becomes a listener; None for what is no door of ours."""
    kind, _, port = name.partition("-")
    host = values.get("local_address") or "::"  # as the proxy does
    target = values.get("server_address", "")
    if kind.upper() != "SMTP":
        found.leave(f"[{name}]", "the relay only sends: it has no IMAP or POP", "keep the proxy for reading mail")
        return None
    if target.lower() not in _MICROSOFT:
        found.leave(f"[{name}]", f"{target or 'its server'} is not Microsoft's", "keep the proxy for it")
        return None
    if not 0 < int(port) < 65_536:
        found.leave(f"[{name}]", f"there is no port {port}", "add a listener")
        return None
    listener = {"listen": f"{_bound(host)}:{port}", "tls": "none", "auth": "required"}
    certificate, key = values.get("local_certificate_path", ""), values.get("local_key_path", "")
    if certificate and key:
        listener["tls"] = "required" if values.get("local_starttls", "").lower() in ("true", "yes", "1") else "implicit"
        found.settings["tls"] = {"certificate": {"file": certificate}, "private_key": {"file": key}}
    found.listeners.append(listener)
    for option in values.keys() - _SERVER_READ:
        found.leave(f"[{name}] {option}", "this import does not know it", "look it up in the proxy's documentation")
    return host


def _bound(host: str) -> str:
    if host in _HERE:
        return "[::1]" if ":" in host else "127.0.0.1"
    if host in _EVERYWHERE:
        return "0.0.0.0"  # noqa: S104  (as the proxy)
    address = re.fullmatch(r"[0-9.]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?", host)
    if address is None:
        return "0.0.0.0"  # noqa: S104  (a name: whatever it was, it was no loopback)
    return f"[{host.strip('[]')}]" if ":" in host else host


def _section(proxy: Proxy, name: str, values: Mapping[str, str]) -> None:
    found = proxy.found
    if name.lower() == "emailproxy":
        _proxy_options(found, values)
    elif _ACCOUNT.fullmatch(name):
        _account(proxy, name, values)
    elif not _SERVER.fullmatch(name) and set(values) - {"documentation"}:
        found.leave(f"[{name}]", "it is neither a server nor an account", "nothing")


def _proxy_options(found: Found, values: Mapping[str, str]) -> None:
    for option in values:
        if option != "documentation":
            found.leave(f"[emailproxy] {option}", "this is about the proxy's own tokens and passwords", "nothing")


def _account(proxy: Proxy, name: str, values: Mapping[str, str]) -> None:
    found, where = proxy.found, f"[{name}]"
    try:
        said = understood(values.get("token_url") or values.get("permission_url", ""))
    except ValueError as error:
        found.leave(where, f"its token_url {error}", "make a profile of this mailbox")
        return
    if not said.clouds:
        found.leave(where, f"{said.host or 'its token_url'} is not Microsoft's", "keep the proxy for this account")
        return
    if name.startswith("@"):
        found.leave(where, "an account for a whole domain: here each mailbox has a profile", "make one for each")
        return
    flow = values.get("oauth2_flow") or "authorization_code"
    _told_about_flow(found, where, flow)
    profile = found.add_profile(name, {"app": _app(proxy, name, values, said), "from": "keep"})
    if _FLOWS.get(flow, "app") == "delegated":
        found.profiles[profile]["sign_in"] = "delegated"
        found.settings["token_store"] = {"key": {"file": f"{proxy.secrets_dir}/token-store.key"}}
        found.leave(where, "its sign-in is encrypted for the proxy", f"sign in anew: relay authorize {profile}")
    _device(proxy, name, profile)
    for option in values.keys() - _READ:
        found.leave(f"{where} {option}", "this import does not know it", "look it up in the proxy's documentation")


def _told_about_flow(found: Found, where: str, flow: str) -> None:
    if flow == "password":
        found.leave(where, "oauth2_flow password (ROPC) is not offered", "a person signs in once: relay authorize")
    elif flow not in _FLOWS:
        found.leave(where, f"oauth2_flow {flow} is not for Microsoft", "see apps.NAME.credential: federated")


def _app(proxy: Proxy, account: str, values: Mapping[str, str], said: Understood) -> str:
    """The name of the account's app; accounts of one registration share it."""
    client = unbraced(values.get("client_id", ""))
    own_domain = account.rpartition("@")[2]
    made: dict[str, Any] = {
        **_cloud(proxy.found, account, said),
        "tenant": own_domain if said.tenant in {"", *ANYBODY} else said.tenant,
        "client_id": client if is_guid(client) else "00000000-0000-0000-0000-000000000000",
    }
    if values.get("redirect_uri", "").startswith(("http://", "https://")):
        made["redirect_uri"] = values["redirect_uri"]
    for name, app in proxy.found.apps.items():
        if (app["tenant"], app["client_id"]) == (made["tenant"], made["client_id"]):
            return name
    name = name_of(own_domain.split(".")[0], "tenant")
    while name in proxy.found.apps:
        name = name_of(f"{name[:55]}-{len(proxy.found.apps) + 1}", "tenant")
    credential = _credential(proxy, name, account, values)
    proxy.found.apps[name] = {**made, **({"credential": credential} if credential else {})}
    _mark(proxy.found, name, said.tenant, guid=is_guid(client))
    return name


def _cloud(found: Found, account: str, said: Understood) -> dict[str, str]:
    """The cloud of the sign-in host; one that two clouds share is told."""
    clouds = sorted(cloud.value for cloud in said.clouds)
    if Cloud.WORLDWIDE in said.clouds:
        return {}
    if len(clouds) > 1:
        found.leave(
            f"[{account}]", f"{said.host} belongs to {' and '.join(clouds)}", "see that apps.NAME.cloud is right"
        )
    return {"cloud": clouds[-1]}


def _mark(found: Found, name: str, tenant: str, *, guid: bool) -> None:
    if tenant in ANYBODY:
        found.remarks["apps", name, "tenant"] = f"The proxy had {tenant}; this is the account's domain: see that it is."
    if not guid:
        found.remarks["apps", name, "client_id"] = f"{CHANGE} the application (client) id"


def _credential(proxy: Proxy, app: str, account: str, values: Mapping[str, str]) -> dict[str, Any] | None:
    found, where = proxy.found, f"[{account}]"
    certificate, key = values.get("jwt_certificate_path", ""), values.get("jwt_key_path", "")
    if certificate and key:
        return {"certificate": {"certificate": {"file": certificate}, "private_key": {"file": key}}}
    secret, file = values.get("client_secret", ""), f"{app}.secret"
    if secret and not secret.startswith("***"):
        found.secrets[file] = secret
    elif values.get("client_secret_encrypted"):
        found.leave(where, "its client_secret is encrypted for the proxy", f"make a new secret, into {file}")
    elif values.get("oauth2_flow") != "client_credentials" and not secret:
        return None  # a public client
    return {"secret": {"file": f"{proxy.secrets_dir}/{file}"}}


def _device(proxy: Proxy, account: str, profile: str) -> None:
    """Whoever logged in at the proxy as this account."""
    login: dict[str, Any] = {"username": account, "password": "ignored"}
    values: dict[str, Any] = {"address": "127.0.0.0/8", "login": login, "profile": profile}
    if not proxy.here:
        file = f"{profile}.password"
        del values["address"]
        login["password"] = {"file": f"{proxy.secrets_dir}/{file}"}
        proxy.found.leave(
            f"[{account}]", "the password of its clients is nowhere in the file, and they may be on other machines",
            f"put it into {proxy.secrets_dir}/{file}, or give the device an address and password: ignored",
        )  # fmt: skip
    proxy.found.add_device(profile, values, f"clients that log in as {account}", f"[{account}]")
