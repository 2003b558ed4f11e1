"""Devices as an operator asks about them: who was refused because nobody knows it, and how to let one in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import yaml

from relay.control.status import when
from relay.policy.routing import Directory
from relay.smtpd.notebook import NAME, read
from relay.smtpd.strangers import Stranger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.config.settings import Settings

__all__ = ["Stranger", "UnknownList", "UnknownStatus", "adoption", "owners_of_login", "refused", "unknown"]

_HASH = "print it with: relay device password"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownStatus:
    """One source that was refused because it is no device of the configuration."""

    address: Annotated[str, "where it came from"]
    login: Annotated[str, "the user name it tried"]
    helo: Annotated[str, "what it calls itself"]
    listener: Annotated[str, "the listener it spoke to"]
    tls: Annotated[bool, "whether it used TLS"]
    mechanisms: Annotated[list[str], "how it tried to log in"]
    quirks: Annotated[list[str], "what is odd about it"]
    reply: Annotated[str, "what it heard last"]
    count: Annotated[int, "how often it was refused"]
    first: Annotated[str, "when it was first refused"]
    last: Annotated[str, "when it was last refused"]
    devices: Annotated[list[str], "devices that have this user name: a wrong password, or another address"]
    adoption: Annotated[str, "the YAML that would let it in: lines to go under devices, or the whole section"]


@dataclass(frozen=True, slots=True)
class UnknownList:
    """All of them, the one seen last first."""

    sources: Annotated[list[UnknownStatus], "each"]


def unknown(strangers: Iterable[Stranger], settings: Settings, since: float = 0.0) -> UnknownList:
    """Those who are still unknown. Who was refused before the configuration in force came (`since`), and is a device of
    it, has been let in; who was refused after that is told, whatever it is. Without it everybody is told.
    """
    return UnknownList([_unknown(one, settings) for one in still_unknown(strangers, settings, since)])


def still_unknown(strangers: Iterable[Stranger], settings: Settings, since: float = 0.0) -> list[Stranger]:
    """Those of them, as they are."""
    directory = Directory(settings.devices)
    return [one for one in strangers if one.last >= since or not _is_device(one, directory)]


def _is_device(one: Stranger, directory: Directory) -> bool:
    by_login = one.login and directory.by_login(one.login, one.address)
    return bool(by_login or directory.by_address(one.address) or directory.only_with_login(one.address))


def _unknown(one: Stranger, settings: Settings) -> UnknownStatus:
    return UnknownStatus(
        address=one.address, login=one.login, helo=one.helo, listener=one.listener, tls=one.tls,
        mechanisms=list(one.mechanisms), quirks=list(one.quirks), reply=one.reply, count=one.count,
        first=when(one.first), last=when(one.last), devices=owners_of_login(one, settings),
        adoption=adoption(one, settings),
    )  # fmt: skip


def refused(settings: Settings) -> list[Stranger]:
    """Sources that were refused because they are no device of the configuration; the one seen last comes first."""
    return read(settings.data_dir / NAME)[::-1]


def adoption(stranger: Stranger, settings: Settings) -> str:
    """The YAML that would let this source in, for an administrator to look at: lines to go under `devices` as it stands
    in the file, with a comment that says so, or the whole of it where there is none.
    """
    device: dict[str, Any] = {"address": stranger.address}
    if stranger.login:
        device["login"] = {"username": stranger.login, "password_hash": _HASH}
    device["profile"] = next(iter(settings.profiles))
    device["recipients"] = ["*@" + settings.profiles[device["profile"]].mailbox.rpartition("@")[2]]
    named = {_name(stranger): device}
    if not settings.devices:
        return _yaml({"devices": named})
    return indent(f"# under devices: of the file, as deep as the others there\n{_yaml(named)}", "  ")


def owners_of_login(stranger: Stranger, settings: Settings) -> list[str]:
    """The devices that already log in with the name this stranger tried: a wrong password, or another address."""
    return [known.name for known in Directory(settings.devices).users(stranger.login)] if stranger.login else []


def _yaml(data: dict[str, Any]) -> str:
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _name(stranger: Stranger) -> str:
    """A name to begin with: what the device calls itself, if that can be one."""
    helo = stranger.helo.strip("[]")
    usable = re.fullmatch(r"[A-Za-z][\w-]{0,62}", helo.partition(".")[0])
    return usable[0] if usable else "device-" + re.sub(r"[^0-9A-Za-z]+", "-", stranger.address).strip("-")
