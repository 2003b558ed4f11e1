"""`relay healthcheck`: what a container asks every half minute."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def greeter(line: bytes) -> Iterator[str]:
    """A server that greets once with the line; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(line)
                if line:
                    connection.recv(64)

        thread = threading.Thread(target=greet)
        thread.start()
        yield "{}:{}".format(*server.getsockname())
        thread.join(10)


@pytest.mark.parametrize("form", ["--address {}", "--address={}", ""])
def test_a_relay_that_greets_is_healthy(relay, form):
    """220 is health, whether the address is an option or comes from the environment."""
    with greeter(b"220 relay ESMTP\r\n") as address:
        ended = relay("healthcheck", *form.format(address).split(), env={} if form else {"RELAY_HEALTHCHECK": address})

    assert (ended.returncode, ended.stdout) == (0, f"healthy: {address}\n")


@pytest.mark.parametrize(("line", "said"), [(b"421 4.3.2 stopping\r\n", "421 4.3.2 stopping"), (b"", "nothing")])
def test_anything_but_220_is_unhealthy(relay, line, said):
    """The report says what came instead."""
    with greeter(line) as address:
        ended = relay("healthcheck", "--address", address)

    assert ended.returncode == 1
    assert f"said '{said}' instead of 220" in ended.stderr


def test_nobody_listening_is_unhealthy(relay, unused_port):
    """A closed port is named, with what to look at."""
    ended = relay("healthcheck", "--address", f"127.0.0.1:{unused_port}")

    assert ended.returncode == 1
    assert f"127.0.0.1:{unused_port}" in ended.stderr
    assert "is `relay serve` running" in ended.stderr


def test_a_wrong_option_is_wrong_usage(relay):
    """Code 2 and the usage."""
    ended = relay("healthcheck", "--adress", "x")

    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: relay healthcheck")
    assert ended.stderr.endswith("not understood: --adress x\n")


def test_it_costs_no_more_than_the_standard_library():
    """Neither click nor anything of the relay's dependencies is imported."""
    code = (
        "import sys; sys.argv = ['relay', 'healthcheck', '--help']\n"
        "from relay.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'click', 'pydantic', 'asyncio', 'ssl', 'yaml'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1] == "[]"
