"""One message handed to a relay as a device would, step by step, so that a refusal names the step it came at.

`hand_in` tells each step as it happens and returns the relay's last answer. What ends it early is `Refused` (the relay
said no) or `Unreachable` (it said nothing); both say what to do.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from email.message import EmailMessage

    Tell = Callable[[str, str], None]

TIMEOUT_S = 30.0
_QUEUED_AS = re.compile(r"\bqueued as (\S+)", re.IGNORECASE)

# Which step was refused, with which first digits, and what to do: the first row that fits is told.
_REMEDIES = (
    ("greeting", "421", "the relay has as many sessions as intake.max_sessions allows, or it is stopping; try again"),
    ("greeting", "", "this machine's address belongs to no device; add one under devices, or sign in"),
    ("sign-in", "", "user name and password must be those of a device's login in the configuration"),
    ("sender", "530", "the listener asks for TLS (--tls starttls) or for a login (--device or --username)"),
    ("sender", "552", "the message is larger than intake.max_message_size"),
    ("sender", "452", "the relay's disk is nearly full; make room under data_dir"),
    ("sender", "5", "the relay does not know this device: add this machine's address or a login under devices"),
    ("recipient", "5", "the device may not write to this recipient; see its recipients in the configuration"),
    ("message", "552", "the message is larger than intake.max_message_size"),
    ("", "4", "a passing trouble on the relay's side; its log says which. Try again"),
    ("", "", "the relay's log has a line client.refused with the reason and the remedy"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to hand in and as whom; no user name means without signing in. `auto` uses STARTTLS where it is offered."""

    host: str
    port: int
    tls: Literal["auto", "none", "starttls", "implicit"] = "auto"
    username: str = ""
    password: str = ""


class Refused(Exception):
    """The relay answered no; `passing` is true when the same may be taken later."""

    def __init__(self, step: str, code: int, text: str) -> None:
        super().__init__(f"refused at the {step}: {code} {text}\n{remedy(step, code)}")
        self.passing = 400 <= code < 500


class Unreachable(Exception):
    """No answer: nobody listens there, or the connection broke."""


def remedy(step: str, code: int) -> str:
    """What to do about an answer at a step."""
    return next(text for where, digits, text in _REMEDIES if where in ("", step) and str(code).startswith(digits))


def queue_id(answer: str) -> str:
    """The id in the relay's last answer; empty when it names none."""
    match = _QUEUED_AS.search(answer)
    return match[1] if match else ""


def hand_in(target: Target, message: EmailMessage, recipients: Sequence[str], tell: Tell) -> str:
    """Hands in the message, its From as the sender. Returns the last answer. Raises `Refused` or `Unreachable`."""
    try:
        with _connected(target, tell) as session:
            _encrypt(session, target, tell)
            _sign_in(session, target, tell)
            return _submit(session, message, recipients, tell)
    except ssl.SSLError as error:
        raise Unreachable(f"{target.host}:{target.port}: TLS failed: {error}; does --tls fit the listener?") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(
            f"{target.host}:{target.port}: {error}; is `relay serve` running and listening there?"
        ) from error


def _connected(target: Target, tell: Tell) -> smtplib.SMTP:
    implicit = target.tls == "implicit"
    session = (
        smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=_any_certificate()) if implicit else smtplib.SMTP(timeout=TIMEOUT_S)
    )
    # smtplib takes the name for TLS from the constructor, which would connect without handing out the greeting.
    session._host = target.host  # type: ignore[attr-defined]  # noqa: SLF001
    _expect(2, "greeting", session.connect(target.host, target.port), tell)
    _expect(2, "EHLO", session.ehlo(), None)
    return session


def _encrypt(session: smtplib.SMTP, target: Target, tell: Tell) -> None:
    offered = session.has_extn("starttls")
    if target.tls == "starttls" or (target.tls == "auto" and offered):
        if not offered:
            raise Refused("encryption", 502, "STARTTLS is not offered on this listener")
        _expect(2, "encryption", session.starttls(context=_any_certificate()), None)
        _expect(2, "EHLO", session.ehlo(), None)
    if isinstance(session.sock, ssl.SSLSocket):
        tell("encrypted", session.sock.version() or "TLS")


def _sign_in(session: smtplib.SMTP, target: Target, tell: Tell) -> None:
    if not target.username:
        return
    try:
        session.login(target.username, target.password)
    except smtplib.SMTPAuthenticationError as error:
        raise Refused("sign-in", error.smtp_code, _text(error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused("sign-in", 503, "this listener offers no login (auth: none, or only after TLS)") from error
    tell("signed in", target.username)


def _submit(session: smtplib.SMTP, message: EmailMessage, recipients: Sequence[str], tell: Tell) -> str:
    octets = message.as_bytes()
    size = [f"size={len(octets)}"] if session.has_extn("size") else []
    _expect(2, "sender", session.mail(message["From"].addresses[0].addr_spec, size), tell)
    for recipient in recipients:
        _expect(2, "recipient", session.rcpt(recipient), tell)
    try:
        return _expect(2, "message", session.data(octets), tell)
    except smtplib.SMTPDataError as error:
        raise Refused("message", error.smtp_code, _text(error.smtp_error)) from error


def _expect(digit: int, step: str, answer: tuple[int, bytes], tell: Tell | None) -> str:
    code, text = answer[0], _text(answer[1])
    if code // 100 != digit:
        raise Refused(step, code, text)
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
