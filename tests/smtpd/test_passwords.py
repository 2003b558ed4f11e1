"""Hashed passwords: right, wrong, remembered for a while, and never a burden on the event loop."""

from __future__ import annotations

import asyncio
import threading

from relay.config.password import hashed, matches
from relay.config.settings import Login
from relay.smtpd.passwords import Passwords

LINE = hashed("secret")


def login(line: str = LINE, username: str = "erp") -> Login:
    return Login.model_validate({"username": username, "password_hash": line})


class Counter:
    """Counts what was worked out, and where."""

    def __init__(self) -> None:
        self.calls = 0
        self.at_once = self.most = 0
        self.threads: set[int] = set()
        self._lock = threading.Lock()

    def __call__(self, line: str, password: str) -> bool:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.threads.add(threading.get_ident())
        right = matches(line, password)
        with self._lock:
            self.at_once -= 1
        return right


async def test_a_right_password_is_worked_out_once_and_a_wrong_one_each_time() -> None:
    """Only what was right is remembered; nobody gets in by what somebody else typed."""
    count = Counter()
    passwords = Passwords(check=count)
    assert [await passwords.right(login(), "secret") for _ in range(5)] == [True] * 5
    assert count.calls == 1
    assert [await passwords.right(login(), "Secret") for _ in range(2)] == [False] * 2
    assert count.calls == 3
    assert await passwords.right(login(username="other"), "secret")
    assert count.calls == 4


async def test_ten_minutes_later_it_is_worked_out_again() -> None:
    """A password is not remembered for ever."""
    now = [0.0]
    count = Counter()
    passwords = Passwords(clock=lambda: now[0], check=count)
    for now[0] in (0.0, 599.0, 601.0):
        assert await passwords.right(login(), "secret")
    assert count.calls == 2


async def test_a_changed_password_counts_at_once() -> None:
    """After a reload the old one is wrong, however fresh the memory."""
    passwords = Passwords()
    assert await passwords.right(login(), "secret")
    assert not await passwords.right(login(hashed("new")), "secret")


async def test_a_fleet_that_logs_in_at_the_same_moment_costs_two_hashes() -> None:
    """They are worked out in threads, two at a time; who waits is served by what those before found."""
    count = Counter()
    passwords = Passwords(check=count)
    assert all(await asyncio.gather(*(passwords.right(login(), "secret") for _ in range(100))))
    assert count.calls <= 2
    assert threading.get_ident() not in count.threads


async def test_guessers_never_have_more_than_two_threads() -> None:
    """Whatever they try."""
    count = Counter()
    passwords = Passwords(check=count)
    assert not any(await asyncio.gather(*(passwords.right(login(), f"guess {n}") for n in range(12))))
    assert (count.calls, count.most) == (12, 2)


async def test_what_is_remembered_is_bounded() -> None:
    """The oldest is forgotten."""
    count = 0

    def right(_line: str, _password: str) -> bool:
        nonlocal count
        count += 1
        return True

    passwords = Passwords(check=right)
    for n in range(4097):
        await passwords.right(login(), str(n))
    await passwords.right(login(), "4096")
    assert count == 4097
    await passwords.right(login(), "0")
    assert count == 4098
