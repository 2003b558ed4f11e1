"""Sockets: those that systemd has opened for the relay (sd_listen_fds(3)), and those the relay opens itself."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from relay.config.settings import Listener

_FIRST = 3  # SD_LISTEN_FDS_START
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Passed:
    """The sockets that came from systemd, by their names; each is given away once."""

    def __init__(self, sockets: list[tuple[str, socket.socket]]) -> None:
        self._sockets = sockets

    def take(self, listener: Listener) -> list[socket.socket]:
        """Those meant for a listener, by name (`fd:NAME`) or by address; none if none is.

        Raises `OSError` when the listener names a socket that did not come.
        """
        mine = [item for item in self._sockets if _is_for(listener, *item)]
        if not mine and listener.activated is not None:
            names = ", ".join(sorted({name for name, _ in self._sockets})) or "none"
            raise OSError(
                f"can't listen on {listener.listen}: systemd passed no TCP socket of that name (passed: {names}); set "
                f"FileDescriptorName={listener.activated} in the socket unit, and start the relay by it"
            )
        self._sockets = [item for item in self._sockets if item not in mine]
        return [passed for _, passed in mine]

    def left(self) -> list[str]:
        """The addresses of those that no listener took, so that somebody can be told."""
        return [f"{name} ({printed(passed.getsockname())})" for name, passed in self._sockets]


def passed_sockets(environment: MutableMapping[str, str] = os.environ) -> Passed:
    """What systemd left for this process. The variables are taken away: a child must not believe they are for it."""
    pid, count, names = (environment.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdecimal():
        return Passed([])
    known = names.split(":") if names else []
    sockets = []
    for number in range(int(count)):
        os.set_inheritable(_FIRST + number, False)
        passed = socket.socket(fileno=_FIRST + number)
        passed.setblocking(False)
        sockets.append((known[number] if number < len(known) else "unknown", passed))
    return Passed(sockets)


def bound(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Listening sockets for a host and port: several where a name has several addresses. Raises `OSError`."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            # dualstack_ipv6 stays off: [::]:25 and 0.0.0.0:25 are two listeners, each with rules of its own.
            sockets.append(socket.create_server(address[:2], family=family, backlog=backlog))
            sockets[-1].setblocking(False)
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def printed(name: tuple[str, int] | tuple[str, int, int, int] | str) -> str:
    """A socket's address as the configuration writes it; of a socket in the file system, its path."""
    if isinstance(name, str):
        return name
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _is_for(listener: Listener, name: str, passed: socket.socket) -> bool:
    if passed.type != socket.SOCK_STREAM or passed.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    if listener.activated is not None:
        return name == listener.activated
    address = passed.getsockname()
    return (address[0], address[1]) == (listener.host, listener.port)
