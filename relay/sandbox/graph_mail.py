"""sendMail's body: base64 of a message, whose recipients are those of its header; what arrives has no Bcc."""

import base64
import binascii
import re
from email.utils import getaddresses

from relay.sandbox.exchange import Envelope, Exchange, Login
from relay.sandbox.graph_errors import GraphError
from relay.sandbox.httpd import Request
from relay.sandbox.letter import fields, senders

_WHITE = re.compile(rb"\s+")
_BCC = re.compile(rb"^bcc:.*(?:\r?\n[ \t].*)*\r?\n", re.IGNORECASE | re.MULTILINE)
_RECIPIENT_FIELDS = ("to", "cc", "bcc")


def accept(exchange: Exchange, login: Login, request: Request) -> None:
    """Take the message in; raise GraphError."""
    raw = _mime(request)
    head, blank, text = raw.partition(b"\r\n\r\n")
    head += blank[:2]
    if exchange.policy.mailbox_size and len(raw) > exchange.policy.mailbox_size:
        raise GraphError("graph-message-size")
    recipients = _recipients(head)
    if not recipients:
        raise GraphError("graph-no-recipients")
    head = _with_author(exchange, login, head)
    envelope = Envelope(login.mailbox, rcpt_to=recipients)
    body = exchange.new_body()
    body.write(_BCC.sub(b"", head) + blank[2:] + text)
    exchange.limits.wait_for_turn(login.mailbox, exchange.clock())
    exchange.keep(login, envelope, body, via="graph", answer="202 Accepted")


def _mime(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/plain":
        raise GraphError("graph-not-mime")
    try:
        raw = base64.b64decode(_WHITE.sub(b"", request.body), validate=True)
    except binascii.Error as error:
        raise GraphError("graph-base64") from error
    if not raw:
        raise GraphError("graph-base64")
    return raw


def _recipients(head: bytes) -> list[str]:
    named = [value for name, value in fields(head) if name in _RECIPIENT_FIELDS]
    addresses = (address for _, address in getaddresses(named) if "@" in address)
    return list({address.lower(): address for address in addresses}.values())


def _with_author(exchange: Exchange, login: Login, head: bytes) -> bytes:
    """Without From the service writes the mailbox's address; with another one it wants Send As."""
    authors, sender = senders(head)
    if not authors:
        return b"From: " + login.mailbox.encode() + b"\r\n" + head
    allowed = exchange.may_send_as(login.mailbox)
    if any(address.lower() not in allowed for address in (*authors, *([sender] if sender else []))):
        raise GraphError("graph-send-as-denied")
    return head
