"""The server that catches a browser's answer, when answers come late, twice, or find a mistake of ours."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from relay.control.callback import Callback

WAIT_S = 20


class SignIn:
    """Stands for an authorization: its answer is looked at for as long as the test likes."""

    def __init__(self, outcome=("signed in",)):
        self.outcome = outcome
        self.looks, self.go_on = threading.Event(), threading.Event()
        self.answers = []

    def is_mine(self, answer):
        return answer["state"] == "right"

    def finish(self, answer):
        self.answers.append(answer)
        self.looks.set()
        assert self.go_on.wait(WAIT_S)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return list(self.outcome)


@pytest.fixture
def browser():
    """Asks from a thread of its own: `browser(callback, "code=x")`."""
    with ThreadPoolExecutor() as threads:

        def ask(callback, query="code=x&state=right"):
            return threads.submit(requests.get, f"http://127.0.0.1:{callback.port}/?{query}", timeout=WAIT_S)

        yield ask


def test_an_answer_that_is_being_looked_at_counts_though_the_time_is_over(browser):
    """What is kept is never said to be nothing."""
    sign_in = SignIn()
    with Callback(sign_in, "127.0.0.1", 0) as callback:
        page = browser(callback)
        assert sign_in.looks.wait(WAIT_S)
        threading.Timer(0.2, sign_in.go_on.set).start()
        assert callback.wait(0.01) == ["signed in"]
        assert page.result().status_code == 200


def test_an_answer_after_the_time_changes_nothing(browser):
    """The page says that it is over, and the sign-in is not looked at."""
    sign_in = SignIn()
    with Callback(sign_in, "127.0.0.1", 0) as callback:
        assert callback.wait(0.01) is None
        assert browser(callback).result().status_code == 410
    assert sign_in.answers == []


def test_an_answer_counts_once(browser):
    """A page that is loaded again does not use the code again."""
    sign_in = SignIn()
    sign_in.go_on.set()
    with Callback(sign_in, "127.0.0.1", 0) as callback:
        statuses = sorted(page.result().status_code for page in [browser(callback) for _ in range(4)])
        assert callback.wait(WAIT_S) == ["signed in"]
    assert statuses == [200, 410, 410, 410]
    assert len(sign_in.answers) == 1


def test_a_mistake_of_ours_is_raised_where_it_is_seen(browser):
    """Nobody waits for a thread that has ended."""
    sign_in = SignIn(ZeroDivisionError("oops"))
    sign_in.go_on.set()
    with Callback(sign_in, "127.0.0.1", 0) as callback:
        page = browser(callback)
        with pytest.raises(ZeroDivisionError):
            callback.wait(WAIT_S)
        assert page.result().status_code == 500


def test_connections_that_say_nothing_or_nonsense_keep_nobody_waiting(browser):
    """Browsers open connections ahead of need; port scanners speak TLS to us."""
    sign_in = SignIn()
    sign_in.go_on.set()
    with Callback(sign_in, "127.0.0.1", 0) as callback:
        idle = [socket.create_connection(("127.0.0.1", callback.port)) for _ in range(5)]
        idle[0].sendall(b"\x16\x03\x01\x00\xa5\x01\x00")
        idle[1].sendall(b"GET / HTTP/1.1\r\nContent-Le")
        assert browser(callback).result().status_code == 200
        assert callback.wait(WAIT_S) == ["signed in"]
    for connection in idle:
        connection.close()


def test_an_address_of_ipv6_is_listened_on_too(browser):
    """--listen [::1]:0."""
    with Callback(SignIn(), "::1", 0) as callback:
        assert requests.get(f"http://[::1]:{callback.port}/", timeout=WAIT_S).status_code == 404
