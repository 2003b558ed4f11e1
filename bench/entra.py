"""A fake Entra of two answers: the OpenID configuration, and a token for whoever asks.

The token has the shape and length of a real one (a signed JWT of about 1.6 KB): what is sent upstream at sign-in is as
long as in life.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TOKEN_LIFE_S = 3599
_TOKEN = ".".join(
    urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (
        b'{"typ":"JWT","alg":"RS256"}',
        json.dumps({"roles": ["SMTP.SendAsApp"], "pad": "x" * 800}).encode(),
        b"s" * 256,
    )
)


def answerer(origin: Callable[[], str]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A handler for `asyncio.start_server`; `origin()` is the address by which clients reach it ("https://localhost:1")."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = await _read_request(reader)
            writer.write(_response(_document(path, origin())))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away: its own error says so
        finally:
            writer.close()

    return answer


async def _read_request(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            await reader.readexactly(int(value))
    return head.split(" ", 2)[1]


def _document(path: str, origin: str) -> dict[str, object]:
    if not path.startswith("/") or "openid-configuration" not in path:
        return {"token_type": "Bearer", "expires_in": _TOKEN_LIFE_S, "access_token": _TOKEN}
    tenant = path.split("/")[1]
    return {
        "issuer": f"{origin}/{tenant}/v2.0",
        "authorization_endpoint": f"{origin}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{origin}/{tenant}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{origin}/{tenant}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{origin}/{tenant}/discovery/v2.0/keys",
        "response_types_supported": ["code"],
    }


def _response(document: dict[str, object]) -> bytes:
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
