"""What a page says when it can't do what it was asked: what, and what to do next, in the frame of all pages."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from relay.control.caller import Refused
from relay.control.queue import SpoolError
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response

    from relay.web.page import PageHandler, Visit


def refusing(handler: PageHandler) -> PageHandler:
    """The same page, whose refusals are pages too."""

    @wraps(handler)
    async def answer(visit: Visit) -> Response:
        try:
            return await handler(visit)
        except LookupError as error:
            words = str(error.args[0]) if error.args else "there is no such thing"
            return _page(visit, 404, "Not found", words, "look at the list again")
        except Refused as error:
            return _page(visit, 409, "Not now", error.error, error.remedy)
        except SpoolError as error:
            return _page(visit, 503, "The spool does not answer", str(error), error.remedy)
        except ValueError as error:
            return _page(visit, 400, "Not understood", str(error), "go back and mend it")

    return answer


def _page(visit: Visit, status: int, title: str, words: str, remedy: str) -> Response:
    return render(visit, "refusal.html", status=status, title=title, words=words, remedy=remedy)
