"""A message as Graph takes it: MIME in base64, whose header fields name the recipients; Bcc does not leave."""

import base64
import binascii
import re
from dataclasses import dataclass
from email import policy

from relay.sandbox import letter
from relay.sandbox.graph_errors import GraphError, check_name

_HEAD_END = re.compile(rb"(?:\A|\r?\n)(?=\r?\n)")
_BCC = re.compile(rb"^bcc[ \t]*:[^\n]*\n?(?:[ \t][^\n]*\n?)*", re.IGNORECASE | re.MULTILINE)
_UNRESOLVED = (
    'At least one recipient is not valid., Recipient "{address}" isn\'t resolved. All recipients must be resolved '
    "before a message can be submitted."
)
_TO = ("to", "cc", "bcc")


@dataclass(frozen=True, slots=True)
class GraphLetter:
    """One message: who wrote it, whom it is for, each once, and what is delivered."""

    authors: tuple[str, ...]
    sender: str
    recipients: tuple[str, ...]
    content: bytes


def decoded(body: bytes) -> bytes:
    """The MIME of a request's body; raise GraphError when it is no base64."""
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise GraphError("ErrorMimeContentInvalidBase64String") from None


def opened(mime: bytes) -> GraphLetter:
    """Read what Graph looks at; raise GraphError when a recipient is no address, asks for it, or is missing."""
    found = _HEAD_END.search(mime)
    end = found.end() if found else len(mime)
    head = re.sub(rb"\r?\n", b"\r\n", mime[:end])
    authors, sender = letter.senders(head)
    return GraphLetter(tuple(authors), sender, _recipients(head), _BCC.sub(b"", mime[:end]) + mime[end:])


def _recipients(head: bytes) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for name, value in letter.fields(head):
        for address in _addresses(value) if name in _TO else ():
            found.setdefault(address.lower(), address)
    if not found:
        raise GraphError("ErrorInvalidRecipients")
    for address in found:
        check_name(address)
    return tuple(found.values())


def _addresses(value: str) -> list[str]:
    """The addresses of a field, those in groups too."""
    found = [address.addr_spec for address in policy.default.header_factory("To", value).addresses]
    for address in found:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
            raise GraphError("ErrorInvalidRecipients", _UNRESOLVED.format(address=address))
    return found
