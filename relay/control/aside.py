"""A blocking call in a thread of its own: it neither fills the pool that reads the spool nor holds up the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


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
