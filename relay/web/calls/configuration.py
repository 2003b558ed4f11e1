"""Calls about the configuration: what is in effect, and what a reload would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.control import configuration
from relay.control.configuration import Reloaded, ReloadOrder, ReloadPlan, SettingsStatus
from relay.control.who import Role, Who
from relay.web.call import Call

if TYPE_CHECKING:
    from relay.control.running import Control


async def settings(control: Control, _question: None, _who: Who) -> SettingsStatus:
    """What is in effect."""
    since = control.devices.in_force_since
    return await control.turns.work(configuration.settings_status, control.settings, control.hands.config, since)


async def plan(control: Control, _question: None, _who: Who) -> ReloadPlan:
    """What a reload would change."""
    started = control.started_with
    return await control.turns.work(configuration.reload_plan, control.settings, started, control.hands.config)


async def reload(control: Control, order: ReloadOrder, who: Who) -> Reloaded:
    """Takes the file up."""
    return await configuration.reload(control, order.digest, who)


SETTINGS = Call(
    "settings", "GET", "/settings", Role.VIEWER, "The configuration in effect, secrets masked.", settings,
    SettingsStatus,
)  # fmt: skip
PLAN = Call("reload_plan", "GET", "/reload", Role.VIEWER, "What a reload would change.", plan, ReloadPlan)
RELOAD = Call(
    "reload", "POST", "/reload", Role.OPERATOR, "Takes the configuration file up.", reload, Reloaded, ReloadOrder
)
CALLS = (SETTINGS, PLAN, RELOAD)
