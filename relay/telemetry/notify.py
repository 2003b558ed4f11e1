"""Tells systemd how the service is (sd_notify(3)); without systemd, nothing happens."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(*states: str) -> None:
    """Sends states such as `READY=1` or `STATUS=…` to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto("\n".join(states).encode(), address)


def reloading() -> None:
    """Says that a reload is under way, with the clock systemd wants beside it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s() -> float:
    """Within how many seconds systemd wants WATCHDOG=1 of this process (sd_watchdog_enabled(3)); 0: it does not."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not wanted.isdecimal() or not os.environ.get("NOTIFY_SOCKET") or pid not in ("", str(os.getpid())):
        return 0.0
    return int(wanted) / 1_000_000
