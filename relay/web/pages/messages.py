"""Messages: looked for and listed page by page, and one whole with its story."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from relay.control.search import ALL, Direction, Search
from relay.web.calls import messages as calls
from relay.web.compared import compared
from relay.web.milestones import milestones
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from relay.control.search import Messages
    from relay.control.trace import Scene

STATES = (
    ("queued", "queued"), ("leased", "under way"), ("uncertain", "in doubt"), ("held", "held"), ("corrupt", "corrupt"),
    ("delivered", "delivered"), ("failed", "failed"), ("dropped", "dropped"),
)  # fmt: skip
TEXTS = ("id", "device", "profile", "mailbox", "sender", "recipient", "subject", "rule", "since", "until")
_SELDOM = ("mailbox", "rule", "order")
_ALONE = ("id",)  # an order to all that a search finds knows no such filter
_ON_A_PAGE = 50
_ENOUGH = 286  # htmx shows the answer and asks no more
_UNDER_WAY = ("queued", "leased", "uncertain")
_MARKS = {"delivered": "ok", "deferred": "warn", "uncertain": "warn", "held": "warn", "failed": "bad"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as the address bar has it."""

    texts: Mapping[str, str]
    states: tuple[str, ...]
    order: str
    cursor: str

    @classmethod
    def of(cls, visit: Visit) -> Asked:
        """Whatever somebody typed."""
        return cls(
            {name: visit.asked(name).strip() for name in TEXTS}, tuple(visit.request.query_params.getlist("state")),
            visit.asked("order") or Direction.NEWEST, visit.asked("cursor"),
        )  # fmt: skip

    def search(self) -> Search:
        """No state: all of them. Raises `ValueError`."""
        return Search(
            **self.texts, state=self.states or (ALL,), order=Direction(self.order), cursor=self.cursor,
            limit=_ON_A_PAGE,
        )  # fmt: skip

    def target(self, cursor: str = "") -> str:
        """The address of this search, from there on."""
        order = self.order if self.order != Direction.NEWEST else ""
        asked = {name: value for name, value in {**self.texts, "order": order, "cursor": cursor}.items() if value}
        query = urlencode({**asked, "state": self.states}, doseq=True)
        return f"/messages?{query}" if query else "/messages"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The filters that an order to everything found has, as fields of a form."""
        texts = [(name, value) for name, value in self.texts.items() if value]
        return texts + [("state", one) for one in self.states]

    @property
    def orderable(self) -> bool:
        """Whether an order can mean all that this search finds."""
        return not any(self.texts[name] for name in _ALONE)

    @property
    def seldom(self) -> bool:
        """Whether one of the fields is used that few need."""
        return self.order != Direction.NEWEST or any(self.texts.get(name) for name in _SELDOM)


async def messages(visit: Visit) -> Response:
    """The search and what it finds; a mistake is told beside the form, which stays as it was typed."""
    asked = Asked.of(visit)
    found: Messages | None = None
    words = ""
    try:
        found = await calls.search(visit.control, asked.search(), visit.who)
    except ValueError as error:
        words = str(error)
    settings = visit.control.settings
    return render(
        visit, "messages.html", status=400 if words else 200, asked=asked, found=found, words=words, states=STATES,
        devices=sorted(settings.devices), profiles=sorted(settings.profiles),
        first=asked.target() if asked.cursor else "", next=asked.target(found.next) if found and found.next else "",
    )  # fmt: skip


async def message(visit: Visit) -> Response:
    """One message; while it is under way the page follows it."""
    found = await calls.one(visit.control, calls.OneMessage(id=visit.request.path_params["id"]), visit.who)
    template = "message-live.html" if visit.live else "message.html"
    live = found.state in _UNDER_WAY
    return await asyncio.to_thread(  # a device chooses how long its header is
        lambda: render(
            visit, template, status=_ENOUGH if visit.live and not live else 200, one=found, live=live, mark=mark_of,
            milestones=milestones,
            fields=compared(found.header_before, found.header) if found.header_before else [],
        )
    )  # fmt: skip


def mark_of(scene: Scene) -> str:
    """How a scene of the story ended, as a badge's state."""
    return _MARKS.get(scene.facts.get("outcome", scene.what), "")


PAGES = (Page("/messages", refusing(messages)), Page("/messages/{id}", refusing(message)))
