"""The configuration as an operator asks for it: what is in effect, and what a reload would change; secrets masked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from relay.config.changes import changes, needs_restart
from relay.config.leaves import leaves, nested
from relay.config.loader import ConfigError, digest, load
from relay.config.printed import value_text, yaml_text
from relay.control.caller import Refused
from relay.control.status import when

if TYPE_CHECKING:
    from pathlib import Path

    from relay.config.changes import Change
    from relay.config.complaint import Complaint
    from relay.config.leaves import Leaf
    from relay.config.settings import Settings
    from relay.control.running import Control
    from relay.control.who import Who


@dataclass(frozen=True, slots=True)
class OptionStatus:
    """One option in effect."""

    option: Annotated[str, "its path, such as devices.copier.recipients"]
    value: Annotated[str, "as the file would have it; empty: none; of a secret, where it is kept"]
    origin: Annotated[str, "set (in the file), inherited (from defaults) or default"]


@dataclass(frozen=True, slots=True)
class SettingsStatus:
    """The configuration in effect."""

    file: Annotated[str, "where it comes from"]
    since: Annotated[str, "when it came into force"]
    options: Annotated[list[OptionStatus], "option by option"]
    settings: Annotated[dict[str, Any], "the same as sections and lists"]
    yaml: Annotated[str, "the same as a file, with the origin behind each line that was not set"]


@dataclass(frozen=True, slots=True)
class ComplaintStatus:
    """One mistake in the file; line and column are 0 for the file as a whole."""

    file: Annotated[str, "which file"]
    line: Annotated[int, "from 1"]
    column: Annotated[int, "from 1"]
    option: Annotated[str, "its path"]
    text: Annotated[str, "the whole complaint, as `relay check` prints it"]


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """One option that differs."""

    option: Annotated[str, "its path"]
    kind: Annotated[str, "added, removed or changed"]
    old: Annotated[str, "in force now"]
    new: Annotated[str, "in the file"]
    restart: Annotated[bool, "whether it waits for a restart"]


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """What a reload would change."""

    file: Annotated[str, "the configuration"]
    digest: Annotated[str, "SHA-256 of the file as it was read; a reload asks for it"]
    complaints: Annotated[list[ComplaintStatus], "why it can't be taken up"]
    changes: Annotated[list[ChangeStatus], "what differs from what is in force"]
    restart: Annotated[list[str], "sections that wait for a restart"]


@dataclass(frozen=True, slots=True)
class ReloadOrder:
    """The file that is meant."""

    digest: Annotated[str, "SHA-256 of the file whose changes were looked at"]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload."""

    applied: Annotated[bool, "whether the file is in force now"]
    complaints: Annotated[list[str], "why it is not"]
    restart: Annotated[list[str], "sections that wait for a restart"]


def settings_status(settings: Settings, file: Path, since: float) -> SettingsStatus:
    """What is in effect; `since` is epoch seconds."""
    found = leaves(settings)
    return SettingsStatus(
        file=str(file), since=when(since), options=[_option(leaf) for leaf in found], settings=nested(found),
        yaml=yaml_text(found),
    )  # fmt: skip


def reload_plan(in_force: Settings, started_with: Settings, file: Path) -> ReloadPlan:
    """Reads the file."""
    seen = digest_of(file)
    try:
        new = load(file, seen)
    except ConfigError as error:
        return ReloadPlan(str(file), seen, [_complaint(one) for one in error.complaints], [], [])
    differ = [_changed(one) for one in changes(in_force, new)]
    return ReloadPlan(str(file), seen, [], differ, needs_restart(started_with, new))


async def reload(control: Control, meant: str, who: Who) -> Reloaded:
    """Takes the file up. Raises `Refused` when it is not the one whose changes were looked at."""
    if await asyncio.to_thread(digest_of, control.hands.config) != meant:
        raise Refused(
            "the file has changed since its changes were shown", "look at what a reload would change, then apply that"
        )
    complaints = await control.hands.reload(who.name, meant)
    return Reloaded(not complaints, list(complaints), needs_restart(control.started_with, control.settings))


def digest_of(file: Path) -> str:
    """SHA-256 of the file; empty where it can't be read."""
    try:
        return digest(file.read_bytes())
    except OSError:
        return ""


def _option(leaf: Leaf) -> OptionStatus:
    return OptionStatus(leaf.name, value_text(leaf.shown), leaf.origin.value)


def _complaint(one: Complaint) -> ComplaintStatus:
    return ComplaintStatus(one.file, one.line, one.column, one.option, str(one))


def _changed(one: Change) -> ChangeStatus:
    return ChangeStatus(one.option, one.kind.value, value_text(one.old), value_text(one.new), one.restart)
