"""The rules of the HTTP listener: a port of its own, and whatever a way to sign in there needs.

Part of `relay.config.crosscheck`: works on the plain tree, and skips whatever has the wrong type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relay.config.complaint import nearest_name
from relay.config.dashboard import LISTEN
from relay.config.finding import Finding, below, names, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.config.finding import Tree

_ALL = frozenset({"0.0.0.0", "[::]"})  # noqa: S104  (compared, not bound)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def _listens_alone(tree: Tree) -> Iterator[Finding]:
    """Devices and people can't share a port."""
    listen = below(tree, "http").get("listen", LISTEN)
    listeners = tree.get("listeners")
    for index, one in enumerate(listeners if isinstance(listeners, (list, tuple)) else ()):
        other = text(one, "listen") if isinstance(one, dict) else ""
        if isinstance(listen, str) and listen and other and _meet(listen, other):
            remedy = "give it a port of its own, such as 127.0.0.1:8925"
            what = f"listeners[{index}] has this port, for devices"
            yield Finding(("http", "listen"), what, found=listen, remedy=remedy)


def _meet(one: str, other: str) -> bool:
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    return port == other_port != "0" and (host == other_host or bool({host, other_host} & _ALL))


def _entra_can_answer(tree: Tree) -> Iterator[Finding]:
    """The browser has to find the way back, and the app has to prove itself."""
    http = below(tree, "http")
    if not isinstance(http.get("entra"), dict):
        return
    app, known, path = text(below(http, "entra"), "app"), names(tree, "apps"), ("http", "entra", "app")
    if app and app not in known:
        remedy = "name one of apps, or add it there"
        nearest = nearest_name(app, known)
        yield Finding(path, "there is no app of that name", app, allowed=tuple(known), nearest=nearest, remedy=remedy)
    elif app and below(below(tree, "apps"), app).get("credential") is None:
        remedy = "add credential to it; in Entra its platform is Web, with the redirect URI public_url/sign-in/entra"
        yield Finding(
            path, "this app has no credential, and a web sign-in needs one (AADSTS7000218)", app, remedy=remedy
        )
    yield from _entra_finds_back(text(http, "public_url"))


def _entra_finds_back(public_url: str) -> Iterator[Finding]:
    url = urlsplit(public_url)
    if not public_url:
        remedy = "set it to the address that people open, and register it in Entra with /sign-in/entra behind it"
        yield Finding(("http", "public_url"), "is missing: Entra sends people back there", remedy=remedy)
    elif url.scheme == "http" and url.hostname not in _LOCAL:
        what = "Entra sends people back to https alone, or to http://localhost"
        remedy = "set http.tls: true, or put a reverse proxy with https before the relay"
        yield Finding(("http", "public_url"), what, found=public_url, remedy=remedy)


RULES: tuple[Callable[[Tree], Iterator[Finding]], ...] = (_listens_alone, _entra_can_answer)
