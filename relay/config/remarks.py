"""What is worth knowing about a good configuration: what was understood of an address, what needs a right in Exchange.

None of it is a mistake. Pure.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from relay.config.finding import Finding, below, text
from relay.config.settings import FromPolicy, SignIn, TransportKind
from relay.config.tenant import understood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.config.dashboard import Http
    from relay.config.finding import Tree
    from relay.config.settings import App, Profile, Settings

_NO_ID = "00000000-0000-0000-0000-000000000000"
_READ_ANEW = ("tenant", "client_id", "authority", "scope", "graph_scope")


def remarks(settings: Settings, tree: Tree) -> Iterator[Finding]:
    """Every remark on settings, with the plain tree they were read from."""
    yield from _here_or_there(settings)
    for name in settings.apps:
        yield from _understood(settings, tree, name)
        yield from _left_open(("apps", name), settings.apps[name], "tenant", "client_id")
    yield from _seen_on_the_way(settings.http)
    for name, profile in settings.profiles.items():
        yield from _left_open(("profiles", name), profile, "mailbox")
        for rule in _OF_PROFILES:
            yield from rule(name, profile)
    for name, device in settings.devices.items():
        if device.login is not None and device.login.any_password:
            what = f"any password is taken: whoever comes from {device.address} and names the user is this device"
            yield Finding(("devices", name, "login"), what)


def _here_or_there(settings: Settings) -> Iterator[Finding]:
    if not settings.data_dir.is_absolute():
        what = f"{settings.data_dir} is below the directory that a command runs in: from another one no mail is found"
        yield Finding(("data_dir",), what, remedy="write the whole path, or run all of them in one directory")


def _left_open(path: tuple[str, ...], block: App | Profile, *options: str) -> Iterator[Finding]:
    """What `relay import` could not know and marked CHANGE-ME."""
    for option in options:
        value = str(getattr(block, option))
        if "change-me" in value.lower() or value == _NO_ID:
            yield Finding((*path, option), f"{value} stands for what is to be filled in: nothing is sent with it")


def _understood(settings: Settings, tree: Tree, name: str) -> Iterator[Finding]:
    """Where what was written is not what is used."""
    app, written = settings.apps[name], below(below(tree, "apps"), name)
    for option in _READ_ANEW:
        was, value = text(written, option), str(getattr(app, option))
        if was and was.rstrip("/").lower() != value.lower():
            remark = understood(was).remark if option in {"tenant", "authority"} else ""
            yield Finding(("apps", name, option), f"{value} understood from '{was}'", remedy=remark)


def _keeps_authors(name: str, profile: Profile) -> Iterator[Finding]:
    """Products with a sender and a user name demand that both are equal; here Exchange decides."""
    if profile.from_policy is FromPolicy.KEEP and profile.transport is not TransportKind.CONNECTOR:
        what = (
            f"an author that is not {profile.mailbox} needs Send As on that author's mailbox, else 5.2.252 SendAsDenied"
        )
        remedy = "grant it, or write from: mailbox or person"
        yield Finding(("profiles", name, "from"), what, remedy=remedy)


def _sends_as(name: str, profile: Profile) -> Iterator[Finding]:
    if profile.send_as is not None and profile.send_as.address.lower() != profile.mailbox.lower():
        who = "the app" if profile.sign_in is SignIn.APP else profile.upn or profile.mailbox
        what = f"{who} needs Send As on {profile.send_as.address}, else 5.2.252 SendAsDenied"
        yield Finding(("profiles", name, "send_as"), what)


def _signs_in_by_another_name(name: str, profile: Profile) -> Iterator[Finding]:
    if not profile.upn or profile.upn.lower() == profile.mailbox.lower():
        return
    if profile.sign_in is SignIn.DELEGATED:
        what = f"{profile.upn} signs in; mail leaves as {profile.mailbox}, which must be an address of the same mailbox"
    else:
        what = "not used: sign_in: app has no person who signs in"
    yield Finding(("profiles", name, "upn"), what)


def _known_by_address(name: str, profile: Profile) -> Iterator[Finding]:
    if TransportKind.CONNECTOR in {profile.transport, profile.fallback} and profile.connector.certificate is None:
        what = (
            "no certificate: Exchange knows the relay by its public IP address, which the inbound connector must list"
        )
        yield Finding(("profiles", name, "connector"), what)


def _stays_inside(name: str, profile: Profile) -> Iterator[Finding]:
    if TransportKind.HVE in {profile.transport, profile.fallback} and not profile.internal_domains:
        what = (
            "hve delivers to recipients of the tenant alone; without internal_domains each other one fails at Exchange"
        )
        yield Finding(("profiles", name), what)


def _graph_is_small(name: str, profile: Profile) -> Iterator[Finding]:
    if profile.transport is TransportKind.GRAPH and profile.fallback is None:
        what = "graph takes messages up to about 3 MB, larger ones fail; a fallback with too_big: fallback takes them"
        yield Finding(("profiles", name, "transport"), what)


def _seen_on_the_way(http: Http) -> Iterator[Finding]:
    """Passwords and cookies in clear, for whoever listens on the network."""
    host = http.listen.rpartition(":")[0].strip("[]")
    encrypted = http.tls or http.public_url.startswith("https:") or http.proxy is not None
    if host and http.dashboard and not encrypted and not _is_here(host):
        what = "passwords and sessions of the dashboard cross the network in clear"
        remedy = (
            "set http.tls: true, or put a reverse proxy with https before it and set http.public_url; in a container "
            "publish the port to the host's own address alone (127.0.0.1:8925:8925)"
        )
        yield Finding(("http", "listen"), what, remedy=remedy)
    if http.proxy is not None and http.proxy.everybody:
        what = "everybody may name himself as he likes: each address there is counts as the reverse proxy"
        yield Finding(("http", "proxy", "trusted"), what, remedy="name the address of the reverse proxy alone")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_OF_PROFILES: tuple[Callable[[str, Profile], Iterator[Finding]], ...] = (
    _keeps_authors,
    _sends_as,
    _signs_in_by_another_name,
    _known_by_address,
    _stays_inside,
    _graph_is_small,
)
