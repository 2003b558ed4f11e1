"""`relay healthcheck`: what a container asks every half minute."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from relay.cli.healthcheck import READY_ADDRESS
from relay.config.dashboard import Http

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
                    connection.recv(4096)

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
    """A closed port is named, with what to look at; the code is 1 as Docker wants it, and not 69."""
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


READY = b'HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{"ready":true,"reasons":[]}\n'
FULL = b'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n{"ready":false,"reasons":["the disk is full"]}'


@pytest.mark.parametrize("form", ["--ready --address {}", "--address={} --ready"])
def test_a_relay_that_takes_mail_is_ready(relay, form):
    """200 of /readyz; the variable of the other question does not count."""
    with greeter(READY) as address:
        ended = relay("healthcheck", *form.format(address).split(), env={"RELAY_HEALTHCHECK": "127.0.0.1:1"})

    assert (ended.returncode, ended.stdout) == (0, f"ready: {address}\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(FULL, 'answered 503: {"ready":false,"reasons":["the disk is full"]}'), (b"220 relay ESMTP\r\n", "no HTTP")],
)
def test_whatever_else_answers_is_not_ready(relay, answer, said):
    """What /readyz says is shown; so is that the port is another's."""
    with greeter(answer) as address:
        ended = relay("healthcheck", "--ready", "--address", address)

    assert ended.returncode == 1
    assert said in ended.stderr


def test_ready_asks_where_the_pages_are_by_default():
    """The default is that of http.listen."""
    assert Http().listen == READY_ADDRESS
