"""What the benchmark asks of a peer: start, tell when the first 220 came, be measured, stop."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from bench.certificates import Certificates

SESSIONS = 3  # what Exchange Online allows a mailbox at once; both peers are told so
_GREETING_DEADLINE_S = 30


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a peer is given: an empty directory of its own, the fake cloud's ports and its CA."""

    folder: Path
    smtp_port: int
    entra_port: int
    certificates: Certificates


class Peer(Protocol):
    """A running mail relay."""

    port: int
    pid: int
    """The process whose family is measured."""
    start_s: float
    """Seconds from the command that starts it to its first 220."""

    def stop(self) -> None:
        """Ends every process it started; what it still had queued is lost with its directory."""
        ...

    def said(self) -> str:
        """The end of its log, for the message of an error."""
        ...


class PeerError(Exception):
    """A peer did not do what a measurement needs; the message holds its own words."""


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_greeting(port: int) -> None:
    """Returns at the first 220 on this port. Raises `PeerError` after half a minute."""
    deadline = time.monotonic() + _GREETING_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_GREETING_DEADLINE_S) as connection:
                if connection.recv(512).startswith(b"220"):
                    return
        except OSError:  # not listening yet
            time.sleep(0.002)
    raise PeerError(f"nobody greeted on port {port} within {_GREETING_DEADLINE_S} s")
