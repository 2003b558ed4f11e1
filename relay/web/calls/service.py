"""Calls about the relay as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.control.activity import Activity
from relay.control.status import Status
from relay.control.who import Role, Who
from relay.web.call import Call

if TYPE_CHECKING:
    from relay.control.running import Control


async def status(control: Control, _question: None, _who: Who) -> Status:
    """How the relay is."""
    return await control.status()


async def activity(control: Control, _question: None, _who: Who) -> Activity:
    """Mail per minute."""
    return control.minutes.activity()


CALLS = (
    Call("status", "GET", "/status", Role.VIEWER, "How the relay is.", status, Status),
    Call("activity", "GET", "/activity", Role.VIEWER, "Mail per minute of the last two hours.", activity, Activity),
)
