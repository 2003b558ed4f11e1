"""Where a browser comes back from a person's sign-in: any path of the dashboard, as the app's registration says.

No session is asked for: the request comes from another site, so that the browser sends none. The `state` in it is the
proof (`relay.control.sign_ins`); a request with any other goes its usual way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from relay.web.render import render

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from relay.control.running import Control

_MOST_OCTETS = 20_000


class Landing:
    """In front of all routes."""

    def __init__(self, inner: ASGIApp, control: Control) -> None:
        self._control = control
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _parameters(scope)
        landed = await self._control.returned(answer) if "state" in answer else None
        if landed is None:
            await self._inner(scope, receive, send)
            return
        status = 200 if landed.sign_in.state == "done" else 400
        here = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        same = landed.origin.partition("://")[2] == here  # else the browser would come without its session
        page = render(None, "landed.html", status=status, one=landed.sign_in, same=same)
        await page(scope, receive, send)


def _parameters(scope: Scope) -> dict[str, str]:
    query = scope.get("query_string", b"")
    if scope["type"] != "http" or scope["method"] != "GET" or b"state=" not in query or len(query) > _MOST_OCTETS:
        return {}
    try:
        return dict(parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}
