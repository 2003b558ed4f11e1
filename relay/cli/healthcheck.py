"""`relay healthcheck`: is the relay taking mail? Standard library only, and as little of it as possible.

It connects to the first listener and expects the greeting `220`; with `--ready` it asks `/readyz` instead, which knows
more. Exit code 0: healthy, 1: not, whatever the reason (Docker's HEALTHCHECK reserves 2 and knows no other).
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPConnection

USAGE = """\
Usage: relay healthcheck [--ready] [--address HOST:PORT]

  Connect to the relay and expect its greeting (220). Exit code 0: healthy, 1: not, whatever the
  reason, a relay out of reach too: Docker knows these two alone.

Options:
  --ready              Ask /readyz (http.listen) instead: it says why no mail is taken.
  --address HOST:PORT  Where the relay listens. [default: $RELAY_HEALTHCHECK or 127.0.0.1:2525; with --ready
                       127.0.0.1:8925] With http.tls: https://127.0.0.1:8925.

Examples:
  relay healthcheck
  relay healthcheck --ready  # why is no mail taken?
"""
DEFAULT_ADDRESS = "127.0.0.1:2525"
READY_ADDRESS = "127.0.0.1:8925"  # relay.config.dashboard.Http
TIMEOUT_S = 5.0
_MOST = 65_536


def healthcheck(arguments: list[str]) -> int:
    """Checks the address in `arguments`, else in $RELAY_HEALTHCHECK, else the default one. Returns the exit code."""
    ready = "--ready" in arguments
    address = READY_ADDRESS if ready else os.environ.get("RELAY_HEALTHCHECK") or DEFAULT_ADDRESS
    match [argument for argument in arguments if argument != "--ready"]:
        case []:
            pass
        case ["--address", given]:
            address = given
        case [option] if option.startswith("--address="):
            address = option.removeprefix("--address=")
        case ["--help" | "-h"]:
            print(USAGE, end="")
            return 0
        case _:
            print(f"{USAGE}\nError: not understood: {' '.join(arguments)}", file=sys.stderr)
            return 2
    return _report_ready(address) if ready else _report(address)


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


def _report_ready(address: str) -> int:
    try:
        status, said = _readiness(address)
    except (OSError, ValueError) as error:
        print(f"not ready: {address}: {error}; is `relay serve` running, with its http.listen there?", file=sys.stderr)
        return 1
    if status != 200:
        print(f"not ready: {address} answered {status}: {said}", file=sys.stderr)
        return 1
    print(f"ready: {address}")
    return 0


def _readiness(address: str) -> tuple[int, str]:
    """The status of /readyz and what it says. Raises OSError, or ValueError where no HTTP is spoken."""
    from http.client import HTTPException

    connection = _connection(address)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, " ".join(answer.read(_MOST).decode("utf-8", "replace").split())
    except HTTPException as error:
        raise ValueError(f"this is no HTTP: {error!r}") from error
    finally:
        connection.close()


def _connection(address: str) -> HTTPConnection:
    """In clear, or with https:// before it (http.tls); whose certificate it is does not matter here."""
    from http.client import HTTPConnection, HTTPSConnection

    if not address.startswith("https://"):
        return HTTPConnection(*_host_and_port(address.removeprefix("http://")), timeout=TIMEOUT_S)
    import ssl

    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(*_host_and_port(address.removeprefix("https://")), timeout=TIMEOUT_S, context=unverified)


def _host_and_port(address: str) -> tuple[str, int]:
    """Raises ValueError when the address isn't host:port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def _greeting(address: str) -> bytes:
    """The first line from the relay. Raises OSError, or ValueError when the address isn't host:port."""
    with socket.create_connection(_host_and_port(address), timeout=TIMEOUT_S) as connection:
        line = connection.makefile("rb").readline(1024)
        with contextlib.suppress(OSError):  # good manners; the greeting has told what there is to know
            connection.sendall(b"QUIT\r\n")
        return line
