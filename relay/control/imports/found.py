"""What an import found, and the configuration that is made of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.config.network import is_everybody, network_of
from relay.config.starter import HEAD, Answers, name_of, starter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.starter import Place

CHANGE = "CHANGE-ME:"
SECRETS_DIR = "/etc/relay/secrets"
_SOME_TENANT = "change-me.onmicrosoft.com"
_SOME_CLIENT = "00000000-0000-0000-0000-000000000000"
_SOME_MAILBOX = "change-me@example.com"
_SOME_DEVICE = "192.0.2.1"  # RFC 5737: nobody has it
_PRINTABLE = 100


@dataclass(frozen=True, slots=True)
class Left:
    """What could not be carried over: where it stood, why, and what to do."""

    where: str
    why: str
    todo: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}; {self.todo}"


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line told beside the file; empty: not told."""

    tenant: str = ""
    client_id: str = ""
    secret: Mapping[str, str] | None = None
    mailbox: str = ""
    recipients: tuple[str, ...] = ()
    listen: str = ""
    data_dir: str = "/var/lib/relay"
    cloud: str = "worldwide"


@dataclass(slots=True)
class Found:
    """What a file holds, in the words of our configuration; `secrets` are values by the name of their file."""

    source: str
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    listeners: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    remarks: dict[Place, str] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    _by: dict[tuple[str, str], str] = field(default_factory=dict)  # what devices are known by

    def leave(self, where: str, why: str, todo: str) -> None:
        self.left.append(Left(shown(where), shown(why), todo))

    def add_device(self, name: str, values: dict[str, Any], remark: str, where: str) -> None:
        """A device under a name of its own; one that would be known by the same thing as another is left out."""
        if same := self._by.get(_known_by(values)):
            self.leave(where, f"is device {same} already", "nothing, or give one of them a login of its own")
            return
        name = self.free_name(name)
        self.devices[name] = values
        self._by[_known_by(values)] = name
        if remark:
            self.remarks["devices", name] = shown(remark)

    def free_name(self, text: str) -> str:
        """The name a device gets that is called this: one that no other has."""
        return _unlike(name_of(text, "device"), self.devices)

    def add_network(self, text: str, remark: str, where: str, *, name: str = "") -> None:
        """A device known by an address or a network as other products write it."""
        network = network_in(text)
        if network is None:
            self.leave(where, f"{text} is no address or network", "name the device's address under devices")
        elif is_everybody(network):
            self.leave(
                where, f"{text} is everybody, or nearly", "name the networks of your devices: an open relay sends spam"
            )
        else:
            self.add_device(name or name_of_network(network), {"address": address_of(network)}, remark, where)

    def add_profile(self, mailbox: str, values: dict[str, Any]) -> str:
        """The name of the profile of this mailbox, made where there is none yet."""
        for name, profile in self.profiles.items():
            if profile["mailbox"].lower() == mailbox.lower():
                return name
        name = _unlike(name_of(mailbox.partition("@")[0], "scans"), self.profiles)
        self.profiles[name] = {"mailbox": mailbox, **values}
        return name


def network_in(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """`10.0.2.17`, `10.0.3.0/24`, `10.0.3.0/255.255.255.0`, `[::1]/128`; None for anything else."""
    bare = text.strip().replace("[", "").replace("]", "")
    try:
        return network_of(str(ipaddress.ip_network(bare, strict=False)))
    except ValueError:
        return None


def address_of(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """As our configuration writes it: a machine without its prefix length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def name_of_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """A name that tells which network it is."""
    if network.is_loopback:
        return "this-machine" if network.version == 4 else "this-machine-v6"
    kind = "host" if network.num_addresses == 1 else "net"
    return f"{kind}-{address_of(network).replace(':', '_').replace('/', '-')}"


def shown(text: str) -> str:
    """A foreign text in one printable line, not longer than one reads."""
    line = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return line[: 3 * _PRINTABLE] + ("…" if len(line) > 3 * _PRINTABLE else "")


def configuration(found: Found, given: Given) -> str:
    """The whole file: what was found, what was told beside it, and marked placeholders for what is still missing."""
    remarks = dict(found.remarks)
    values = _values(found, given, remarks)
    return starter(values, remarks, _head(found, placeholders=CHANGE in "".join(remarks.values())))


def _values(found: Found, given: Given, remarks: dict[Place, str]) -> dict[str, Any]:
    told = Answers(
        given.tenant or _SOME_TENANT, given.client_id or _SOME_CLIENT,
        {"secret": dict(given.secret or {"file": f"{SECRETS_DIR}/relay.secret"})},
        given.mailbox or _SOME_MAILBOX, {}, given.recipients, given.data_dir, given.listen or "0.0.0.0:25", given.cloud,
    )  # fmt: skip
    values = told.values()
    apps = found.apps or values["apps"]
    if not found.apps:
        _mark_app(told.app, given, remarks)
    own = _without_profile(found, given)
    profiles = (values["profiles"] if own else {}) | found.profiles
    if own and not given.mailbox:
        remarks["profiles", told.profile, "mailbox"] = f"{CHANGE} the mailbox that sends"
    first_app, first_profile = next(iter(apps)), next(iter(profiles))
    return {
        **values,
        "apps": apps,
        "profiles": {name: {"app": first_app, "from": "mailbox", **profile} for name, profile in profiles.items()},
        "devices": _devices(found, given, first_profile, remarks),
        **({"listeners": found.listeners} if found.listeners and not given.listen else {}),
        **found.settings,
    }


def _without_profile(found: Found, given: Given) -> bool:
    """Whether there must be a profile beside those that were found."""
    known = [profile["mailbox"].lower() for profile in found.profiles.values()]
    return not known or bool(given.mailbox and given.mailbox.lower() not in known)


def _mark_app(app: str, given: Given, remarks: dict[Place, str]) -> None:
    missing = {
        "tenant": ("the tenant's id or a domain of it", given.tenant),
        "client_id": ("the application (client) id", given.client_id),
        "credential": ("where the client secret is kept", given.secret),
    }
    for option, (what, told) in missing.items():
        if not told:
            remarks["apps", app, option] = f"{CHANGE} {what}"


def _devices(found: Found, given: Given, profile: str, remarks: dict[Place, str]) -> dict[str, Any]:
    shared = {"recipients": list(given.recipients)} if given.recipients else {}
    devices = {name: {"profile": profile, **shared, **device} for name, device in found.devices.items()}
    if not devices:
        devices["device"] = {"address": _SOME_DEVICE, "profile": profile, **shared}
        remarks["devices", "device"] = f"{CHANGE} the address of a device; the import found none"
    return devices


def _head(found: Found, *, placeholders: bool) -> str:
    lines = [HEAD.rstrip("\n"), "#", f"# Made from {shown(found.source)}."]
    if placeholders:
        lines.append(f"# Fill in what is marked {CHANGE}")
    if found.left:
        lines += ["#", "# Not carried over:", *(f"#  - {left}" for left in found.left)]
    return "\n".join(lines)


def _known_by(device: Mapping[str, Any]) -> tuple[str, str]:
    return device.get("address", ""), device.get("login", {}).get("username", "").lower()


def _unlike(name: str, taken: Mapping[str, Any]) -> str:
    number, tried = 1, name
    while tried in taken:
        number += 1
        tried = f"{name[:60]}-{number}"
    return tried
