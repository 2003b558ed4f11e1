"""Blocking calls beside the loop: a few at a time."""

from __future__ import annotations

import asyncio
import threading

from relay.control.aside import Turns


async def test_however_many_ask_a_few_threads_work_for_them() -> None:
    """Those that wait for a turn hold no thread: the pool is there for bodies and logins."""
    turns, lock, go = Turns(2), threading.Lock(), threading.Event()
    at_work, most, begun = 0, 0, threading.Semaphore(0)

    def work(number: int) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        begun.release()
        go.wait(20)
        with lock:
            at_work -= 1
        return number

    asked = [asyncio.create_task(turns.work(work, number)) for number in range(100)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=20)
    go.set()
    assert await asyncio.gather(*asked) == list(range(100))
    assert most == 2
