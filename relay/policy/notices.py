"""Who is told that mail failed or is late; and who, for the sake of peace, is not.

Two questions at two times. When a message comes: who is the person behind it (`author_of`), or does it say that nobody
waits for an answer? When it has failed: to which addresses does a notice go (`addressees`)?

Never told of are, whatever the configuration says:

- our own notices: a notice about a notice is how two machines write to each other for ever (RFC 3464 §2);
- what came with the null reverse-path: it is itself a report, its sender asks for no other (RFC 5321 §4.5.5), and an
  owner whose mailbox forwards into a dead one would be told of each telling;
- what says that a machine submitted it (Auto-Submitted, RFC 3834 §5): the same circle by way of an auto-reply;
- mass mail (Precedence bulk, list or junk) that no person stands behind: old vacation programs mark their answers so.

Never written to are machines: an answer to a printer is read by nobody, and at some of them comes out on paper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from relay.config.settings import Told
from relay.message.address import Address, authors
from relay.message.header import value
from relay.policy.author import is_real
from relay.policy.pattern import any_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from relay.config.settings import Settings

SILENT = "<>"  # the author of mail that nobody is ever told of, written as the null reverse-path
LATER = 10  # times as long are later failures of a cause gathered as the first ones
_MACHINE = re.compile(
    r"scan(s|ner|ners|ning)?|scan-?(2|to)-?e?mail|print(er|ers)?|cop(y|ier|iers)|(mfp|mfd)s?|mopier|multifunction|"
    r"fax(es|server)?|devices?|nobody|mailer|daemon|relay|bounces?"
)
_UNREAD = re.compile(r"(do)?(no|not|nicht|ne)(reply|answer|antworten|respond|responder)")
_LOCAL_DOMAINS = (".local", ".lan", ".localdomain", ".home", ".internal", ".invalid", ".localhost", ".workgroup")
_MASS = (b"bulk", b"list", b"junk")
_BEHIND_A_WORD = re.compile(rb"[;\s(]")
_BETWEEN_WORDS, _NUMBER = re.compile(r"[._+-]+"), re.compile(r"\d+\Z")
_REMEMBERED = 1000  # octets: devices say who scanned in a line, and the same ones again and again


@dataclass(frozen=True, slots=True)
class Owed:
    """A message of which somebody may have to be told. `what` is failed or delayed."""

    what: str
    author: str
    device: str
    profile: str


@dataclass(frozen=True, slots=True)
class Addressees:
    """Where a notice goes; none: `reason` says why nobody is told."""

    addresses: tuple[str, ...]
    reason: str = ""


def author_of(section: bytes, reverse_path: Address, *, device: str, mailboxes: frozenset[str]) -> str:
    """The person who scanned, by the header as the device wrote it, else by the reverse-path; empty: nobody knows.

    `SILENT` where nobody is to be told. `mailboxes` are those of all profiles, in lower case.
    """
    if reverse_path.is_null or _is_automatic(section):
        return SILENT
    answers, written = value(section, "Reply-To") or b"", value(section, "From") or b""
    looked_up = _named if len(answers) + len(written) <= _REMEMBERED else _named.__wrapped__
    person, somebody = looked_up(answers, written, str(reverse_path), device, mailboxes)
    if not person and (value(section, "Precedence") or b"").lower() in _MASS:
        return SILENT
    return person or somebody


def addressees(owed: Owed, settings: Settings) -> Addressees:
    """Everybody once, in the order of the configuration; the administrator where it would be nobody."""
    if owed.author == SILENT:
        return Addressees((), "it came with the null reverse-path, or a machine says that it submitted it")
    told = settings.notices.failed if owed.what == "failed" else settings.notices.delayed
    if not told:
        return Addressees((), f"notices.{owed.what} names nobody")
    reasons = []
    found: dict[str, str] = {}
    for who in told:
        address, reason = _address_of(who, owed, settings)
        found.setdefault(address.lower(), address)
        reasons.append(reason)
    found.pop("", None)
    if not found:
        address, reason = _address_of(Told.ADMIN, owed, settings)
        return Addressees((address,)) if address else Addressees((), "; ".join(dict.fromkeys([*reasons, reason])))
    return Addressees(tuple(found.values()))


def why_not(address: str, *, device: str, mailboxes: Collection[str]) -> str:
    """Why whoever has this address is no person that could be told; empty when nothing speaks against it."""
    found = Address(address)
    if not is_real(found) or not found.isascii():
        return f"{address or 'the sender'} is no address that could be answered"
    if found.normal in mailboxes:
        return f"{address} is a mailbox the relay sends by"
    if f".{found.domain}".endswith(_LOCAL_DOMAINS):
        return f"{address} is an address of the local network"
    if _is_machine(found.local.lower(), device.lower()):
        return f"{address} is the address of a machine"
    return ""


def _address_of(who: Told, owed: Owed, settings: Settings) -> tuple[str, str]:
    """An address, or an empty one with the reason. What the operator chose is not doubted for its name."""
    mailboxes = mailboxes_of(settings)
    if who is Told.SENDER:
        return _sender(owed, settings, mailboxes)
    if who is Told.OWNER:
        device = settings.devices.get(owed.device)
        address, missing = (device.owner if device else None) or "", f"device {owed.device} has no owner"
    else:
        address, missing = settings.notices.admin or "", "notices.admin is not set"
    if not address:
        return "", missing
    reason = f"{address} is a mailbox the relay sends by" if address.lower() in mailboxes else ""
    reason = reason or _never(address, settings)
    return ("" if reason else address), reason


def _sender(owed: Owed, settings: Settings, mailboxes: Collection[str]) -> tuple[str, str]:
    if not owed.author:
        return "", "the device names nobody who scanned"
    reason = why_not(owed.author, device=owed.device, mailboxes=mailboxes)
    reason = reason or _never(owed.author, settings) or _refused(owed, settings)
    return ("" if reason else owed.author), reason


def _never(address: str, settings: Settings) -> str:
    patterns = settings.notices.never
    return f"{address} is among notices.never" if patterns and any_of(patterns).match(address.lower()) else ""


def _refused(owed: Owed, settings: Settings) -> str:
    """Whom a device may not name as sender it may not have written to either: the name could be anybody's."""
    device, profile = settings.devices.get(owed.device), settings.profiles.get(owed.profile)
    lists = [lists.senders for lists in (device, profile) if lists is not None and lists.senders]
    if all(any_of(tuple(patterns)).match(owed.author.lower()) for patterns in lists):
        return ""
    return f"{owed.author} is not among the senders that may be named"


def due_at(first: int, last_told: int | None, collect_ms: int) -> int:
    """When a notice on what has gathered since `first` is written: soon, but for a cause that was told of lately.

    All times are epoch milliseconds; `last_told` is when the same address was last told of the same cause.
    """
    if last_told is not None and first < last_told + LATER * collect_ms:
        return last_told + LATER * collect_ms
    return first + collect_ms


def mailboxes_of(settings: Settings) -> frozenset[str]:
    """The mailboxes of all profiles, in lower case."""
    return frozenset(profile.mailbox.lower() for profile in settings.profiles.values())


def _is_automatic(section: bytes) -> bool:
    said = value(section, "Auto-Submitted")
    return said is not None and _BEHIND_A_WORD.split(said.lower(), maxsplit=1)[0] not in (b"", b"no")


@lru_cache(maxsize=256)
def _named(
    answers: bytes, written: bytes, reverse_path: str, device: str, mailboxes: frozenset[str]
) -> tuple[str, str]:
    """The first person, and the first who could be answered at all: a Reply-To says outright who waits for answers."""
    named = (address for body in (answers, written) for _, address in authors(body.decode("latin-1")))
    found = [address for address in (*named, reverse_path) if is_real(address)]
    person = next((one for one in found if why_not(one, device=device, mailboxes=mailboxes) == ""), "")
    return person, next(iter(found), "")


def _is_machine(local: str, device: str) -> bool:
    words = [_NUMBER.sub("", word) for word in _BETWEEN_WORDS.split(local)]
    squashed = _BETWEEN_WORDS.sub("", local)
    return local == device or any(map(_MACHINE.fullmatch, [*words, local])) or _UNREAD.search(squashed) is not None
