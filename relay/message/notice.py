"""A delivery status notification (RFC 3464) as octets: a part for people, one for programs, and the original's header.

Of the original only its header section goes along, never its body: whoever is told may not be who wrote it. All octets
are ASCII in short lines. One notice may cover many messages of one cause; what it lists is bounded, the rest counted.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from textwrap import fill
from typing import TYPE_CHECKING

from relay.message.header import value, without
from relay.message.mend_words import encoded_words
from relay.message.subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTED = 20  # messages that are named, and recipients of each of them in the part for people
_STATUSES = 100  # recipients in the part for programs
_SUBJECT = 120
_ANSWER = 500  # Exchange's diagnostics run to several KB; the first fields say it
_HEADER = 16 * 1024
_LINE = 76
_CODE = re.compile(r"([245])\d\d(?:[ -]+(\1\.\d{1,3}\.\d{1,3}))?(?![\d.])")
_EXPIRED, _FAILED, _DELAYED = "4.4.7", "5.0.0", "4.0.0"  # RFC 3463: X.4.7 is persistent and of class 4
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CLEAN = re.compile(rb"(?:[\t -~]{0,998}\r\n)*[\t -~]{0,998}")
_PLAIN = re.compile(r"[!-*,-<>-\[\]-~]+")  # QCHAR of RFC 6533 §3


@dataclass(frozen=True, slots=True)
class Fate:
    """One recipient that was not reached: what was said last, and by which host where it was one."""

    address: str
    answer: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One message a notice is about; `received_at` is epoch seconds, `count` how many recipients were not reached.

    `expired`: nobody refused it for good, its time was over. `doubtful`: an answer was lost, so it may have arrived.
    """

    id: str
    device: str
    received_at: float
    section: bytes
    fates: tuple[Fate, ...]
    count: int
    expired: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notice says and to whom; times are epoch seconds.

    `originals` are the first of `messages` in all. `until` is when a delayed message is given up; None: it failed.
    `kept_days` is how long failed ones can be sent again.
    """

    id: str
    at: float
    hostname: str
    mailbox: str
    to: str
    meaning: str
    remedy: str
    originals: tuple[Original, ...]
    messages: int
    until: float | None = None
    kept_days: int = 0

    @property
    def failed(self) -> bool:
        return self.until is None


def composed(notice: Notice) -> tuple[bytes, bytes]:
    """Header section with its empty line, and body."""
    boundary = f"=_{notice.id}"
    parts = (_readable(notice), _status(notice), _original_header(notice.originals[0].section))
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return _head(notice, boundary), body + b"--" + boundary.encode() + b"--\r\n"


# -- the header of the notice


def _head(notice: Notice, boundary: str) -> bytes:
    lines = [
        f"Date: {_date(notice.at)}",
        f'From: "Mail relay" <{notice.mailbox}>',
        f"To: <{notice.to}>",
        f"Subject: {_subject_field(_subject(notice))}",
        f"Message-ID: <{notice.id}@{notice.hostname}>",
        *_threading(notice),
        "Auto-Submitted: auto-replied",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
    ]
    return "\r\n".join(lines).encode("ascii", "replace") + b"\r\n\r\n"


def _threading(notice: Notice) -> list[str]:
    """A mail program shows the notice beside the original; of many, the first is the one replied to."""
    names = [name for original in notice.originals if (name := _message_id(original.section))]
    if not names:
        return []
    return [f"In-Reply-To: {names[0]}", "References: " + "\r\n ".join(dict.fromkeys(names))]


def _message_id(section: bytes) -> str:
    found = re.search(rb"<[!-;=?-~]{1,250}>", value(section, "Message-ID") or b"")
    return found[0].decode("ascii") if found else ""


def _subject(notice: Notice) -> str:
    word = "Not delivered" if notice.failed else "Delayed"
    if notice.messages > 1:
        return f"{word}: {notice.messages} messages"
    return f"{word}: {_subject_line(notice.originals[0].section) or 'a message without a subject'}"


def _subject_field(text: str) -> str:
    return text if text.isascii() else encoded_words(text).replace(" ", "\r\n ")


def _subject_line(section: bytes) -> str:
    """The subject as a person reads it, cut to a line; empty where there is none."""
    return _shown(subject_of(section), _SUBJECT)


# -- the part for people


def _readable(notice: Notice) -> bytes:
    text = "\r\n".join("\r\n".join(block) + "\r\n" for block in _blocks(notice))
    return _text_part("text/plain", text)


def _blocks(notice: Notice) -> Iterator[list[str]]:
    yield _wrapped(_opening(notice))
    for original in notice.originals:
        yield _about(original)
    if notice.messages > len(notice.originals):
        yield [f"… and {notice.messages - len(notice.originals)} more messages for the same cause."]
    if notice.meaning:
        yield ["What it means:", *_wrapped(notice.meaning, "  ")]
    if notice.remedy:
        yield ["What to do next:", *_wrapped(notice.remedy, "  ")]
    yield _wrapped(_closing(notice))


def _opening(notice: Notice) -> str:
    many = notice.messages > 1
    what = f"{notice.messages} messages" if many else "A message"
    if notice.until is None:
        could = "could not be delivered, all for one cause" if many else "could not be delivered"
        return f"{what} {could}. The mail relay {notice.hostname} has given up trying for the recipients below."
    until = _date(notice.until)
    return (
        f"{what} could not be delivered yet. There is no need to send again: the mail relay {notice.hostname} goes on "
        f"trying until {until}, and tells when it gives up."
    )


def _about(original: Original) -> list[str]:
    lines = [
        f"Subject:   {_subject_line(original.section) or '(none)'}",
        f"Handed in: {_date(original.received_at)}, by device {original.device}",
        f"Number:    {original.id}",
        "To:",
    ]
    said = None
    for fate in original.fates[:LISTED]:
        if said not in (None, fate.answer):
            lines += _said(said)
        lines.append(f"  {_shown(fate.address, 320)}")
        said = fate.answer
    more = original.count - len(original.fates[:LISTED])
    lines += [f"  … and {more} more"] if more > 0 else []
    lines += _said(said)
    if original.doubtful:
        lines += _wrapped("The answer to an earlier attempt was lost, so that it may have arrived all the same.", "  ")
    return lines


def _said(answer: str | None) -> list[str]:
    """What stands behind the recipients it was said of; an answer stays in its own words."""
    return _wrapped(f"Answer: {_shown(answer, _ANSWER)}", "      ") if answer else []


def _closing(notice: Notice) -> str:
    if not notice.failed or not notice.kept_days:
        return "This notice was written by the relay; answers to it are not read."
    which = notice.originals[0].id if notice.messages == 1 else "NUMBER"
    days = f"{notice.kept_days} day{'s' if notice.kept_days > 1 else ''}"
    return (
        f"The relay keeps what has failed for {days}; once the cause is mended, whoever runs it can send it again: "
        f"relay queue retry {which}. This notice was written by the relay; answers to it are not read."
    )


def _wrapped(text: str, indent: str = "") -> list[str]:
    return fill(
        text, _LINE, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ).split("\n")


# -- the part for programs


def _status(notice: Notice) -> bytes:
    first = notice.originals[0]
    groups = [[f"Reporting-MTA: dns; {notice.hostname}", f"Arrival-Date: {_date(first.received_at)}"]]
    pairs = [(original, fate) for original in notice.originals for fate in original.fates]
    groups += [_recipient(notice, original, fate) for original, fate in pairs[:_STATUSES]]
    text = "\r\n".join("\r\n".join(lines) + "\r\n" for lines in groups)
    return b"Content-Type: message/delivery-status\r\n\r\n" + text.encode("ascii", "replace")


def _recipient(notice: Notice, original: Original, fate: Fate) -> list[str]:
    lines = [
        f"Original-Recipient: {_typed(fate.address)}",
        f"Final-Recipient: {_typed(fate.address)}",
        f"Action: {'failed' if notice.failed else 'delayed'}",
        f"Status: {_status_code(fate.answer, failed=notice.failed, expired=original.expired)}",
    ]
    if fate.host.isascii() and re.fullmatch(r"[\w.-]+", fate.host):
        lines.append(f"Remote-MTA: dns; {fate.host}")
    if fate.answer:
        lines.append(_diagnostic(fate.answer))
    if notice.until is not None:
        lines.append(f"Will-Retry-Until: {_date(notice.until)}")
    return [*lines, f"X-Relay-Message: {original.id}"]


def _status_code(answer: str, *, failed: bool, expired: bool) -> str:
    """The code of RFC 3463 that agrees with the action: a temporary answer to what failed means that time was over."""
    found = _CODE.match(answer)
    kind, enhanced = (found[1], found[2]) if found else ("", None)
    if not failed:
        return enhanced if kind == "4" and enhanced else _DELAYED
    if kind == "5":
        return enhanced or _FAILED
    return _EXPIRED if expired or kind == "4" else _FAILED


def _diagnostic(answer: str) -> str:
    """Only what an SMTP server said is of type smtp (RFC 3464 §2.3.6)."""
    kind = "smtp" if _CODE.match(answer) else "x-relay"
    words = _shown(answer, _ANSWER).encode("ascii", "replace").decode()
    return "\r\n ".join(_wrapped(f"Diagnostic-Code: {kind}; {words}"))


def _typed(address: str) -> str:
    """An address with its type; one beyond ASCII in the form that seven bits can carry (RFC 6533 §3)."""
    clean = _shown(address, 320)
    if clean.isascii():
        return f"rfc822; {clean}"
    return "utf-8; " + "".join(sign if _PLAIN.fullmatch(sign) else f"\\x{{{ord(sign):X}}}" for sign in clean)


# -- the original's header, and what all parts share


def _original_header(section: bytes) -> bytes:
    section = _BARE.sub(b" ", without(section, "Bcc"))
    if len(section) > _HEADER:
        section = section[: section.rfind(b"\r\n", 0, _HEADER) + 2]
    return _text_part("text/rfc822-headers", section.decode("utf-8", "surrogateescape"), charset=False)


def _text_part(kind: str, text: str, *, charset: bool = True) -> bytes:
    """Seven bits as they are, all else as quoted-printable, which a person can still read."""
    octets = text.encode("utf-8", "surrogateescape")
    label = f"; charset={'us-ascii' if octets.isascii() else 'utf-8'}" if charset else ""
    plain = _CLEAN.fullmatch(octets)
    encoding, content = ("7bit", octets) if plain else ("quoted-printable", b2a_qp(octets, istext=True))
    return f"Content-Type: {kind}{label}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content


def _shown(text: str, longest: int) -> str:
    """On one line, with nothing that a terminal or a mail program would obey."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    words = " ".join(clean.split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _date(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(at), UTC))
