"""Every configured device as an operator asks about it: how much it sends, how it speaks, why it was refused.

What the spool keeps outlives a restart (`messages_day`, `messages_week`, `last`); the rest counts since the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from relay.control.status import when
from relay.policy.routing import Directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.config.settings import Device, Settings
    from relay.control.device_log import DeviceLog, Habits, Refusal
    from relay.control.look import Volumes
    from relay.spool.volumes import Volume


class Sort(StrEnum):
    """What a list of devices can be sorted by."""

    NAME = "name"
    ADDRESS = "address"
    PROFILE = "profile"
    OWNER = "owner"
    LAST = "last"
    DAY = "messages_day"
    WEEK = "messages_week"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DeviceQuestion:
    """Which devices, in which order."""

    name: Annotated[str, "only the device of exactly this name"] = ""
    text: Annotated[str, "only those with this text in name, address, login, profile, mailbox or owner"] = ""
    sort: Annotated[Sort, "what they are sorted by"] = Sort.NAME
    descending: Annotated[bool, "whether the largest comes first"] = False


@dataclass(frozen=True, slots=True)
class RepairStatus:
    """One kind of repair or change."""

    kind: Annotated[str, "its name, as in the log"]
    count: Annotated[int, "in how many messages since the start"]


@dataclass(frozen=True, slots=True)
class RefusalStatus:
    """One time the device was turned away."""

    at: Annotated[str, "when"]
    client: Annotated[str, "from which address"]
    reply: Annotated[str, "what it heard; empty: nothing"]
    reason: Annotated[str, "why, where the reply does not say it"]
    remedy: Annotated[str, "what to do"]
    option: Annotated[str, "the option of the configuration that says so"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatus:
    """One device of the configuration."""

    name: Annotated[str, "of the device"]
    address: Annotated[str, "the address or network it is known by"]
    login: Annotated[str, "the user name it is known by"]
    profile: Annotated[str, "the sender profile its mail leaves by"]
    mailbox: Annotated[str, "of that profile"]
    owner: Annotated[str, "who looks after it"]
    last: Annotated[str, "when its last mail came, as far as is known"]
    last_id: Annotated[str, "the id of that message"]
    messages_day: Annotated[int, "messages of the last 24 hours, notices about them included"]
    bytes_day: Annotated[int, "bytes of those"]
    messages_week: Annotated[int, "messages of the last 7 days, as far as the spool keeps them"]
    bytes_week: Annotated[int, "bytes of those"]
    messages: Annotated[int, "messages since the start"]
    bytes: Annotated[int, "bytes of those"]
    client: Annotated[str, "the address it came from last"]
    helo: Annotated[str, "what it called itself last"]
    listener: Annotated[str, "the listener it spoke to last"]
    tls: Annotated[str, "the TLS version of its last mail; empty: in clear, or no mail since the start"]
    cipher: Annotated[str, "the cipher suite of its last mail"]
    mechanism: Annotated[str, "how it logged in for its last mail"]
    repairs: Annotated[list[RepairStatus], "what was mended or changed, the most frequent first"]
    refused: Annotated[int, "how often it was turned away since the start, or its address before it was known"]
    refusals: Annotated[list[RefusalStatus], "the last times, newest first"]


@dataclass(frozen=True, slots=True)
class DeviceList:
    """The devices that were asked for."""

    devices: Annotated[list[DeviceStatus], "each"]
    trouble: Annotated[str, "why the spool could not be read; volumes are 0 then"]


def device_list(settings: Settings, log: DeviceLog, volumes: Volumes, question: DeviceQuestion) -> DeviceList:
    """Those that are asked for, in that order. Takes a while for a thousand: for threads."""
    nameless = _nameless(Directory(settings.devices), log.nameless())
    found = [
        _status(settings, name, device, volumes.devices.get(name), nameless.get(name, ()), log)
        for name, device in settings.devices.items()
        if question.name in ("", name) and question.text.lower() in _words(settings, name, device)
    ]  # fmt: skip
    found.sort(key=lambda one: one.name)
    found.sort(key=lambda one: getattr(one, question.sort.value), reverse=question.descending)
    return DeviceList(found, volumes.trouble)


def _nameless(directory: Directory, refusals: Iterable[Refusal]) -> dict[str, list[Refusal]]:
    """By device, those of the addresses that it may have."""
    names: dict[str, set[str]] = {}
    found: dict[str, list[Refusal]] = {}
    for one in refusals:
        if one.client not in names:
            alone = directory.by_address(one.client)
            known = [*directory.only_with_login(one.client), *([alone] if alone else [])]
            names[one.client] = {each.name for each in known}
        for name in names[one.client]:
            found.setdefault(name, []).append(one)
    return found


def _words(settings: Settings, name: str, device: Device) -> str:
    login = device.login.username if device.login else ""
    mailbox = settings.profiles[device.profile].mailbox
    return "\n".join((name, device.address or "", login, device.profile, mailbox, device.owner or "")).lower()


def _status(
    settings: Settings, name: str, device: Device, volume: Volume | None, nameless: Iterable[Refusal], log: DeviceLog
) -> DeviceStatus:
    habits = log.habits(name)
    refusals, count = log.refusals(name, nameless)
    last, last_id = _last(habits, volume)
    return DeviceStatus(
        name=name, address=device.address or "", login=device.login.username if device.login else "",
        profile=device.profile, mailbox=settings.profiles[device.profile].mailbox, owner=device.owner or "",
        last=when(last), last_id=last_id,
        messages_day=volume.day if volume else 0, bytes_day=volume.day_octets if volume else 0,
        messages_week=volume.week if volume else 0, bytes_week=volume.week_octets if volume else 0,
        messages=habits.messages, bytes=habits.octets, client=habits.client, helo=habits.helo,
        listener=habits.listener, tls=habits.tls, cipher=habits.cipher, mechanism=habits.mechanism,
        repairs=[RepairStatus(kind, times) for kind, times in habits.repairs.most_common()],
        refused=count, refusals=[_refusal(one) for one in refusals],
    )  # fmt: skip


def _last(habits: Habits, volume: Volume | None) -> tuple[float, str]:
    """Of a damaged row the time may be anything."""
    if volume is None or not isinstance(volume.last, int) or volume.last / 1000 <= habits.last:
        return habits.last, habits.last_id
    return volume.last / 1000, volume.last_id


def _refusal(one: Refusal) -> RefusalStatus:
    remedy = one.remedy or (f"look at {one.option} in the configuration" if one.option else "")
    return RefusalStatus(when(one.at), one.client, one.reply, one.reason, remedy, one.option)
