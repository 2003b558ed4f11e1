"""One call of the API: what it is asked, what it answers, who may. The table of calls is the API; pages use it too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from relay.control.running import Control
from relay.control.who import Role, Who

Handler = Callable[[Control, Any, Who], Awaitable[Any]]
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """`question` and `answer` are dataclasses whose fields are `Annotated[type, "words"]`: the document is printed from
    them. The fields of the question are the path's names, and then the query (GET) or the JSON body (POST). A handler
    raises `Refused` (409), `LookupError` (404), `ValueError` (400), `SpoolError` (503). One whose `media` is not JSON
    answers with an `Attachment`.
    """

    name: str
    method: str
    path: str  # below /api/v1
    scope: Role
    summary: str
    handler: Handler
    answer: type
    question: type | None = None
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to be kept by whoever asks. Should the pieces raise, the connection ends before its time."""

    name: str
    pieces: AsyncIterator[bytes]


class NotFound(LookupError):  # noqa: N818  (named for what is the case)
    """What was asked for is not there; the text says what to do."""
