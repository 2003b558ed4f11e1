"""Settings: what is in effect, what the file would change, and taking it up."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING

from relay.control.caller import Refused
from relay.control.configuration import ReloadOrder
from relay.control.who import Role
from relay.web.calls import configuration as calls
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response

    from relay.control.configuration import OptionStatus, Reloaded

_MANY = 60  # options of one section: it stays folded


async def settings(visit: Visit) -> Response:
    """What is in effect."""
    found = await calls.settings(visit.control, None, visit.who)
    everything = bool(visit.asked("all"))
    shown = [one for one in found.options if everything or one.origin == "set"]
    plan = await calls.plan(visit.control, None, visit.who)
    return await asyncio.to_thread(  # a thousand devices are ten thousand options
        render, visit, "settings.html", found=found, sections=_sections(shown), everything=everything, plan=plan,
        many=_MANY,
    )  # fmt: skip


async def plan(visit: Visit) -> Response:
    """What the file would change."""
    return await _planned(visit)


@refusing
async def reload(visit: Visit) -> Response:
    """Takes up the file whose changes were shown."""
    digest = (await visit.form()).get("digest", [""])[0]
    try:
        outcome = await calls.reload(visit.control, ReloadOrder(digest), visit.who)
    except Refused as error:
        return await _planned(visit, status=409, words=f"Nothing was applied: {error}.")
    return await _planned(visit, outcome=outcome)


async def _planned(visit: Visit, *, status: int = 200, words: str = "", outcome: Reloaded | None = None) -> Response:
    found = await calls.plan(visit.control, None, visit.who)
    may = visit.who.may(Role.OPERATOR)
    return await asyncio.to_thread(  # as long as the file is new
        render, visit, "reload.html", status=status, plan=found, words=words, outcome=outcome, may=may
    )


def _sections(options: list[OptionStatus]) -> list[tuple[str, list[OptionStatus]]]:
    """By the first step of their path."""
    return [
        (name, list(found))
        for name, found in groupby(options, lambda one: one.option.partition(".")[0].partition("[")[0])
    ]


PAGES = (
    Page("/settings", settings),
    Page("/settings/reload", plan),
    Page("/settings/reload", reload, Role.OPERATOR, ("POST",)),
)
