"""Blocking calls that keep out of the way of mail, whose bodies and logins are read by the threads of one small pool.

`aside` is for what waits for others: a thread of its own neither fills the pool nor holds up the end. `Turns` is for
disk and processor: however many ask for pages, a few threads of the pool work for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
P = ParamSpec("P")


class Turns:
    """Who comes waits for a turn, in the order of coming."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    async def work(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns or raises."""
        async with self._free:
            return await asyncio.to_thread(call, *args, **kwargs)


async def aside(call: Callable[[], T], name: str) -> T:
    """What the call returns or raises. Cancelled, it leaves the thread to itself."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not answer.done():
            outcome()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
            _tell(loop, settle, lambda error=error: answer.set_exception(error))  # type: ignore[misc]
        else:
            _tell(loop, settle, lambda: answer.set_result(result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await answer


def _tell(
    loop: asyncio.AbstractEventLoop, settle: Callable[[Callable[[], None]], None], outcome: Callable[[], None]
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
        loop.call_soon_threadsafe(settle, outcome)
