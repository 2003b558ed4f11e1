"""What no single option can know: that names used in one section exist in another, and that no device is ambiguous.

It works on the plain tree of a configuration and skips whatever has the wrong type, so that these mistakes are reported
together with all others rather than after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.complaint import nearest_name
from relay.config.crosscheck_http import RULES as HTTP
from relay.config.crosscheck_leaving import RULES as LEAVING
from relay.config.finding import Finding, below, names, sections
from relay.config.network import network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.config.complaint import Path
    from relay.config.finding import Tree


def crosscheck(tree: object) -> list[Finding]:
    """Every contradiction in a configuration given as plain dicts, lists and texts."""
    if not isinstance(tree, dict):
        return []
    return [finding for rule in _RULES for finding in rule(tree)]


def _apps_exist(tree: Tree) -> Iterator[Finding]:
    for name, profile in sections(tree, "profiles"):
        yield from _unknown_name(("profiles", name, "app"), profile.get("app"), names(tree, "apps"), "app")


def _profiles_exist(tree: Tree) -> Iterator[Finding]:
    shared = below(tree, "defaults").get("profile")
    yield from _unknown_name(("defaults", "profile"), shared, names(tree, "profiles"), "profile")
    for name, device in sections(tree, "devices"):
        path, own = ("devices", name, "profile"), device.get("profile")
        if own != shared:
            yield from _unknown_name(path, own, names(tree, "profiles"), "profile")


def _unknown_name(path: Path, name: object, known: list[str], kind: str) -> Iterator[Finding]:
    if isinstance(name, str) and name not in known:
        yield Finding(
            path,
            f"there is no {kind} of that name",
            found=name,
            allowed=tuple(known),
            nearest=nearest_name(name, known),
            remedy=f"name one of {kind}s, or add it there",
        )


def _send_as_is_told(tree: Tree) -> Iterator[Finding]:
    """`from: send_as` of a profile, or of a device that leaves by it, needs the address to send as."""
    remedy = "add send_as: {address: …, name: …} to the profile"
    profiles, shared = dict(sections(tree, "profiles")), below(tree, "defaults")
    without = {name for name, profile in profiles.items() if not profile.get("send_as")}
    for name in sorted(without):
        if profiles[name].get("from") == "send_as":
            yield Finding(("profiles", name, "from"), "the profile has no send_as", found="send_as", remedy=remedy)
    for name, device in sections(tree, "devices"):
        profile = device.get("profile") or shared.get("profile")
        if (device.get("from") or shared.get("from")) == "send_as" and profile in without:
            path = ("devices", name, "from") if device.get("from") else ("defaults", "from")
            yield Finding(path, f"profile {profile} has no send_as", found="send_as", remedy=remedy)


def _refresh_tokens_have_a_key(tree: Tree) -> Iterator[Finding]:
    """A person's sign-in is never kept in plain."""
    store = tree.get("token_store")
    if isinstance(store, dict) and store.get("key"):
        return
    for name, profile in sections(tree, "profiles"):
        if profile.get("sign_in") == "delegated":
            yield Finding(
                ("profiles", name, "sign_in"),
                "a person's sign-in is kept encrypted, and token_store.key is not set",
                found="delegated",
                remedy="print a key with `relay authorize --new-key`, keep it away from data_dir, and name it: "
                "token_store: {key: {credential: token-key}}",
            )


def _mailboxes_are_used(tree: Tree) -> Iterator[Finding]:
    used = [str(profile.get("mailbox")) for _, profile in sections(tree, "profiles") if profile.get("mailbox")]
    seen: dict[str, str] = {}
    for name in names(tree, "mailboxes"):
        path = ("mailboxes", name)
        if name.lower() not in {mailbox.lower() for mailbox in used}:
            yield Finding(path, "no profile uses this mailbox", nearest=nearest_name(name, used))
        if seen.setdefault(name.lower(), name) != name:
            yield Finding(path, f"the same mailbox as {seen[name.lower()]}", remedy="keep one of them")


def _logins_are_unique(tree: Tree) -> Iterator[Finding]:
    """Devices that log in with the same name are fine as long as their addresses tell them apart."""
    seen: dict[tuple[str, object], str] = {}
    for name, device in sections(tree, "devices"):
        username = _username(device)
        network = _network(device.get("address"))
        if username and seen.setdefault((username.lower(), network), name) != name:
            other = seen[username.lower(), network]
            yield Finding(
                ("devices", name, "login", "username"),
                f"device {other} has the same user name" + (" and the same address" if network else ""),
                found=username,
                remedy="give each device its own, tell them apart by their addresses, or make them one device",
            )


def _addresses_are_unique(tree: Tree) -> Iterator[Finding]:
    """Devices behind one address are fine as long as a login tells them apart."""
    seen: dict[object, str] = {}
    for name, device in sections(tree, "devices"):
        network = _network(device.get("address"))
        if network is None or device.get("login") is not None:
            continue
        if seen.setdefault(network, name) != name:
            yield Finding(
                ("devices", name, "address"),
                f"device {seen[network]} has the same address",
                found=str(device["address"]),
                remedy="make them one device, or give each a login",
            )


def _listeners_differ(tree: Tree) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, listener in _listeners(tree):
        listen = listener.get("listen")
        if isinstance(listen, str) and not listen.endswith(":0") and seen.setdefault(listen, index) != index:
            path = ("listeners", index, "listen")
            yield Finding(path, f"listeners[{seen[listen]}] has the same address and port", found=listen)


def _devices_find_a_listener(tree: Tree) -> Iterator[Finding]:
    policies = {listener.get("auth") or "optional" for _, listener in _listeners(tree)}
    for name, device in sections(tree, "devices"):
        if policies == {"none"} and device.get("login") is not None:
            yield Finding(
                ("devices", name, "login"),
                "no listener offers login",
                remedy="set auth: optional on a listener, or know the device by its address",
            )
        if policies == {"required"} and device.get("login") is None and device.get("address") is not None:
            yield Finding(
                ("devices", name, "address"),
                "every listener requires a login, which this device has not",
                remedy="set auth: optional on a listener, or give the device a login",
            )


def _devices_can_encrypt(tree: Tree) -> Iterator[Finding]:
    if {listener.get("tls") or "optional" for _, listener in _listeners(tree)} != {"none"}:
        return
    for name, device in sections(tree, "devices"):
        if device.get("tls", below(tree, "defaults").get("tls")) == "required":
            yield Finding(("devices", name, "tls"), "no listener offers TLS", remedy="set tls: optional on a listener")


def _hashes_can_be_checked(tree: Tree) -> Iterator[Finding]:
    """CRAM-MD5 needs the password itself."""
    offers = [listener.get("mechanisms") for _, listener in _listeners(tree) if listener.get("auth") != "none"]
    if not offers or any(not _is_cram_alone(offer) for offer in offers):
        return
    for name, device in sections(tree, "devices"):
        login = device.get("login")
        if isinstance(login, dict) and login.get("password_hash") is not None:
            yield Finding(
                ("devices", name, "login", "password_hash"),
                "every listener offers CRAM-MD5 alone, which can't be checked against a hash",
                remedy="give a password reference instead, or add PLAIN and LOGIN to the mechanisms of a listener",
            )


def _is_cram_alone(offer: object) -> bool:
    return isinstance(offer, (list, tuple)) and {str(item).upper() for item in offer} == {"CRAM-MD5"}


_RULES: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    _apps_exist,
    _profiles_exist,
    _send_as_is_told,
    _refresh_tokens_have_a_key,
    _mailboxes_are_used,
    _logins_are_unique,
    _addresses_are_unique,
    _listeners_differ,
    _devices_find_a_listener,
    _devices_can_encrypt,
    _hashes_can_be_checked,
    *LEAVING,
    *HTTP,
)


def _listeners(tree: Tree) -> Iterator[tuple[int, Tree]]:
    items = tree.get("listeners")
    if isinstance(items, (list, tuple)):
        yield from ((index, item) for index, item in enumerate(items) if isinstance(item, dict))


def _username(device: Tree) -> str | None:
    login = device.get("login")
    username = login.get("username") if isinstance(login, dict) else None
    return username if isinstance(username, str) else None


def _network(address: object) -> object:
    try:
        return network_of(address) if isinstance(address, str) else None
    except ValueError:
        return None
