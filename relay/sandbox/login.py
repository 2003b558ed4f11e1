"""The XOAUTH2 response of a client: `user=<mailbox>^Aauth=Bearer <token>^A^A` in base64."""

import base64
import binascii
import json
import re

_RESPONSE = re.compile(r"user=([^\x01]*)\x01auth=Bearer ([^\x01]+)\x01\x01?", re.IGNORECASE)
_CHALLENGE = {"status": "401", "schemes": "bearer mac", "scope": "https://outlook.office365.com/"}


class BadResponseError(Exception):
    """A response that is no base64, or not of the form above."""


def parse(response: bytes) -> tuple[str, str]:
    """The user and the token of a base64 response; raise BadResponseError."""
    try:
        text = base64.b64decode(response.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadResponseError(str(error)) from error
    match = _RESPONSE.fullmatch(text)
    if match is None:
        raise BadResponseError("not user=...^Aauth=Bearer ...^A^A")
    return match[1].strip(), match[2].strip()


def challenge() -> str:
    """The 334 line with a JSON error, which the client must answer with an empty line."""
    return "334 " + base64.b64encode(json.dumps(_CHALLENGE, separators=(",", ":")).encode()).decode()
