"""Templates: HTML that is escaped unless a template says otherwise, and words for times, sizes and ages."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from relay import __version__

if TYPE_CHECKING:
    from relay.web.page import Visit

NAVIGATION = (
    ("/", "Overview"),
    ("/messages", "Messages"),
    ("/devices", "Devices"),
    ("/profiles", "Profiles"),
    ("/test-mail", "Test mail"),
    ("/explain", "Explain"),
    ("/settings", "Settings"),
)
_BELONGS = {"test-settings": "/profiles", "trials": "/profiles"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def render(visit: Visit | None, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or the part of it that htmx asked for. `visit` is None for who is not signed in."""
    text = environment().get_template(template).render(
        visit=visit, who=visit.who if visit else None, path=_place(visit.request.url.path) if visit else "",
        navigation=NAVIGATION, version=__version__, zone=zone(), **values,
    )  # fmt: skip
    return HTMLResponse(text, status)


def _place(path: str) -> str:
    """By which the navigation tells where somebody is."""
    return _BELONGS.get(path.removeprefix("/").partition("/")[0], path)


@cache
def environment() -> Environment:
    """Made when the first page is asked for."""
    made = Environment(
        loader=PackageLoader("relay.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"span": span, "size": size, "moment": moment, "local": local, "dated": dated}
    return made


def span(seconds: float) -> str:
    """Seconds in the largest unit that fits: 90 is `1 min`."""
    whole = int(seconds)
    return next((f"{whole // length} {unit}" for length, unit in _SPANS if whole >= length), "0 s")


def size(count: float) -> str:
    """Octets in the largest unit that fits: 1536 is `1.5 KiB`."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if count >= 10 or count == int(count) else f"{count:.1f} {unit}"


def moment(text: str) -> str:
    """ISO 8601 in UTC, as people read it."""
    return text.replace("T", " ").replace("Z", " UTC")


def dated(text: str) -> str:
    """A sentence in which moments are written as everywhere on the pages."""
    return _MOMENT.sub(lambda found: moment(found[0]), text)


def local(text: str) -> str:
    """The same by the clock on this machine's wall; empty where that is UTC, or it is no time."""
    try:
        here = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return ""
    return here.strftime("%Y-%m-%d %H:%M:%S %Z") if here.utcoffset() else ""


def zone() -> str:
    """What the clock on this machine's wall is set to, beside UTC; empty where it is that."""
    here = datetime.now().astimezone()
    ahead = here.strftime("%z")
    return f"{here.tzname()} (UTC{ahead[:3]}:{ahead[3:5]})" if here.utcoffset() else ""
