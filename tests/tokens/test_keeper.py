"""One question for many, a good token while there is one, and no storm on Entra."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from relay.tokens.keeper import Keeper
from relay.tokens.source import Token, TokenError


class Issuer:
    """Gives numbered tokens of an hour, or what `troubles` holds; waits at `gate` where it is closed."""

    def __init__(self, clock):
        self.clock = clock
        self.troubles = []
        self.questions = 0
        self.forgotten = 0
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()

    def acquire(self):
        self.questions += 1
        self.threads.add(threading.current_thread())
        number = self.questions
        self.gate.wait(10)
        if self.troubles:
            raise self.troubles.pop(0)
        return Token(f"token-{number}", self.clock() + 3600)

    def forget(self):
        self.forgotten += 1


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def issuer(clock):
    return Issuer(clock)


@pytest.fixture
def keeper(issuer, clock):
    return Keeper(issuer, grace_s=300, clock=clock)


async def test_one_question_for_all_who_wait(keeper, issuer):
    """Fifty ask at once: Entra is asked once, off the loop's thread, and all get the same token."""
    tokens = await asyncio.gather(*(keeper.token() for _ in range(50)))

    assert {token.value for token in tokens} == {"token-1"}
    assert issuer.questions == 1
    assert threading.current_thread() not in issuer.threads


async def test_a_waiter_that_gives_up_takes_nobody_with_it(keeper, issuer):
    """The first one to ask is cancelled; the second still gets the answer to the same question."""
    issuer.gate.clear()
    first, second = (asyncio.ensure_future(keeper.token()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    issuer.gate.set()

    assert (await second).value == "token-1"
    assert first.cancelled()
    assert issuer.questions == 1


async def test_a_question_nobody_waits_for_still_counts(keeper, issuer):
    """All waiters gone: the answer is kept for the next one."""
    issuer.gate.clear()
    only = asyncio.ensure_future(keeper.token())
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.wait([only])
    issuer.gate.set()

    assert (await keeper.token()).value == "token-1"
    assert issuer.questions == 1


async def test_a_token_is_kept_until_the_grace_time(keeper, issuer, clock):
    """With more than the grace time left it is the same token, with less a new one is asked for."""
    await keeper.token()
    clock.now += 3299
    kept = await keeper.token()
    clock.now += 2
    fresh = await keeper.token()

    assert [kept.value, fresh.value] == ["token-1", "token-2"]


async def test_while_entra_fails_the_last_token_serves_to_its_end(keeper, issuer, clock):
    """Inside the grace time a failed question costs nothing but a pause; after the end it is an error."""
    first = await keeper.token()
    issuer.troubles = [TokenError("unreachable", "down")] * 9
    clock.now = first.expires_at - 100
    during = [await keeper.token() for _ in range(5)]

    assert {token.value for token in during} == {"token-1"}
    assert issuer.questions == 2
    clock.now = first.expires_at + 1
    with pytest.raises(TokenError, match="down"):
        await keeper.token()


async def test_after_the_pause_entra_is_asked_again(keeper, issuer, clock):
    """The pause is what Entra named in Retry-After, and a new token ends it."""
    first = await keeper.token()
    issuer.troubles = [TokenError("temporarily_unavailable", "busy", retry_after=60)]
    clock.now = first.expires_at - 200
    assert (await keeper.token()).value == "token-1"
    clock.now += 59
    assert (await keeper.token()).value == "token-1"
    clock.now += 2

    assert (await keeper.token()).value == "token-3"
    assert issuer.questions == 3


async def test_a_named_time_is_obeyed_without_a_token_too(keeper, issuer, clock):
    """Retry-After, and nothing to serve meanwhile: the same error, no question, until it is over; an hour at most."""
    issuer.troubles = [TokenError("bad_answer", "429", status=429, retry_after=86_400)]
    with pytest.raises(TokenError, match="429"):
        await keeper.token()
    clock.now += 3599
    with pytest.raises(TokenError, match="429"):
        await keeper.token()
    assert issuer.questions == 1
    clock.now += 2

    assert (await keeper.token()).value == "token-2"


async def test_a_refused_token_does_not_break_a_named_time(keeper, issuer, clock):
    """Entra asked to wait, then Exchange refuses the last token: Entra is still not asked before."""
    last = await keeper.token()
    clock.now = last.expires_at - 200
    issuer.troubles = [TokenError("bad_answer", "429", status=429, retry_after=60)]
    await keeper.token()
    keeper.refused(last)
    with pytest.raises(TokenError, match="429"):
        await keeper.token()

    assert issuer.questions == 2


async def test_a_token_that_serves_on_is_told(issuer, clock):
    """Each failed question while the last token lives is told with what is left of it; one without a token is not."""
    told = []
    keeper = Keeper(issuer, grace_s=300, clock=clock, on_kept=lambda error, left: told.append((error.error, left)))
    last = await keeper.token()
    for left in (200, 100, -1):
        issuer.troubles = [TokenError("unreachable", "down")]
        clock.now = last.expires_at - left
        with contextlib.suppress(TokenError):
            await keeper.token()

    assert told == [("unreachable", 200), ("unreachable", 100)]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(keeper, issuer):
    """Each waiter gets the error; the next question is asked anew."""
    issuer.troubles = [TokenError("invalid_client", "AADSTS7000222", codes=(7000222,))]
    errors = await asyncio.gather(*(keeper.token() for _ in range(3)), return_exceptions=True)

    assert [error.codes for error in errors] == [(7000222,)] * 3
    assert (await keeper.token()).value == "token-2"


async def test_a_refused_token_is_dropped_once(keeper, issuer):
    """The next one is new; a late report about the old one does not drop it."""
    old = await keeper.token()
    keeper.refused(old)
    new = await keeper.token()
    keeper.refused(old)

    assert new.value == "token-2"
    assert await keeper.token() == new
    assert issuer.forgotten == 1


async def test_the_deadline_ends_the_waiting(issuer, clock):
    """A question that hangs is an error in time, and the next one does not wait behind it."""
    keeper = Keeper(issuer, grace_s=300, deadline_s=0.05, clock=clock)
    issuer.gate.clear()
    with pytest.raises(TokenError, match=r"0\.05 s") as caught:
        await keeper.token()
    issuer.gate.set()

    assert caught.value.error == "timeout"
    assert (await keeper.token()).value == "token-2"


async def test_each_fetched_token_is_told(issuer, clock):
    """The journal hears how long it took and how long the token lives; a kept one is not told again."""
    told = []
    keeper = Keeper(issuer, grace_s=300, clock=clock, on_fetched=lambda ms, left: told.append((ms >= 0, left)))
    for _ in range(2):
        await keeper.token()

    assert told == [(True, 3600)]


async def test_an_unforeseen_error_is_a_token_error(keeper, issuer):
    """Whatever is raised in the thread, the caller learns it as `TokenError`."""
    issuer.troubles = [ZeroDivisionError("division by zero")]

    with pytest.raises(TokenError, match="ZeroDivisionError"):
        await keeper.token()
