"""The demo's three pretend devices: as whom the relay knows each, what it sends, and what must arrive of it."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from relay.sandbox.devices import Sent, Target, send_alarm, send_invoice, send_scan

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 4
COPIER_AT, PLC_AT, HERE = "127.0.0.2", "127.0.0.3", "127.0.0.1"
LOGIN = "erp"
NICE_PORT = 2525  # where the staying demo listens if it can
COPIER_FROM, ERP_FROM, PLC_FROM = "copier@printers.contoso.test", "invoicing@contoso.test", "tank3@plant.contoso.test"

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One pretend device; `send` blocks until it has its answer, or raises `GaveUpError`."""

    title: str
    known_by: str
    sends: str
    send: Callable[[Target], Sent]
    source: str = HERE
    tail: bytes = b""  # what the device puts between its text and the final dot

    def must_arrive(self, sent: Sent) -> bytes:
        """The body as Exchange has to get it: the very octets, every line ended by CRLF (RFC 5321 §2.3.8)."""
        return _LINE_END.sub(b"\r\n", sent.message + self.tail).partition(b"\r\n\r\n")[2]


def cast(password: str, *, several_addresses: bool = True) -> tuple[Part, ...]:
    """The devices in the order of their appearance; with one address only, two of them are known by the same."""
    copier_at, plc_at = (COPIER_AT, PLC_AT) if several_addresses else (HERE, HERE)
    return (
        Part(
            "a copier", f"known by its address alone, {copier_at}", f"a PDF scan of {PAGES} pages",
            partial(send_scan, sender=COPIER_FROM, recipients=("archive@contoso.test",), pages=PAGES), copier_at,
        ),
        Part(
            "a legacy application", f"known by AUTH LOGIN as {LOGIN}", "an invoice in Latin-1, one line of 1200 octets",
            partial(
                send_invoice, sender=ERP_FROM, recipients=("buyer@fabrikam.test",), username=LOGIN, password=password
            ),
        ),
        Part(
            "a PLC", f"known by its address alone, {plc_at}", "an alarm, with HELO of no name and bare line feeds",
            partial(send_alarm, sender=PLC_FROM, recipients=("duty@contoso.test",)), plc_at, b"\r\n",
        ),
    )  # fmt: skip


def has_several_addresses() -> bool:
    """Whether all of 127.0.0.0/8 is this machine, as on Linux; elsewhere only 127.0.0.1 is."""
    try:
        for address in (COPIER_AT, PLC_AT):
            with socket.socket() as probe:
                probe.bind((address, 0))
    except OSError:
        return False
    return True
