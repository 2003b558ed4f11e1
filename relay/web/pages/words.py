"""Explain: what an answer of Microsoft means, pasted as it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.control.answers import STAGES
from relay.policy.effect import CLASSES, SCOPES
from relay.web.calls import words as calls
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response

    from relay.control.answers import Explained


async def page(visit: Visit) -> Response:
    """The form; an answer in the address is explained at once, so that other pages can link here."""
    return await _explained(visit, {name: visit.asked(name) for name in ("text", "stage", "profile")})


@refusing
async def explain(visit: Visit) -> Response:
    """What was pasted, explained."""
    form = await visit.form()
    return await _explained(visit, {name: form.get(name, [""])[0] for name in ("text", "stage", "profile")})


async def _explained(visit: Visit, typed: dict[str, str]) -> Response:
    found: Explained | None = None
    words = ""
    if typed["text"].strip():
        try:
            found = await calls.explain(visit.control, calls.AnswerQuestion(**typed), visit.who)
        except (LookupError, ValueError) as error:
            words = str(error.args[0])
    return render(
        visit, "explain.html", typed=typed, found=found, words=words, classes=CLASSES, scopes=SCOPES,
        stages=[("", "a guess"), *((stage, stage) for stage in STAGES)],
        profiles=[("", "any"), *((name, name) for name in visit.control.settings.profiles)],
    )  # fmt: skip


PAGES = (Page("/explain", page), Page("/explain", explain, methods=("POST",)))
