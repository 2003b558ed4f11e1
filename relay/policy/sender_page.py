"""The From policies as a page of the manual: what each makes of real senders; `python -m relay.policy.sender_page`.

Every value on the page is what `relay.policy.sender` does, asked when the page is printed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from relay.config.settings import FromPolicy, Profile
from relay.message.address import Address
from relay.message.header import values
from relay.policy.sender import SenderNotListed, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.policy.sender import Rewritten

_PREFACE = """\
# The From policy

<!-- printed by relay.policy.sender_page: do not edit -->

Exchange lets a mailbox send as itself and as nobody else, unless it has been given Send As on the other address. It
looks at MAIL FROM, at every author in `From` and at `Sender`, and says no only when the whole message is there
(`554 5.2.252 SendAsDenied`). `from:` of a profile, or of a device, says what the relay does about it.

"""
_OVERVIEW = {
    "`from:`": ("MAIL FROM", "From", "Reply-To", "recipients see", "an answer goes to", "right needed in Exchange"),
    "---": ("---",) * 6,
    "`keep`": (
        "the device's; the mailbox where it has none",
        "the device's; MAIL FROM where it has none",
        "the device's",
        "whom the device named",
        "whom the device named",
        "Send As on every address that devices name",
    ),
    "`mailbox`": (
        "the mailbox",
        "the mailbox",
        "the device's authors",
        "the mailbox",
        "the device's authors, else the mailbox",
        "none",
    ),
    "`person`": (
        "the mailbox",
        "the first author's name (or address as a name), the mailbox's address",
        "the device's authors",
        "the person's name, the mailbox's address",
        "the person, else the mailbox",
        "none",
    ),
    "`send_as`": (
        "`send_as.address`",
        "`send_as.name`, `send_as.address`",
        "the device's authors",
        "the shared mailbox under that name",
        "the device's authors, else the shared mailbox",
        "Send As on the shared mailbox",
    ),
}
_RULES = """
In every policy:

- The mailbox of the profile signs in (`user=` of XOAUTH2), whoever the author is. Send As for an app: in Exchange
  Online PowerShell, `Add-RecipientPermission helpdesk@contoso.com -Trustee SERVICE_PRINCIPAL -AccessRights SendAs`.
- A `Reply-To` that the device wrote stays as it is. The relay writes one only out of addresses that somebody could
  answer to (a domain with a dot), and never puts its own mailbox there.
- What was replaced is kept: `X-Original-From`, `X-Original-Sender`. The journal has the device's MAIL FROM.
- A `Sender` that is somebody else is set aside, but by `keep`: Exchange would ask for Send As on it.
- A `From` that already is what the policy would write is left as it is, with the name the device gave it.
- `To`, `Cc`, `Subject` and all other fields, and the body, are never touched by a From policy.

A mail program that knows an address (from a directory or an address book) may show its own name for it.

## Who may be named

`senders` of the profile lists who may be named as author, `*` by default. Everything in `From` that looks like an
address counts, in names and comments too; with `keep` also `Sender` and MAIL FROM. The mailbox itself always may. Mail
that names somebody else leaves as the mailbox (with `from: send_as` as the shared mailbox), without that name and
without a Reply-To (`unlisted: mailbox`, in the journal `sender-not-listed`), or is refused with `550 5.7.1`
(`unlisted: refuse`). `senders` of a device is another matter: it says what the device may hand in at all, and refuses
the rest.

## Examples

Mailbox `scanner@contoso.com`, `send_as: {address: helpdesk@contoso.com, name: Help Desk}`, and for the examples with a
list `senders: ["*@contoso.com"]`.
"""

_PROFILE: dict[str, object] = {
    "app": "contoso",
    "mailbox": "scanner@contoso.com",
    "send_as": {"address": "helpdesk@contoso.com", "name": "Help Desk"},
}
_LISTED: dict[str, object] = {"senders": ("*@contoso.com",)}
_EXAMPLES: tuple[tuple[str, str, bytes, dict[str, object]], ...] = (
    ("A person at the copier", "john@contoso.com", b"From: John Doe <john@contoso.com>\r\n", {}),
    ("A device that has no real address", "copier@10.0.2.17", b"From: copier@localhost\r\n", {}),
    ("No From, null reverse-path", "", b"Subject: scan\r\n", {}),
    ("The mailbox itself", "scanner@contoso.com", b"From: Scanner 3 <scanner@contoso.com>\r\n", {}),
    ("An encoded name, folded", "j@contoso.com", b"From: =?utf-8?Q?J=C3=B6rg?=\r\n =?utf-8?Q?_M?= <j@contoso.com>\r\n",
     {}),
    ("Two authors", "erp@contoso.com", b"From: Ann <ann@contoso.com>, Bob <bob@contoso.com>\r\n", {}),
    ("The mailbox and another author", "scanner@contoso.com", b"From: scanner@contoso.com, boss@contoso.com\r\n", {}),
    ("A Sender of its own", "ann@contoso.com", b"From: Ann <ann@contoso.com>\r\nSender: erp@contoso.com\r\n", {}),
    ("A Reply-To of its own", "ann@contoso.com", b"From: ann@contoso.com\r\nReply-To: desk@contoso.com\r\n", {}),
    ("Not on the list", "ceo@evil.example", b"From: CEO <ceo@evil.example>\r\n", _LISTED),
    ("Not on the list, refused", "ceo@evil.example", b"From: CEO <ceo@evil.example>\r\n",
     _LISTED | {"unlisted": "refuse"}),
)  # fmt: skip
_FIELDS = ("From", "Sender", "Reply-To", "X-Original-From", "X-Original-Sender")


def page() -> str:
    """The whole page, Markdown."""
    overview = "".join(f"| {policy} | {' | '.join(cells)} |\n" for policy, cells in _OVERVIEW.items())
    return _PREFACE + overview + _RULES + "".join("\n" + "\n".join(_example(*example)) + "\n" for example in _EXAMPLES)


def _example(title: str, sender: str, head: bytes, options: dict[str, object]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield f"`MAIL FROM:<{sender}>`, {_fields(head)}"
    yield ""
    yield "| `from:` | MAIL FROM | header | changes in the journal |"
    yield "|---|---|---|---|"
    for policy in FromPolicy:
        yield _row(policy, _outcome(sender, head, policy, options))


def _outcome(sender: str, head: bytes, policy: FromPolicy, options: dict[str, object]) -> Rewritten | SenderNotListed:
    profile = Profile.model_validate(_PROFILE | options)
    try:
        return rewrite(head, Address(sender), policy=policy, profile=profile)
    except SenderNotListed as refused:
        return refused


def _row(policy: FromPolicy, outcome: Rewritten | SenderNotListed) -> str:
    if isinstance(outcome, SenderNotListed):
        return f"| `{policy}` | – | refused: {outcome} | |"
    changes = " ".join(f"`{change}`" for change in outcome.changes)
    return f"| `{policy}` | `{outcome.sender}` | {_fields(outcome.section)} | {changes} |"


def _fields(section: bytes) -> str:
    found = [f"`{name}: {body.decode()}`" for name in _FIELDS for body in values(section, name)]
    return "<br>".join(found) or "no From"


if __name__ == "__main__":
    sys.stdout.write(page())
