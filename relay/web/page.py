"""One page of the dashboard: where it is, who may see it, and what it needs to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from relay.control.who import Role, Who

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relay.control.running import Control

MOST_OCTETS = 1 << 20
_MOST_FIELDS = 1000


@dataclass(slots=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    control: Control
    who: Who

    @property
    def live(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return self.request.headers.get("hx-request") == "true"

    def asked(self, name: str) -> str:
        """One value of the query; empty where there is none."""
        return self.request.query_params.get(name, "")

    async def form(self) -> dict[str, list[str]]:
        """What was typed: every value by the name of its field. Raises `ValueError` for a body that is too large."""
        octets = b""
        async for piece in self.request.stream():
            octets += piece
            if len(octets) > MOST_OCTETS:
                raise ValueError(f"the form has more than {MOST_OCTETS} octets")
        return parse_qs(octets.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)


PageHandler = Callable[[Visit], Awaitable["Response"]]


@dataclass(frozen=True, slots=True)
class Page:
    """A path below the root, what answers it, and whom. What changes something is a POST."""

    path: str
    handler: PageHandler
    role: Role = Role.VIEWER
    methods: tuple[str, ...] = ("GET",)
