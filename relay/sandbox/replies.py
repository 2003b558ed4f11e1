"""What Exchange Online says, word for word where it could be read.

Sources: transcripts of smtp.office365.com of 2024 and 2025, Microsoft's "How to authenticate an IMAP, POP or SMTP
connection using OAuth" and "Improvements in SMTP submission"; what is only likely is listed in
docs/design/divergences.md.
"""

import datetime as dt
import secrets
from dataclasses import dataclass, field
from email.utils import format_datetime

OFFERS_TLS = "STARTTLS"
OFFERS_AUTH = "AUTH LOGIN XOAUTH2"
READY_FOR_TLS = "220 2.0.0 SMTP server ready"
SIGNED_IN = "235 2.7.0 Authentication successful"
SENDER_OK = "250 2.1.0 Sender OK"
RECIPIENT_OK = "250 2.1.5 Recipient OK"
START_MAIL = "354 Start mail input; end with <CRLF>.<CRLF>"
CHUNK = "250 2.6.0 CHUNK received OK, {octets} octets"
RESETTING = "250 2.0.0 Resetting"
NOOP = "250 2.0.0 OK"
BYE = "221 2.0.0 Service closing transmission channel"
HELP = (
    "214-This server supports the following commands:\r\n214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT"
)
CANNOT_VERIFY = "252 2.1.5 Cannot VRFY user"

UNKNOWN_COMMAND = "500 5.3.3 Unrecognized command"
LINE_TOO_LONG = "500 5.5.2 Line too long"
NO_DOMAIN = "501 5.5.4 Invalid domain name"
BAD_ARGUMENTS = "501 5.5.4 Invalid arguments"
BAD_SENDER = "501 5.1.7 Invalid address"
BAD_RECIPIENT = "501 5.1.3 Invalid address"
HELLO_FIRST = "503 5.5.2 Send hello first"
SENDER_TWICE = "503 5.5.2 Sender already specified"
MAIL_FIRST = "503 5.5.2 Need mail command"
RCPT_FIRST = "503 5.5.2 Need rcpt command"
TLS_TWICE = "503 5.5.2 Only one STARTTLS command can be issued per session"
SIGNED_IN_TWICE = "503 5.5.2 AUTH command can only be issued once per session"
BINARY_BY_DATA = "503 5.5.2 BODY=BINARYMIME requires BDAT"
NOT_IN_ONE_FLIGHT = "503 5.5.0 Improper use of SMTP command pipelining"
UNKNOWN_MECHANISM = "504 5.7.4 Unrecognized authentication type"
TOKEN_EXPIRES_SOON = "501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon"
INTERNAL_ONLY = "550 5.7.1 High Volume Email accounts can't send to external recipients"
NOT_ATTRIBUTED = "550 5.7.64 TenantAttribution; Relay Access Denied"
AUTH_CANCELLED = "501 5.7.0 Authentication cancelled"

TLS_FIRST = "451 5.7.3 STARTTLS is required to send mail"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients"
TOO_LARGE = "552 5.3.4 Message size exceeds fixed maximum message size"
TOO_LARGE_FOR_MAILBOX = "550 5.2.3 RESOLVER.RST.SendSizeLimit.Sender; message too large for this sender"
RATE_EXCEEDED = "421 4.4.2 Message submission rate for this client has exceeded the configured limit"
DAY_QUOTA = (
    "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; "
    "Failed to process message due to a permanent exception with message Cannot submit message."
)
BARE_LINE_FEED = "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds"
NO_FROM = "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid From address"
MANY_FROM = "550 5.1.20 Multiple From addresses are not allowed without Sender address"
IDLE = "421 4.4.1 Connection timed out. Total session duration: {duration}"

BASIC_IS_OFF = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."
UNSUCCESSFUL = "535 5.7.3 Authentication unsuccessful"
NOT_SIGNED_IN = "530 5.7.57 Client not authenticated to send mail."


@dataclass(frozen=True, slots=True)
class House:
    """The name one session's server goes by; it stands in most refusals, with the time and the session's id."""

    host: str
    session: str = field(default_factory=lambda: secrets.token_hex(8).upper())

    def greeting(self) -> str:
        """The 220 line."""
        now = format_datetime(dt.datetime.now(dt.UTC))
        return f"220 {self.host} Microsoft ESMTP MAIL Service ready at {now} [{self.session}]"

    def stamped(self, sentence: str) -> str:
        """A sentence with `[host time session]` behind it, as support wants it quoted."""
        return f"{sentence} {self.stamp()}"

    def stamp(self) -> str:
        """`[host time session]`."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        return f"[{self.host} {now}Z {self.session}]"

    def fill(self, text: str, mailbox: str = "") -> str:
        """A text of the catalogue with what is known here; other braces stay as they are."""
        if "{send_as_denied}" in text:
            text = text.replace("{send_as_denied}", self.send_as_denied(mailbox, "another@contoso.test"))
        for name, value in (("stamp", self.stamp()), ("host", self.host), ("mailbox", mailbox)):
            text = text.replace("{" + name + "}", value)
        return text

    def accepted(self, message_id: str) -> str:
        """The answer to a message that was taken; one without a Message-ID is given one."""
        name = message_id or f"<{secrets.token_hex(12)}@{self.host}>"
        return f"250 2.0.0 OK {name} [Hostname={self.host}]"

    def too_many_connections(self) -> str:
        """The answer to the fourth session of one mailbox."""
        return (
            "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more "
            f"information. [Hostname={self.host}]"
        )

    def send_as_denied(self, mailbox: str, sender: str) -> str:
        """The answer after the body when the sender is not the mailbox's: some KB in one line, as the real one."""
        trash = ", ".join(f"{n}.{35250 + n * 17}:{secrets.token_hex(4).upper()}" for n in range(60))
        return (
            f"554 5.2.252 SendAsDenied; {mailbox} not allowed to send as {sender}; STOREDRV.Submission.Exception:"
            "SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception "
            "with message [BeginDiagnosticData]Cannot submit message. 0.35250:" + trash + "[EndDiagnosticData] "
            f"[Hostname={self.host}]"
        )


def capabilities(greeting: str, *, middle: str, size: int, pipelining: bool, chunking: bool) -> list[str]:
    """The EHLO lines in Exchange Online's order; `middle` is STARTTLS in clear, AUTH behind TLS, or nothing."""
    lines = [greeting, f"SIZE {size}"]
    lines += ["PIPELINING"] if pipelining else []
    lines += ["DSN", "ENHANCEDSTATUSCODES", *([middle] if middle else []), "8BITMIME", "BINARYMIME"]
    lines += ["CHUNKING"] if chunking else []
    return [*lines, "SMTPUTF8"]
