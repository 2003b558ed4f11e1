"""Calls about devices: who they are and what they do, who is unknown, and the dry run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from relay.config.loader import ConfigError
from relay.control import devices as strangers
from relay.control.caller import Refused
from relay.control.device_status import DeviceList, DeviceQuestion, device_list
from relay.control.devices import UnknownList
from relay.control.explain import Explanation, Question, explain, explain_by
from relay.control.who import Role, Who
from relay.web.call import Call

if TYPE_CHECKING:
    from relay.control.running import Control


@dataclass(frozen=True, slots=True)
class DryRun(Question):
    """One message that would come in so."""

    from_file: Annotated[bool, "by the file as it is now, though it may not be in force yet"] = False


async def devices(control: Control, question: DeviceQuestion, _who: Who) -> DeviceList:
    """The configured devices."""
    volumes = await control.volumes()
    return await control.turns.work(device_list, control.settings, control.devices, volumes, question)


async def unknown(control: Control, _question: None, _who: Who) -> UnknownList:
    """Who was refused because nobody knows it."""
    return await control.turns.work(
        strangers.unknown, control.strangers, control.settings, control.devices.in_force_since
    )


async def dry_run(control: Control, question: DryRun, _who: Who) -> Explanation:
    """What would happen. Nothing is sent, stored or counted."""
    file = control.hands.config
    asked = Question(**{field.name: getattr(question, field.name) for field in fields(Question)})
    try:
        if question.from_file:
            return await control.turns.work(explain, file, asked)
        return await control.turns.work(explain_by, control.settings, file, asked)
    except ConfigError as error:
        raise Refused(f"the file has mistakes: {error}", "mend it, or ask by what is in force") from error


DEVICES = Call(
    "devices", "GET", "/devices", Role.VIEWER, "Every device of the configuration, and what it does.", devices,
    DeviceList, DeviceQuestion,
)  # fmt: skip
UNKNOWN = Call(
    "unknown_devices", "GET", "/devices/unknown", Role.VIEWER,
    "Sources that were refused because nobody knows them, with the YAML that lets them in.", unknown, UnknownList,
)  # fmt: skip
DRY_RUN = Call(
    "explain_device", "POST", "/devices/explain", Role.VIEWER, "What would happen to a message; nothing is sent.",
    dry_run, Explanation, DryRun,
)  # fmt: skip
CALLS = (DEVICES, UNKNOWN, DRY_RUN)
