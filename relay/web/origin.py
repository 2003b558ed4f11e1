"""Where a request comes from: the peer, a reverse proxy before it, the page of another site. Decisions alone.

Browsers say by themselves whether a page of another site sends a form (Sec-Fetch-Site, else Origin), so that no token
in every form is needed. A site whose name leads to this machine (DNS rebinding) is told apart by the Host it asks for.
"""

from __future__ import annotations

import re
import socket
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relay.policy.routing import plain_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from relay.config.dashboard import Http
    from relay.config.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})
_FORWARDED = ("forwarded", "via", "x-real-ip")
_INSIDE = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of a program; None where there is no such header."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def forged(headers: Mapping[str, str], public_url: str, *, known: bool) -> str:
    """Why a request that may change something may be from a page of another site; empty when it is not.

    `known` says that something the browser sends by itself (a cookie, the name from a proxy) would say who asks.
    """
    if bearer(headers) is not None:
        return ""
    if site := headers.get("sec-fetch-site"):
        return "" if site in _OWN else f"it was sent by a page of another site (Sec-Fetch-Site: {site})"
    if origin := headers.get("origin"):
        own = {headers.get("host", "").lower(), netloc_of(public_url)} - {""}
        return "" if netloc_of(origin) in own else f"it was sent by a page of {origin}"
    return "it says neither by Sec-Fetch-Site nor by Origin which page sent it" if known else ""


def stranger_host(host: str, settings: Settings) -> bool:
    """Whether this Host is no name of this relay. Addresses are nobody's names, and no browser leaves it out."""
    name = _name(host)
    return bool(name) and plain_address(name) is None and name not in _own_names(settings)


def peer(request: Request) -> str:
    """Who has connected."""
    return request.client.host if request.client else ""


def trusted(address: str, http: Http) -> bool:
    """Whether that is the reverse proxy which signs people in."""
    found = plain_address(address)
    if found is None or http.proxy is None:
        return False
    return any(found.version == network.version and found in network for network in http.proxy.networks)


def address_of(request: Request, http: Http) -> str:
    """Who asks, for the log and for counting failures: the last one in X-Forwarded-For that is no trusted proxy."""
    hops = [peer(request)]
    if trusted(hops[0], http):
        hops = [*",".join(request.headers.getlist("x-forwarded-for")).replace(" ", "").split(","), *hops]
    known = [hop for hop in reversed(hops) if plain_address(hop) is not None]
    return next((hop for hop in known if not trusted(hop, http)), hops[-1])


def is_here(request: Request, http: Http) -> bool:
    """Whether somebody on this machine asks, and no proxy for somebody else."""
    address = plain_address(peer(request))
    passed_on = any(name in _FORWARDED or name.startswith("x-forwarded-") for name in request.headers)
    return address is not None and address.is_loopback and not passed_on and not http.public_url


def is_https(request: Request, http: Http) -> bool:
    """Whether the person's browser speaks https, to us or to a proxy."""
    if request.scope["scheme"] == "https" or request.headers.get("origin", "").startswith("https://"):
        return True
    public = urlsplit(http.public_url)
    return public.scheme == "https" and request.headers.get("host", "").lower() == public.netloc.lower()


def opened_at(address: str, http: Http) -> str:
    """Where people open the dashboard that listens at this address; one that stands for all is seen from here."""
    if http.public_url:
        return http.public_url
    host, _, port = address.rpartition(":")
    here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"{'https' if http.tls else 'http'}://{here}:{port}"


def netloc_of(url: str) -> str:
    """Host and port in lower case; empty where it is no address of a page."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def path_of(url: str) -> str:
    """Path and query of a page's address; empty where it is none."""
    try:
        shown = urlsplit(url)
    except ValueError:
        return ""
    return shown.path + (f"?{shown.query}" if shown.query else "")


def inside(target: str) -> str:
    """A path of the dashboard, never another site."""
    return target if _INSIDE.match(target) else "/"


def _own_names(settings: Settings) -> set[str]:
    names = {settings.hostname.lower(), _machine(), _name(urlsplit(settings.http.public_url).netloc)}
    return {"localhost", *names, *(name.partition(".")[0] for name in names)} - {""}


@cache
def _machine() -> str:
    return socket.gethostname().lower()


def _name(host: str) -> str:
    """Without port, brackets and the dot of the root."""
    name = host.lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name.rstrip(".")
