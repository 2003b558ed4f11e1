"""One message handed to a relay as a device would, step by step, so that a refusal names the step it came at.

`hand_in` tells each step as it happens and returns the relay's last answer. What ends it early is `RefusedError` (the
relay said no) or `UnreachableError` (it said nothing); both say what to do.
"""

from __future__ import annotations

import base64
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.policy import SMTP
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from email.message import EmailMessage

    Tell = Callable[[str, str], None]

TIMEOUT_S = 30.0
Tls = Literal["auto", "none", "starttls", "implicit"]
_QUEUED_AS = re.compile(r"\bqueued as (\S+)", re.IGNORECASE)

_NO_ADDRESS = "that is no address as SMTP knows it: name@domain, without spaces, in ASCII"
# Which step was refused, how the answer begins, and what to do: the first row that fits is told.
_REMEDIES = (
    ("greeting", "421", "the relay has as many sessions as intake.max_sessions allows, or it is stopping; try again"),
    ("greeting", "", "this machine's address belongs to no device; add one under devices, or sign in"),
    ("sign-in", "", "user name and password must be those of a device's login in the configuration"),
    ("sender", "530", "the listener asks for TLS (--tls starttls) or for a login (--device or --username)"),
    ("sender", "552", "the message is larger than intake.max_message_size"),
    (
        "sender",
        "452",
        "the relay has no room for it: its disk is nearly full, or spool.max_bytes is reached; see relay status",
    ),
    ("sender", "501", _NO_ADDRESS),
    ("sender", "550 5.7.1 Sender", "the device may not send as this address; see its senders in the configuration"),
    ("sender", "5", "the relay does not know this device: add this machine's address or a login under devices"),
    ("recipient", "501", _NO_ADDRESS),
    ("recipient", "550 5.1.3", _NO_ADDRESS),
    ("recipient", "550", "the device may not write to this recipient; see its recipients in the configuration"),
    ("message", "552", "the message is larger than intake.max_message_size"),
    ("", "4", "a passing trouble on the relay's side; its log says which. Try again"),
    ("", "", "the relay's log has a line client.refused with the reason and the remedy"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to hand in and as whom; no user name means without signing in. `auto` uses STARTTLS where it is offered."""

    host: str
    port: int
    tls: Tls = "auto"
    username: str = ""
    password: str = ""


class RefusedError(Exception):
    """The relay answered no; `passing` is true when the same may be taken later."""

    def __init__(self, step: str, code: int, text: str) -> None:
        super().__init__(f"refused at the {step}: {code} {text}\n{remedy(step, f'{code} {text}')}")
        self.passing = 400 <= code < 500


class UnreachableError(Exception):
    """No answer: nobody listens there, or the connection broke."""


def remedy(step: str, answer: str) -> str:
    """What to do about an answer at a step."""
    return next(text for where, begins, text in _REMEDIES if where in ("", step) and answer.startswith(begins))


def queue_id(answer: str) -> str:
    """The id in the relay's last answer; empty when it names none."""
    match = _QUEUED_AS.search(answer)
    return match[1] if match else ""


def hand_in(target: Target, message: EmailMessage, recipients: Sequence[str], tell: Tell) -> str:
    """Hands in the message, its From as the sender, and returns the last answer.

    Raises `RefusedError` or `UnreachableError`.
    """
    try:
        with _connected(target, tell) as session:
            _encrypt(session, target, tell)
            _sign_in(session, target, tell)
            return _submit(session, message, recipients, tell)
    except ssl.SSLError as error:
        raise UnreachableError(
            f"{target.host}:{target.port}: TLS failed: {error}; does --tls fit the listener?"
        ) from error
    except (OSError, UnicodeError, smtplib.SMTPException) as error:  # UnicodeError: no name a host can have
        raise UnreachableError(
            f"{target.host}:{target.port}: {error}; is `relay serve` running and listening there?"
        ) from error


def _connected(target: Target, tell: Tell) -> smtplib.SMTP:
    try:
        if target.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                target.host, target.port, "relay-send", timeout=TIMEOUT_S, context=_any_certificate()
            )
        else:
            session = smtplib.SMTP(target.host, target.port, "relay-send", timeout=TIMEOUT_S)
    except smtplib.SMTPConnectError as error:
        raise RefusedError("greeting", error.smtp_code, _text(error.smtp_error)) from error
    tell("connected", f"{target.host}:{target.port}")
    _expect("EHLO", session.ehlo())
    return session


def _encrypt(session: smtplib.SMTP, target: Target, tell: Tell) -> None:
    offered = session.has_extn("starttls")
    if target.tls == "starttls" or (target.tls == "auto" and offered):
        if not offered:
            raise RefusedError("encryption", 502, "STARTTLS is not offered on this listener")
        _expect("encryption", session.starttls(context=_any_certificate()))
        _expect("EHLO", session.ehlo())
    if isinstance(session.sock, ssl.SSLSocket):
        tell("encrypted", session.sock.version() or "TLS")


def _sign_in(session: smtplib.SMTP, target: Target, tell: Tell) -> None:
    if not target.username:
        return
    try:
        _log_in(session, target)
    except smtplib.SMTPAuthenticationError as error:
        raise RefusedError("sign-in", error.smtp_code, _text(error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise RefusedError("sign-in", 503, "this listener offers no login (auth: none, or only after TLS)") from error
    tell("signed in", target.username)


def _log_in(session: smtplib.SMTP, target: Target) -> None:
    if (target.username + target.password).isascii():
        session.login(target.username, target.password)
        return
    # smtplib knows ASCII only. RFC 4616 has UTF-8, and what is no text at all is sent as it was given.
    response = f"\0{target.username}\0{target.password}".encode(errors="surrogateescape")
    code, text = session.docmd("AUTH", f"PLAIN {base64.b64encode(response).decode()}")
    if code // 100 != 2:
        raise smtplib.SMTPAuthenticationError(code, text)


def _submit(session: smtplib.SMTP, message: EmailMessage, recipients: Sequence[str], tell: Tell) -> str:
    octets = message.as_bytes(policy=SMTP)  # CRLF at every line end
    size = [f"size={len(octets)}"] if session.has_extn("size") else []
    _expect("sender", session.mail(message["From"].addresses[0].addr_spec, size), tell)
    for recipient in recipients:
        _expect("recipient", session.rcpt(recipient), tell)
    try:
        return _expect("message", session.data(octets), tell)
    except smtplib.SMTPDataError as error:
        raise RefusedError("message", error.smtp_code, _text(error.smtp_error)) from error


def _expect(step: str, answer: tuple[int, bytes], tell: Tell | None = None) -> str:
    code, text = answer[0], _text(answer[1])
    if code // 100 != 2:
        raise RefusedError(step, code, text)
    if tell is not None:
        tell(step, f"{code} {text}")
    return f"{code} {text}"


def _text(raw: bytes | str) -> str:
    text = raw.decode("ascii", "replace") if isinstance(raw, bytes) else raw
    return " ".join(text.split())


def _any_certificate() -> ssl.SSLContext:
    """Devices rarely check certificates and the relay's is often self-signed: a test mail does not check it either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
