"""`relay healthcheck`: is the relay taking mail? Standard library only, and as little of it as possible.

It connects to the first listener and expects the greeting `220`. Like everything it reports: 0 healthy, 1 not.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

USAGE = """\
Usage: relay healthcheck [--address HOST:PORT]

  Connect to the relay and expect its greeting (220). Exit code 0: healthy, 1: not.

Options:
  --address HOST:PORT  Where the relay listens. [default: $RELAY_HEALTHCHECK or 127.0.0.1:2525]
"""
DEFAULT_ADDRESS = "127.0.0.1:2525"
TIMEOUT_S = 5.0


def healthcheck(arguments: list[str]) -> int:
    """Checks the address in `arguments`, else in $RELAY_HEALTHCHECK, else port 2525. Returns the exit code."""
    address = os.environ.get("RELAY_HEALTHCHECK") or DEFAULT_ADDRESS
    match arguments:
        case []:
            pass
        case ["--address", given]:
            address = given
        case [option] if option.startswith("--address="):
            address = option.removeprefix("--address=")
        case ["--help"]:
            print(USAGE, end="")
            return 0
        case _:
            print(f"{USAGE}\nError: not understood: {' '.join(arguments)}", file=sys.stderr)
            return 2
    return _report(address)


def _report(address: str) -> int:
    try:
        greeting = _greeting(address)
    except (OSError, ValueError) as error:
        print(f"unhealthy: {address}: {error}; is `relay serve` running and listening there?", file=sys.stderr)
        return 1
    if not greeting.startswith(b"220"):
        said = greeting.decode("ascii", "replace").strip() or "nothing"
        print(f"unhealthy: {address} said {said!r} instead of 220", file=sys.stderr)
        return 1
    print(f"healthy: {address}")
    return 0


def _greeting(address: str) -> bytes:
    """The first line from the relay. Raises OSError, or ValueError when the address isn't host:port."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), timeout=TIMEOUT_S) as connection:
        line = connection.makefile("rb").readline(1024)
        with contextlib.suppress(OSError):  # good manners; the greeting has told what there is to know
            connection.sendall(b"QUIT\r\n")
        return line
