"""Devices as an operator asks about them: who was refused because nobody knows it, and how to let one in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from relay.policy.routing import Directory
from relay.smtpd.notebook import NAME, read
from relay.smtpd.strangers import Stranger

if TYPE_CHECKING:
    from relay.config.settings import Settings

__all__ = ["Stranger", "adoption", "owners_of_login", "refused"]

_HASH = "print it with: relay device password"


def refused(settings: Settings) -> list[Stranger]:
    """Sources that were refused because they are no device of the configuration; the one seen last comes first."""
    return read(settings.data_dir / NAME)[::-1]


def adoption(stranger: Stranger, settings: Settings) -> str:
    """The YAML that would let this source in, for an administrator to look at and to put under `devices`."""
    device: dict[str, Any] = {"address": stranger.address}
    if stranger.login:
        device["login"] = {"username": stranger.login, "password_hash": _HASH}
    device["profile"] = next(iter(settings.profiles))
    device["recipients"] = ["*@" + settings.profiles[device["profile"]].mailbox.rpartition("@")[2]]
    text: str = yaml.safe_dump({"devices": {_name(stranger): device}}, sort_keys=False, allow_unicode=True)
    return text


def owners_of_login(stranger: Stranger, settings: Settings) -> list[str]:
    """The devices that already log in with the name this stranger tried: a wrong password, or another address."""
    return [known.name for known in Directory(settings.devices).users(stranger.login)] if stranger.login else []


def _name(stranger: Stranger) -> str:
    """A name to begin with: what the device calls itself, if that can be one."""
    helo = stranger.helo.strip("[]")
    usable = re.fullmatch(r"[A-Za-z][\w-]{0,62}", helo.partition(".")[0])
    return usable[0] if usable else "device-" + re.sub(r"[^0-9A-Za-z]+", "-", stranger.address).strip("-")
