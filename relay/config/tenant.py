"""What an administrator means by a tenant or a sign-in address, in any of the forms that portals and manuals hand out.

A tenant may be written as its id (a GUID, with or without braces), as a domain, or as any address that has it in its
path: authorize and token endpoints of v1 and v2, the discovery document, the issuer. Pure: nothing is looked up.
Every refusal is a `ValueError` in words for the administrator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from relay.config.clouds import HOSTS, Cloud

ANYBODY = {"common": "any tenant", "organizations": "any tenant", "consumers": "personal accounts"}
"""What stands in an address in the place of a tenant, and whom it lets sign in."""

_GUID = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")
_DOMAIN = re.compile(r"^(?=.{1,253}$)[\w-]+(\.[\w-]+)*$")
_PLACEHOLDER = re.compile(
    r"^(#.*#|\$.*|%.*%|<.*>|\[.*\]|\{+[^{}]*\}+|(your|my|enter)[-_ ]?\w*tenant\w*.*|x{8}-.*)$", re.IGNORECASE
)
_ENDPOINTS = re.compile(
    r"/(v2\.0|oauth2(/v2\.0)?|oauth2(/v2\.0)?/(authorize|token|devicecode|logout)|reprocess|adminconsent|saml2"
    r"|(v2\.0/)?\.well-known(/.*)?|discovery/.*|(v2\.0/)?adminconsent|federationmetadata/.*)$",
    re.IGNORECASE,
)
_US = frozenset({Cloud.US_GOV_GCC_HIGH, Cloud.US_GOV_DOD})
_WORLD, _CHINA = frozenset({Cloud.WORLDWIDE}), frozenset({Cloud.CHINA})
_SIGN_IN: dict[str, frozenset[Cloud]] = {
    "login.microsoftonline.com": _WORLD,
    "login.windows.net": _WORLD,
    "login.microsoft.com": _WORLD,
    "sts.windows.net": _WORLD,
    "login.microsoftonline.us": _US,
    "login-us.microsoftonline.com": _US,
    "login.partner.microsoftonline.cn": _CHINA,
    "login.chinacloudapi.cn": _CHINA,
    "sts.chinacloudapi.cn": _CHINA,
}
_DEPRECATED = {"login.windows.net", "login-us.microsoftonline.com", "login.chinacloudapi.cn"}
_DOMAINS: dict[str, frozenset[Cloud]] = {".onmicrosoft.us": _US, ".onmschina.cn": _CHINA}


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says: `tenant` (empty: none, or a placeholder for one), the sign-in `host` and `path` of an address
    (empty: it was none), the clouds it can belong to (empty: unknown), and a `remark` worth telling.
    """

    tenant: str = ""
    host: str = ""
    path: str = ""
    clouds: frozenset[Cloud] = frozenset()
    remark: str = ""


def is_guid(text: str) -> bool:
    """Whether a text is a GUID, in any case and with or without braces."""
    return bool(_GUID.match(unbraced(text)))


def unbraced(text: str) -> str:
    """A GUID as Entra writes it; any other text as it is, without spaces around it."""
    bare = text.strip()
    inner = bare.strip("{}()\"'").lower()
    return inner if _GUID.match(inner) else bare


def is_placeholder(text: str) -> bool:
    """Whether a text is what a manual writes where the reader's own value belongs."""
    return bool(_PLACEHOLDER.match(text.strip())) and not is_guid(text)


def tenant_of(written: str, cloud: Cloud) -> str:
    """The tenant that was meant: a GUID, a domain, or one of `ANYBODY`. Raises `ValueError`."""
    said = understood(written)
    if said.host and not said.clouds:
        raise ValueError(
            f"is an address of {said.host}, which is no Microsoft sign-in host; write the tenant's id or one of its "
            "domains here, and an address of your own under authority"
        )
    if not said.tenant:
        raise ValueError("names no tenant; write the tenant's id (a GUID: Entra admin center, Overview) or a domain")
    _agree(said, cloud)
    return said.tenant


def authority_of(written: str, cloud: Cloud, tenant: str) -> str:
    """A sign-in address as MSAL takes it: host and tenant, no endpoint. Raises `ValueError`.

    The tenant is filled in where the address has none, a placeholder, or a word that stands for anybody.
    """
    if not written:
        return ""
    said = understood(written)
    if not said.host:
        raise ValueError("is no https address of a sign-in host; leave it out, the cloud has one")
    _agree(said, cloud)
    own = said.path if said.tenant not in {"", *ANYBODY} else ""
    if is_guid(said.tenant) and is_guid(tenant) and said.tenant != tenant:
        raise ValueError(f"is of another tenant than tenant: {tenant}; leave authority out, or make them the same")
    return f"https://{_host(said, cloud)}/{own or tenant}"


def understood(written: str) -> Understood:
    """What a text says, as far as it can be told without asking anybody. Raises `ValueError`."""
    text = unquote(written.strip()).rstrip("/") if "://" in written or "%" in written else written.strip()
    if "://" in text or text.lower().split("/")[0] in _SIGN_IN:
        return _address(text)
    if "@" in text:
        raise ValueError(f"is an e-mail address; its domain would be a tenant: {text.rpartition('@')[2]}")
    name = _name(text)
    return Understood(name, clouds=_clouds_of(name))


def _address(text: str) -> Understood:
    """Of an address: its host, and the tenant in its path."""
    text, mark = _without_marks(text)
    if re.search(r"\s", text):
        raise ValueError("has a space in it")
    scheme, _, rest = text.rpartition("://")
    if scheme.lower() not in {"https", ""}:
        raise ValueError("is no https address")
    parts = urlsplit(f"https://{rest}")
    path = _ENDPOINTS.sub("", parts.path.rstrip("/")).strip("/")
    host, first = parts.netloc.lower(), path.split("/")[0]
    clouds = _SIGN_IN.get(host, frozenset())
    tenant = "" if first == mark else _name(first) if clouds and first else first
    return Understood(tenant, host, tenant if clouds else path, clouds, _remark(host))


def _without_marks(text: str) -> tuple[str, str]:
    """The address with its placeholder as a plain word, because `#` would end its path; and that word, if any."""
    mark = "tenant-placeholder"
    cleaned = re.sub(r"(?<=/)(#[^/#]*#|\$\{?[^/{}]*\}?|%[^/%]*%|<[^/<>]*>|\[[^/]*\]|\{+[^/{}-]*\}+)(?=/|$)", mark, text)
    return cleaned, mark if cleaned != text else ""


def _name(text: str) -> str:
    """A tenant's id or domain, in lower case. Raises `ValueError` for what can be neither."""
    bare = unbraced(text).lower().rstrip(".")
    if is_placeholder(text):
        raise ValueError("is a placeholder; write the tenant's id or domain in its place")
    if not _DOMAIN.match(bare):
        raise ValueError("is neither a tenant's id (a GUID) nor a domain")
    return bare


def _clouds_of(domain: str) -> frozenset[Cloud]:
    return next((clouds for end, clouds in _DOMAINS.items() if domain.endswith(end)), frozenset())


def _agree(said: Understood, cloud: Cloud) -> None:
    """Raises `ValueError` when this belongs to another cloud than the one configured."""
    if said.host.startswith("login.microsoftonline.de"):
        raise ValueError("is of Microsoft Cloud Germany, which was closed in 2021; the tenant lives in another cloud")
    clouds = said.clouds & _clouds_of(said.tenant) or said.clouds
    if clouds and cloud not in clouds:
        words = " or ".join(f"cloud: {item.value}" for item in Cloud if item in clouds)
        raise ValueError(f"belongs to another cloud than cloud: {cloud.value}; write {words}")


def _host(said: Understood, cloud: Cloud) -> str:
    """Other names of a cloud's sign-in host are replaced by the one that MSAL and the documentation use."""
    return HOSTS[cloud].login if said.clouds else said.host


def _remark(host: str) -> str:
    return f"{host} is deprecated, the cloud's own sign-in host is used" if host in _DEPRECATED else ""
