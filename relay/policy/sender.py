"""The From policy: what becomes of the sender a device wrote, in the envelope and in the header.

| policy  | MAIL FROM    | From                             | Reply-To                     | X-Original-From |
|---------|--------------|----------------------------------|------------------------------|-----------------|
| keep    | the device's | the device's (added if missing)  | the device's                 | –               |
| mailbox | the mailbox  | the mailbox                      | the device's authors         | the device's    |
| person  | the mailbox  | the author's name, the mailbox   | the device's authors         | the device's    |
| send_as | send_as      | send_as, its name and address    | the device's authors         | the device's    |

Exchange checks a Sender and further From fields too (5.2.252, 5.1.20). With all policies but keep, a Sender that is
somebody else becomes X-Original-Sender; keep adds the Sender that several authors need (RFC 5322 §3.6.2). A second From
was made X-Duplicate-From before (`relay.message.mend_header`); where it was not, it becomes that here.

A From that already is what the policy would write is left as it is. A Reply-To that the device wrote is never changed.
Into a Reply-To go addresses that somebody could answer to (their domain has a dot), but for our own.

Nobody but the `senders` of the profile is named by any policy. What else may look like an address counts too, in a name
or a comment, since nobody knows which of them Exchange reads; mail that names somebody unlisted leaves by the mailbox
(by send_as where that is the policy) with nobody named, or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.config.settings import FromPolicy, Unlisted
from relay.message.address import Address, authors
from relay.message.header import field, renamed, replaced, section_of, set_aside, value, values
from relay.policy.author import addresses_in, is_real, line_of, name_of, phrase, shown
from relay.policy.pattern import any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import Profile

_EVERYBODY = "*"


class SenderNotListed(ValueError):  # noqa: N818  (named for what happened, as the reply text is)
    """The message names an author who is not among the senders of its profile, and they are to be refused."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is not among the senders of the profile")
        self.address = address


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The header section as it will be sent (without the empty line), who sends, and what was done."""

    section: bytes
    sender: Address
    changes: tuple[str, ...]


def rewrite(head: bytes, reverse_path: Address, *, policy: FromPolicy, profile: Profile) -> Rewritten:
    """Applies the policy to a raw header section and the reverse-path of the envelope.

    Raises `SenderNotListed` where the profile says `unlisted: refuse`.
    """
    section = section_of(head)
    stranger = _stranger(section, reverse_path, policy=policy, profile=profile)
    if stranger is not None and profile.unlisted is Unlisted.REFUSE:
        raise SenderNotListed(stranger)
    if policy is FromPolicy.KEEP and stranger is None:
        return _kept(section, reverse_path, profile.mailbox)
    found = _owned(section, policy=policy, profile=profile, named=stranger is None)
    return found if stranger is None else _noted(found, "sender-not-listed")


def _stranger(section: bytes, reverse_path: Address, *, policy: FromPolicy, profile: Profile) -> str | None:
    """The first address that would be named and may not be."""
    if _EVERYBODY in profile.senders:
        return None
    listed = any_of((*profile.senders, *_own_addresses(profile)))
    return next((name for name in _names(section, reverse_path, policy) if not listed.match(name.lower())), None)


def _names(section: bytes, reverse_path: Address, policy: FromPolicy) -> Iterator[str]:
    """Everybody the message claims to be from; MAIL FROM and Sender count where they are kept."""
    keeps = policy is FromPolicy.KEEP
    if keeps and reverse_path.domain:
        yield reverse_path
    for name in ("From", "Sender") if keeps else ("From",):
        for body in values(section, name):
            text = body.decode("latin-1")
            yield from (address for _, address in authors(text))
            yield from addresses_in(text)


def _own_addresses(profile: Profile) -> tuple[str, ...]:
    return (profile.mailbox,) if profile.send_as is None else (profile.mailbox, profile.send_as.address)


def _kept(section: bytes, reverse_path: Address, mailbox: str) -> Rewritten:
    envelope = reverse_path if reverse_path.domain else Address(mailbox)
    body = value(section, "From")
    if body is None:
        return Rewritten(line_of("", envelope) + section, envelope, ("from-added",))
    if field(section, "Sender") is None and _names_several(body):
        return Rewritten(b"Sender: <" + envelope.encode() + b">\r\n" + section, envelope, ("sender-added",))
    return Rewritten(section, envelope, ())


def _names_several(body: bytes) -> bool:
    return (b"," in body or b";" in body) and len(list(authors(body.decode("latin-1")))) > 1


def _owned(section: bytes, *, policy: FromPolicy, profile: Profile, named: bool) -> Rewritten:
    """The section with one author, who is ours; `named` says whether the device's may be seen."""
    name, own = "", profile.mailbox
    if policy is FromPolicy.SEND_AS and profile.send_as is not None:
        name, own = name_of(profile.send_as.name), profile.send_as.address
    section, changes = _alone(section, own)
    original = field(section, "From")
    if original is None:
        return Rewritten(line_of(name, own) + section, Address(own), ("from-added", *changes))
    # Octets beyond ASCII ride along as Latin-1, so that they come out as they went in.
    text = (value(section, "From") or b"").decode("latin-1")
    if _is_written(text, name, own):
        return Rewritten(section, Address(own), tuple(changes))
    others = [item for item in authors(text) if item[1].lower() not in map(str.lower, _own_addresses(profile))]
    if policy is FromPolicy.PERSON and named:
        name = phrase(shown(*others[0])) if others else ""
    answer = [address for _, address in others if is_real(address)] if named else []
    section, more = _replaced(section, original, author=line_of(name, own), answer=answer)
    return Rewritten(section, Address(own), (*more, *changes))


def _is_written(text: str, name: str, own: str) -> bool:
    """Whether a From body is nobody but us, under the name we go by if we have one."""
    if name:
        return f"From: {text}\r\n".encode("latin-1") == line_of(name, own).replace(b"\r\n ", b" ")
    return _is_nobody_but(text, own)


def _is_nobody_but(text: str, own: str) -> bool:
    found = [address.lower() for _, address in authors(text)]
    return found == [own.lower()] and all(seen.lower() == own.lower() for seen in addresses_in(text, quoted=False))


def _alone(section: bytes, own: str) -> tuple[bytes, list[str]]:
    """The section with one author and no sender but us."""
    changes = []
    senders = [body.decode("latin-1") for body in values(section, "Sender")]
    if senders and not (len(senders) == 1 and _is_nobody_but(senders[0], own)):
        section = set_aside(section, "Sender", under="X-Original-Sender")
        changes.append("sender-set-aside")
    single = set_aside(section, "From", under="X-Duplicate-From", behind=1)
    if single != section:
        changes.append("duplicate-field-renamed")
    return single, changes


def _replaced(section: bytes, original: bytes, *, author: bytes, answer: list[str]) -> tuple[bytes, list[str]]:
    changes = ["from-replaced"]
    lines = author
    if answer and field(section, "Reply-To") is None:
        lines += b"Reply-To: " + b",\r\n ".join(b"<" + address.encode("latin-1") + b">" for address in answer) + b"\r\n"
        changes.append("reply-to-added")
    return replaced(section, "From", lines + renamed(original, "X-Original-From")), changes


def _noted(found: Rewritten, change: str) -> Rewritten:
    return Rewritten(found.section, found.sender, (*found.changes, change))
