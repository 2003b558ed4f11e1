"""Guessing is slow and soon over; a right password never waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.bruteforce import (
    FORGOTTEN_AFTER_S,
    LONGEST_BLOCK_S,
    LONGEST_DELAY_S,
    NEIGHBOURS,
    SPRAYED,
    BruteForce,
    Patience,
    place_of,
)

PATIENCE = Patience(failures=10, block_s=300)
COPIER = ("10.0.2.17", "copier")


def guess(guard: BruteForce, times: int, who: tuple[str, str] = COPIER, now: float = 0.0) -> list[float]:
    """So many failures at one moment; the delays they cost."""
    return [guard.failed(*who, now, PATIENCE) for _ in range(times)]


def test_each_failure_is_answered_later_than_the_one_before() -> None:
    """Up to eight seconds: devices give up at twenty."""
    assert guess(BruteForce(), 7) == [0, 1, 2, 4, 8, 8, 8]


def test_trying_another_name_each_time_is_no_faster() -> None:
    """The address is what waits."""
    guard = BruteForce()
    assert [guard.failed("10.0.2.17", f"guess{n}", 0, PATIENCE) for n in range(5)] == [0, 1, 2, 4, 8]


def test_ten_failures_close_the_door_for_five_minutes() -> None:
    """The ninth does not, and the door opens again by itself."""
    guard = BruteForce()
    guess(guard, 9)
    assert guard.blocked_s(*COPIER, 0) == 0
    guess(guard, 1)
    assert guard.blocked_s(*COPIER, 0) == 300
    assert guard.blocked_s(*COPIER, 299) == 1
    assert guard.blocked_s(*COPIER, 300) == 0


def test_every_failure_after_a_block_closes_it_for_twice_as_long_up_to_an_hour() -> None:
    """A device with a wrong password asks a dozen times a day, not a thousand times an hour."""
    guard, now, blocks = BruteForce(), 0.0, []
    guess(guard, 9)
    for _ in range(7):
        guess(guard, 1, now=now)
        blocks.append(guard.blocked_s(*COPIER, now))
        now += blocks[-1]
    assert blocks == [300, 600, 1200, 2400, 3600, 3600, 3600]


def test_a_right_password_forgets_the_failures() -> None:
    """Nine wrong, one right, nine wrong: never blocked."""
    guard = BruteForce()
    guess(guard, 9)
    guard.succeeded(*COPIER)
    guess(guard, 9)
    assert guard.blocked_s(*COPIER, 0) == 0


def test_failures_are_forgotten_an_hour_after_the_last() -> None:
    """Somebody who mistypes once a day is never blocked."""
    guard = BruteForce()
    for day in range(100):
        assert guess(guard, 1, now=day * FORGOTTEN_AFTER_S) == [0]
    assert guard.blocked_s(*COPIER, 99 * FORGOTTEN_AFTER_S) == 0


def test_other_names_and_other_addresses_do_not_wait() -> None:
    """Only the door that was knocked at is closed."""
    guard = BruteForce()
    guess(guard, 10)
    assert guard.blocked_s("10.0.2.17", "erp", 0) == 0
    assert guard.blocked_s("10.0.2.18", "copier", 0) == 0


def test_trying_many_names_closes_the_address_but_not_for_those_who_logged_in_there() -> None:
    """A print server with one infected neighbour behind the same router goes on working."""
    guard = BruteForce()
    guard.succeeded("10.0.2.17", "printserver")
    for n in range(PATIENCE.failures * SPRAYED):
        guess(guard, 1, ("10.0.2.17", f"guess{n}"))
    assert guard.blocked_s("10.0.2.17", "another", 0) == 300
    assert guard.blocked_s("10.0.2.17", "printserver", 0) == 0
    assert guard.blocked_s("10.0.2.99", "another", 0) == 0


def test_a_known_password_does_not_open_the_address_for_guessing_others() -> None:
    """Its owner could otherwise log in now and then, and go on for ever."""
    guard = BruteForce()
    for n in range(PATIENCE.failures * SPRAYED):
        guess(guard, 1, ("10.0.2.17", f"guess{n}"))
        guard.succeeded(*COPIER)
    assert guard.blocked_s("10.0.2.17", "guess", 0) == 300


def test_one_device_with_a_wrong_password_never_closes_its_address_for_others() -> None:
    """It asks again every minute for three days; while its own door is closed nothing is counted."""
    guard = BruteForce()
    for minute in range(3 * 24 * 60):
        now = minute * 60.0
        if not guard.blocked_s(*COPIER, now):
            guess(guard, 1, now=now)
        if not minute % 480:  # the others are there from the first day on
            assert guard.blocked_s("10.0.2.17", "erp", now) == 0
            guard.succeeded("10.0.2.17", "erp")
        assert guard.blocked_s("10.0.2.17", "erp", now) == 0


@pytest.mark.parametrize(
    ("client", "place"),
    [
        ("10.0.2.17", "10.0.2.17"),
        ("::ffff:10.0.2.17", "10.0.2.17"),
        ("2001:db8:1:2::3", "2001:0db8:0001:0002::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("local", "local"),
    ],
)
def test_a_host_of_ipv6_is_one_place_whatever_address_it_takes(client: str, place: str) -> None:
    """It has 2^64 of them."""
    assert place_of(client) == place


def test_a_host_that_takes_another_address_for_each_guess_is_stopped_too() -> None:
    """Its /64 is closed, but for those who logged in from there: a whole LAN shares it, so it takes more."""
    guard = BruteForce()
    guard.succeeded("2001:db8::1", "copier")
    for n in range(PATIENCE.failures * SPRAYED * NEIGHBOURS):
        assert guard.blocked_s(f"2001:db8::{n:x}", "erp", 0) == 0
        guess(guard, 1, (f"2001:db8::{n:x}", "erp"))
    assert guard.blocked_s("2001:db8::abcd", "erp", 0) == 300
    assert guard.blocked_s("2001:db8::1", "copier", 0) == 0
    assert guard.blocked_s("2001:db8:0:1::abcd", "erp", 0) == 0


def test_a_neighbour_in_an_ipv6_lan_closes_only_its_own_door() -> None:
    """Whatever it tries with the name of another device."""
    guard = BruteForce()
    guess(guard, 20, ("2001:db8::bad", "copier"))
    assert guard.blocked_s("2001:db8::1", "copier", 0) == 0


names = st.sampled_from(["copier", "erp", "nobody"])
clients = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"])
tries = st.lists(st.tuples(clients, names, st.booleans(), st.floats(0, 4000)), max_size=200)


@given(tries)
def test_who_never_fails_never_waits(history: list[tuple[str, str, bool, float]]) -> None:
    """Whatever others do: a copier that logs in correctly a thousand times is never blocked."""
    guard, now = BruteForce(), 0.0
    guard.succeeded("10.0.0.1", "good")
    for client, name, right, gap in history:
        now += gap
        if guard.blocked_s(client, name, now):
            continue
        if right:
            guard.succeeded(client, name)
        else:
            guard.failed(client, name, now, PATIENCE)
        assert guard.blocked_s("10.0.0.1", "good", now) == 0
        guard.succeeded("10.0.0.1", "good")


@given(tries, st.integers(1, 20), st.floats(1, 10_000))
def test_delays_and_blocks_are_bounded(
    history: list[tuple[str, str, bool, float]], failures: int, block: float
) -> None:
    """No answer is held for longer than eight seconds, no door for longer than an hour or what is configured."""
    guard, now, patience = BruteForce(), 0.0, Patience(failures, block)
    for client, name, _, gap in history:
        now += gap
        assert 0 <= guard.failed(client, name, now, patience) <= LONGEST_DELAY_S
        assert guard.blocked_s(client, name, now) <= max(block, LONGEST_BLOCK_S) + 1e-6


@given(st.integers(1, 50), st.lists(st.tuples(st.ip_addresses(), st.text(max_size=3)), max_size=150))
def test_what_is_remembered_is_bounded(most: int, everybody: list[tuple[object, str]]) -> None:
    """However many addresses and names somebody tries."""
    guard = BruteForce(most)
    for address, name in everybody:
        guard.failed(str(address), name, 0, PATIENCE)
        assert len(guard) <= 2 * most


@given(st.integers(0, 2**32 - 1))
def test_the_oldest_is_forgotten_first(number: int) -> None:
    """The door knocked at last stays closed."""
    guard = BruteForce(2)
    for n in range(3):
        guess(guard, 10, (f"10.0.0.{n}", str(number)))
    assert [guard.blocked_s(f"10.0.0.{n}", str(number), 0) for n in range(3)] == [0, 300, 300]
