"""Is mail flowing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.web.page import Page, Visit
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response


async def overview(visit: Visit) -> Response:
    """The first page."""
    return render(visit, "overview.html", status=200, now=await visit.control.status())


PAGES = (Page("/", overview),)
