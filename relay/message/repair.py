"""What Exchange needs and devices leave out: a trace field, Date, Message-ID, From (RFC 5321 §4.4, RFC 5322 §3.6).

Each is added once, when the message is accepted, and kept with it: every attempt sends the same octets, because
Exchange discards duplicates by Message-ID and date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from relay.message.header import field

_UNSAFE = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message came in; `at` is epoch seconds."""

    id: str
    at: float
    client: str
    helo: str
    hostname: str
    protocol: str


def received(arrival: Arrival) -> bytes:
    """The trace field; what the device said of itself is cut to printable ASCII."""
    helo = _UNSAFE.sub("", arrival.helo)[:128] or "unknown"
    client = f"IPv6:{arrival.client}" if ":" in arrival.client else arrival.client
    text = (
        f"Received: from {helo} ([{client}])\r\n\tby {arrival.hostname} with {arrival.protocol} id {arrival.id};\r\n"
        f"\t{_date(arrival)}\r\n"
    )
    return text.encode("ascii", "replace")


def missing(section: bytes, arrival: Arrival) -> tuple[bytes, tuple[str, ...]]:
    """The Date and Message-ID fields that a device left out, and the names of these repairs."""
    lines = b""
    names: list[str] = []
    if field(section, "Date") is None:
        lines += f"Date: {_date(arrival)}\r\n".encode()
        names.append("date-added")
    if field(section, "Message-ID") is None:
        lines += f"Message-ID: <{arrival.id}@{arrival.hostname}>\r\n".encode()
        names.append("message-id-added")
    return lines, tuple(names)


def _date(arrival: Arrival) -> str:
    return _written(int(arrival.at))


@lru_cache(maxsize=8)
def _written(at: int) -> str:
    """Many messages come in one second."""
    return format_datetime(datetime.fromtimestamp(at, UTC))
