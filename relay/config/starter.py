"""A configuration to begin with: what an administrator answered, with the manual's sentences, and little else.

`relay init` and `relay import` write it. Of options that are not answered only those are shown (commented out) that
are often touched; `relay example` has them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.config.application import App
from relay.config.clouds import Cloud
from relay.config.device import Device
from relay.config.example import comment, flow, item_model, suggestion
from relay.config.listening import Listener
from relay.config.outbound import Profile
from relay.config.settings import Settings
from relay.config.shape import option_fields
from relay.config.tenant import is_guid, understood

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    Place = tuple[str, ...]

HEAD = """\
# The relay's configuration. Lines that start with "#name:" are options at their default, or an example.
# There are many more, each with a sentence: relay example
# Check this file with: relay check --config FILE
"""
_SHOWN: dict[type[BaseModel], tuple[str, ...]] = {
    Settings: ("hostname",),
    Listener: ("tls_floor",),
    App: ("next_credential",),
    Profile: ("canary", "senders"),
    Device: ("recipients", "senders", "owner"),
}
_NOT_IN_NAMES = re.compile(r"[^\w.@-]+")


@dataclass(frozen=True, slots=True)
class Answers:
    """What `relay init` asks; `devices` is the address or network of each by its name."""

    tenant: str
    client_id: str
    credential: dict[str, Any]
    mailbox: str
    devices: dict[str, str] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    data_dir: str = "/var/lib/relay"
    listen: str = "0.0.0.0:2525"
    cloud: str = Cloud.WORLDWIDE.value

    @property
    def app(self) -> str:
        """A name for the app: the first label of the tenant's domain, or of the mailbox's where it is a GUID."""
        domain = understood(self.tenant).tenant
        return name_of((self.mailbox.rpartition("@")[2] if is_guid(domain) else domain).split(".")[0], "tenant")

    @property
    def profile(self) -> str:
        return name_of(self.mailbox.partition("@")[0], "scans")

    def values(self) -> dict[str, Any]:
        """The configuration as plain values, in the order of the file."""
        may_write_to = list(self.recipients or ("*@" + self.mailbox.rpartition("@")[2],))
        return {
            "data_dir": self.data_dir,
            "listeners": [{"listen": self.listen, "tls": "optional", "auth": "optional"}],
            "apps": {
                self.app: {
                    **({} if self.cloud == Cloud.WORLDWIDE.value else {"cloud": self.cloud}),
                    "tenant": self.tenant,
                    "client_id": self.client_id,
                    "credential": self.credential,
                },
            },
            "profiles": {self.profile: {"app": self.app, "mailbox": self.mailbox, "from": "mailbox"}},
            "devices": {
                name: {"address": address, "profile": self.profile, "recipients": may_write_to}
                for name, address in self.devices.items()
            },
        }


def name_of(text: str, otherwise: str) -> str:
    """A name of the configuration made of any text."""
    name = _NOT_IN_NAMES.sub("-", text).strip("-.@")[:64]
    return name or otherwise


def starter(values: Mapping[str, Any], remarks: Mapping[Place, str] | None = None, head: str = HEAD) -> str:
    """The text of a configuration with these values; a remark stands as a comment before the place that it is about."""
    lines = [head.rstrip("\n"), ""]
    for name, option in option_fields(Settings).items():
        printed = list(_option(Settings, name, option, values, Spot((), remarks or {})))
        lines += [*printed, ""] if printed else []
    return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the file the printer is, and the remarks it may meet."""

    place: Place
    remarks: Mapping[Place, str]

    @property
    def indent(self) -> str:
        return "  " * len(self.place)

    def below(self, name: str) -> Spot:
        return Spot((*self.place, name), self.remarks)

    def remark(self) -> Iterator[str]:
        """What is to be said about this very place, at the indent of its name."""
        yield from comment(self.remarks.get(self.place, ""), "  " * (len(self.place) - 1))


def _option(
    model: type[BaseModel], name: str, option: FieldInfo, values: Mapping[str, Any], spot: Spot
) -> Iterator[str]:
    if name in values:
        yield from comment(_first_sentence(option.description or ""), spot.indent)
        yield from spot.below(name).remark()
        yield from _value(name, option, values[name], spot)
    elif name in _SHOWN.get(model, ()):
        yield from comment(_first_sentence(option.description or ""), spot.indent)
        yield f"{spot.indent}#{name}: {flow(suggestion(option))}"


def _value(name: str, option: FieldInfo, value: Any, spot: Spot) -> Iterator[str]:
    model = item_model(option.annotation)
    if model is not None and isinstance(value, dict) and value:
        yield f"{spot.indent}{name}:"
        yield from _entries(model, value, spot.below(name))
    elif model is not None and isinstance(value, list):
        yield f"{spot.indent}{name}:"
        yield from (line for item in value for line in _item(model, item, spot.below(name)))
    else:
        yield f"{spot.indent}{name}: {flow(value)}"


def _entries(model: type[BaseModel], entries: Mapping[str, Any], spot: Spot) -> Iterator[str]:
    """The first one with its options explained, the others in one line each."""
    for number, (name, values) in enumerate(entries.items()):
        own = spot.below(name)
        yield from own.remark()
        if number:
            yield f"{spot.indent}{flow(name)}: {flow(values)}"
        else:
            yield f"{spot.indent}{flow(name)}:"
            yield from _options(model, values, own)


def _item(model: type[BaseModel], values: Mapping[str, Any], spot: Spot) -> Iterator[str]:
    """One of a list: the dash stands before its first option, whose comment comes before it."""
    lines = list(_options(model, values, spot.below("")))
    first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from (f"{spot.indent}{line.lstrip()}" for line in lines[:first])
    yield f"{spot.indent}- {lines[first].lstrip()}"
    yield from lines[first + 1 :]


def _options(model: type[BaseModel], values: Mapping[str, Any], spot: Spot) -> Iterator[str]:
    for name, option in option_fields(model).items():
        yield from _option(model, name, option, values, spot)


def _first_sentence(text: str) -> str:
    first, stop, _ = text.partition(". ")
    return first + stop.strip()
