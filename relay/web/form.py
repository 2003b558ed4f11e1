"""What somebody typed who is not signed in yet: little, and each field once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST_OCTETS = 20_000
_MOST_FIELDS = 20


async def typed(request: Request) -> dict[str, str]:
    """The first value of each field; nothing of a form that is too large or no form."""
    octets = b""
    async for piece in request.stream():
        octets += piece
        if len(octets) > _MOST_OCTETS:
            return {}
    try:
        form = parse_qs(octets.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in form.items()}
