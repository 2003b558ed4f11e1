"""AUTH CRAM-MD5 (RFC 2195): the password never crosses the wire, so the relay must know it.

Off unless a listener names it: many devices take it whenever they see it, and a password that is kept as a hash can't
be checked this way.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from relay.config.secret import SecretError
from relay.smtpd.login import INVALID, NOT_BASE64, UNREADABLE, AuthRefused, decoded

if TYPE_CHECKING:
    from relay.policy.routing import Directory, Known
    from relay.smtpd.login import Ask


class Response(NamedTuple):
    """What a device answered to which challenge."""

    username: str
    digest: str
    challenge: bytes


async def respond(hostname: str, ask: Ask) -> Response:
    """One challenge, never the same twice, and the answer to it. Raises `AuthRefused`."""
    challenge = f"<{secrets.token_hex(8)}.{time.time_ns()}@{hostname}>".encode()
    username, _, digest = decoded(await ask(base64.b64encode(challenge))).decode("utf-8", "replace").rpartition(" ")
    if not username:
        raise AuthRefused(NOT_BASE64, "the CRAM-MD5 response is not a user name and a digest")
    return Response(username, digest, challenge)


def identify(directory: Directory, response: Response, client: str) -> Known:
    """The device that knows the password, from there; compared in constant time. Raises `AuthRefused`."""
    known = directory.by_login(response.username, client)
    login = known.device.login if known is not None else None
    if known is None or login is None:
        raise AuthRefused(INVALID, f"no device with user name {response.username!r} may log in from {client}")
    if login.any_password:
        return known
    if login.password is None:
        reason = f"the password of device {known.name} is kept as a hash, which CRAM-MD5 can't be checked against"
        raise AuthRefused(INVALID, reason, known.name)
    try:
        password = login.password.read()
    except SecretError as error:
        raise AuthRefused(UNREADABLE, str(error), known.name) from error
    if not hmac.compare_digest(digest(password, response.challenge).encode(), response.digest.lower().encode()):
        raise AuthRefused(INVALID, f"wrong password for device {known.name}", known.name)
    return known


def digest(password: str, challenge: bytes) -> str:
    """What somebody answers who knows the password."""
    return hmac.new(password.encode(), challenge, "md5").hexdigest()
