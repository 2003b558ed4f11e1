"""AUTH PLAIN and LOGIN (RFC 4954, RFC 4616) for devices: the dialogue, and whose password it is.

The LOGIN challenges are compared literally by Xerox copiers, PLCs and others: `VXNlcm5hbWU6` and `UGFzc3dvcmQ6`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from relay.config.secret import SecretError
from relay.message.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from relay.policy.routing import Known
    from relay.smtpd.desk import House

    Ask = Callable[[bytes], Awaitable[bytes]]

INVALID = Reply(535, "5.7.8", "Authentication credentials invalid")
_ABORTED = Reply(501, "5.7.0", "Authentication aborted")
NOT_BASE64 = Reply(501, "5.5.2", "The response is not base64")
UNREADABLE = Reply(451, "4.3.0", "The relay can't read this device's password now, see its log")


class AuthRefused(Exception):  # noqa: N818  (named for what happened)
    """The dialogue ended with this reply; `reason` is for the log only, and so is the device whose name was tried."""

    def __init__(self, reply: Reply, reason: str, device: str = "") -> None:
        super().__init__(reason)
        self.reply = reply
        self.reason = reason
        self.device = device


async def credentials(mechanism: str, initial: str | None, ask: Ask) -> tuple[str, str]:
    """User name and password; `ask` sends one 334 challenge and returns the line that came. Raises `AuthRefused`."""
    first = None if initial is None else decoded(b"" if initial == "=" else initial.encode())
    if mechanism == "PLAIN":
        return _plain(first if first is not None else decoded(await ask(b"")))
    username = first if first is not None else decoded(await ask(b"VXNlcm5hbWU6"))
    password = decoded(await ask(b"UGFzc3dvcmQ6"))
    return _text(username), _text(password)


async def identify(house: House, username: str, password: str, client: str) -> Known:
    """The device that signs in so, from there. Raises `AuthRefused`."""
    known = house.rules.directory.by_login(username, client)
    if known is None or known.device.login is None:
        raise AuthRefused(INVALID, f"no device with user name {username!r} may log in from {client}")
    try:
        right = await house.passwords.right(known.device.login, password)
    except (SecretError, ValueError) as error:
        raise AuthRefused(UNREADABLE, str(error), known.name) from error
    if not right:
        raise AuthRefused(INVALID, f"wrong password for device {known.name}", known.name)
    return known


def _plain(response: bytes) -> tuple[str, str]:
    parts = response.split(b"\0")
    if len(parts) != 3:
        raise AuthRefused(NOT_BASE64, "the PLAIN response has not three parts")
    return _text(parts[1] or parts[0]), _text(parts[2])


def decoded(line: bytes) -> bytes:
    """A response as it was meant. Raises `AuthRefused`, also when it is the asterisk that ends the dialogue."""
    line = line.strip()
    if line == b"*":
        raise AuthRefused(_ABORTED, "the device aborted the authentication")
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise AuthRefused(NOT_BASE64, "the device's response is not base64") from error


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
