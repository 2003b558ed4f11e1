"""May this client, so authenticated, submit this? Yes (None), or the reply that says why not and what to do.

Devices show these texts on small panels and administrators read them in the log: one ASCII line, the remedy in it.
Only reply codes that devices know are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relay.config.settings import DeviceTls, ListenerAuth, ListenerTls
from relay.message.address import Address, authors
from relay.message.header import section_of, values
from relay.policy.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import Listener
    from relay.policy.refusal import Option
    from relay.policy.routing import Known

_MOST_RECIPIENTS = ("intake", "max_recipients")
_UNREPAIRABLE = ("intake", "unrepairable")
_LONGEST_SHOWN = 60


class Client(NamedTuple):
    """What a session knows of the other side at the moment of asking."""

    address: str
    encrypted: bool
    known: Known | None


def must_encrypt(listener: Listener, client: Client) -> Refusal | None:
    """Before AUTH and MAIL: a listener with `tls: required` takes nothing in clear, nor from a device that has it."""
    if listener.tls is ListenerTls.REQUIRED and not client.encrypted:
        return Refusal(530, "5.7.0", "Must issue a STARTTLS command first", ("listener", "tls"))
    known = client.known
    if known is not None and known.device.tls is DeviceTls.REQUIRED and not client.encrypted:
        text = f"Encryption required for {known.name}: turn on STARTTLS or SSL in the device"
        return Refusal(530, "5.7.0", text, known.option("tls"))
    return None


def may_send(listener: Listener, client: Client, size: int | None, limit: int) -> Refusal | None:
    """The answer to MAIL: `size` is what the device announced with SIZE=, `limit` the largest message in octets."""
    refusal = must_encrypt(listener, client)
    if refusal is None and client.known is None:
        refusal = _unknown(listener, client.address)
    if refusal is None and size is not None and size > limit:
        refusal = too_large(limit, client.known, listener)
    return refusal


def may_be_from(client: Client, sender: Address) -> Refusal | None:
    """The answer to MAIL as far as the sender goes: one of the device's `senders`."""
    if client.known is None or client.known.may_send_as(sender):
        return None
    return _not_its_sender(client.known, sender)


def may_show(known: Known, head: bytes) -> Refusal | None:
    """The answer to the end of data: every address in the From fields of the message is one of the device's `senders`.

    Whatever the From policy makes of it, recipients see it: in From, as a name, or in Reply-To. A text without an @,
    as many devices write it, names nobody.
    """
    if known.sends_as_anybody:
        return None
    found = (address for address in _authors(head) if "@" in address and not known.may_send_as(Address(address)))
    stranger = next(found, None)
    return None if stranger is None else _not_its_sender(known, stranger)


def too_many(known: Known, wait_s: float) -> Refusal:
    """The device handed in as many messages as it may within an hour."""
    limit, minutes = known.device.messages_per_hour, int(wait_s // 60) + 1
    text = f"{known.name} may send {limit} messages an hour, again in {minutes} min"
    return Refusal(450, "4.7.1", text, known.option("messages_per_hour"))


def may_write_to(client: Client, recipient: Address, count: int, limit: int) -> Refusal | None:
    """The answer to RCPT: `count` recipients were taken before this one."""
    if recipient.is_null:
        return Refusal(501, "5.1.3", "A recipient is needed")
    local, _, domain = recipient.rpartition("@")
    if not local or not domain:
        return Refusal(550, "5.1.3", "The recipient needs a complete address, name@domain")
    if client.known is None or not client.known.may_write_to(recipient):
        who = client.known.name if client.known else client.address
        option = client.known.option("recipients") if client.known else ("devices",)
        text = f"Recipient not allowed for {who}; see recipients of this device in the relay"
        return Refusal(550, "5.7.1", text, option)
    if count >= limit:
        return Refusal(452, "4.5.3", f"Too many recipients, at most {limit} in one message", _MOST_RECIPIENTS)
    return None


def too_large(limit: int, known: Known | None = None, listener: Listener | None = None) -> Refusal:
    """The message is larger than the relay takes, from this device, on this listener or from any."""
    option: Option = ("intake", "max_message_size")
    if known is not None and known.device.max_message_size == limit:
        option = known.option("max_message_size")
    elif listener is not None and listener.max_message_size == limit:
        option = ("listener", "max_message_size")
    text = f"Message too large, at most {limit} bytes; scan with a lower resolution"
    return Refusal(552, "5.3.4", text, option)


def not_repairable(left: tuple[str, ...]) -> Refusal:
    """The message has damage that Exchange won't take well and nobody can mend, and such mail is to be refused."""
    return Refusal(554, "5.6.0", f"Message damaged and not repairable: {', '.join(left)}", _UNREPAIRABLE)


def not_listed(profile: str, sender: str) -> Refusal:
    """The message names an author its profile does not let through, and such mail is to be refused."""
    text = f"Sender <{_shown(sender)}> not allowed; see senders of profile {profile} in the relay"
    return Refusal(550, "5.7.1", text, ("profiles", profile, "senders"))


def _shown(sender: str) -> str:
    return "".join(sign if " " <= sign <= "~" else "?" for sign in sender[:_LONGEST_SHOWN])


def _not_its_sender(known: Known, sender: str) -> Refusal:
    text = f"Sender <{_shown(sender)}> not allowed for {known.name}; see senders of this device in the relay"
    return Refusal(550, "5.7.1", text, known.option("senders"))


def _authors(head: bytes) -> Iterator[str]:
    for body in values(section_of(head), "From"):
        yield from (address for _, address in authors(body.decode("latin-1")))


def _unknown(listener: Listener, address: str) -> Refusal:
    if listener.auth is ListenerAuth.NONE:
        text = f"{address} is not a device of this relay; add its address to devices"
        return Refusal(550, "5.7.1", text, ("devices",))
    if listener.auth is ListenerAuth.REQUIRED:
        text = "Authentication required: set user name and password in the device"
        return Refusal(530, "5.7.0", text, ("listener", "auth"))
    text = f"Authentication required: log in, or add address {address} to devices of this relay"
    return Refusal(530, "5.7.0", text, ("devices",))
