"""May this client, so authenticated, submit this? Yes (None), or the reply that says why not and what to do.

Devices show these texts on small panels and administrators read them in the log: one ASCII line, the remedy in it.
Only reply codes that devices know are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.config.settings import ListenerAuth, ListenerTls
from relay.message.reply import Reply

if TYPE_CHECKING:
    from relay.config.settings import Listener
    from relay.message.address import Address
    from relay.policy.routing import Known


@dataclass(frozen=True, slots=True)
class Client:
    """What a session knows of the other side at the moment of asking."""

    address: str
    encrypted: bool
    known: Known | None


def must_encrypt(listener: Listener, client: Client) -> Reply | None:
    """Before AUTH and MAIL: a listener with `tls: required` takes nothing in clear."""
    if listener.tls is ListenerTls.REQUIRED and not client.encrypted:
        return Reply(530, "5.7.0", "Must issue a STARTTLS command first")
    return None


def may_send(listener: Listener, client: Client, size: int | None, limit: int) -> Reply | None:
    """The answer to MAIL: `size` is what the device announced with SIZE=, `limit` the largest message in octets."""
    refusal = must_encrypt(listener, client)
    if refusal is None and client.known is None:
        refusal = _unknown(listener, client.address)
    if refusal is None and size is not None and size > limit:
        refusal = too_large(limit)
    return refusal


def may_write_to(client: Client, recipient: Address, count: int, limit: int) -> Reply | None:
    """The answer to RCPT: `count` recipients were taken before this one."""
    if recipient.is_null:
        return Reply(501, "5.1.3", "A recipient is needed")
    if not recipient.domain or not recipient.local:
        return Reply(550, "5.1.3", "The recipient needs a complete address, name@domain")
    if client.known is None or not client.known.may_write_to(recipient):
        who = client.known.name if client.known else client.address
        return Reply(550, "5.7.1", f"Recipient not allowed for {who}; see recipients of this device in the relay")
    if count >= limit:
        return Reply(452, "4.5.3", f"Too many recipients, at most {limit} in one message")
    return None


def too_large(limit: int) -> Reply:
    """The message is larger than the relay takes."""
    return Reply(552, "5.3.4", f"Message too large, at most {limit} bytes; scan with a lower resolution")


def _unknown(listener: Listener, address: str) -> Reply:
    if listener.auth is ListenerAuth.NONE:
        return Reply(550, "5.7.1", f"{address} is not a device of this relay; add its address to devices")
    if listener.auth is ListenerAuth.REQUIRED:
        return Reply(530, "5.7.0", "Authentication required: set user name and password in the device")
    return Reply(530, "5.7.0", f"Authentication required: log in, or add address {address} to devices of this relay")
