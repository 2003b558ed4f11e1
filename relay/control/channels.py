"""Notifications on their way out: a queue for each channel, so that a dead one holds up neither mail nor the others.

A send runs in a thread of its own that is given up when it takes too long, and is tried again a few times. What fails
for good is told in the journal; the address of a channel, which is a secret, never is.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from relay.config.secret import SecretError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.config.secret import SecretRef
    from relay.telemetry.journal import Journal

T = TypeVar("T")
SEND_S = 20.0
WAITS_S = (2.0, 15.0, 120.0)
MOST_WAITING = 50
REMEDY = "try it with `relay notify test`; look at the address, at the way out (outgoing.https_proxy) and there"


@dataclass(frozen=True, slots=True)
class Note:
    """One notification as it is sent: `about` names what it is about, `kind` is trouble, over or news."""

    about: str
    title: str
    body: str
    kind: str


class Channels:
    """Sends notes. Belongs to one event loop."""

    def __init__(
        self,
        journal: Journal,
        waits_s: tuple[float, ...] = WAITS_S,
        send_s: float = SEND_S,
        proxy: Callable[[], str] = str,
    ) -> None:
        self._journal = journal
        self._proxy = proxy
        self._waits_s = waits_s
        self._send_s = send_s
        self._queues: dict[str, asyncio.Queue[Note]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()

    def send(self, urls: Iterable[SecretRef], note: Note) -> None:
        """Hands a note to these channels; returns at once."""
        for url in urls:
            queue = self._queue_of(url)
            if queue.full():
                self._failed(str(url), queue.get_nowait(), f"{MOST_WAITING} others wait already")
                queue.task_done()
            queue.put_nowait(note)

    async def close(self, within_s: float) -> None:
        """Lets what waits go out, without waits between tries and no longer than this, and ends."""
        self._hurry.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(queue.join() for queue in self._queues.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _queue_of(self, url: SecretRef) -> asyncio.Queue[Note]:
        name = str(url)
        if name not in self._queues:
            self._queues[name] = asyncio.Queue(MOST_WAITING)
            self._tasks.append(asyncio.get_running_loop().create_task(self._work(url), name=f"notify {name}"))
        return self._queues[name]

    async def _work(self, url: SecretRef) -> None:
        queue = self._queues[str(url)]
        while True:
            note = await queue.get()
            why = await self._deliver(url, note)
            if why:
                self._failed(str(url), note, why)
            else:
                self._journal.service("notification.sent", channel=str(url), alert=note.about, title=note.title)
            queue.task_done()

    async def _deliver(self, url: SecretRef, note: Note) -> str:
        """Why it was not taken in the end; empty when it was."""
        why = await told(url, note, self._send_s, self._proxy())
        for wait in self._waits_s:
            if not why:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hurry.wait()
            why = await told(url, note, self._send_s, self._proxy())
        return why

    def _failed(self, channel: str, note: Note, why: str) -> None:
        self._journal.service(
            "notification.failed", level="error", channel=channel, alert=note.about, title=note.title, reason=why,
            remedy=REMEDY,
        )  # fmt: skip


async def told(url: SecretRef, note: Note, within_s: float = SEND_S, proxy: str = "") -> str:
    """One try, by the proxy if it is an HTTPS address. Why the note was not taken; empty when it was. Never raises."""
    try:
        return await _aside(partial(_send, url, note, proxy), within_s)
    except TimeoutError:
        return f"no answer within {within_s:g} s"
    except Exception as error:  # noqa: BLE001  (a plugin's mistake; its text may hold the address)
        return f"Apprise failed: {type(error).__name__}"


def _send(url: SecretRef, note: Note, proxy: str) -> str:
    from relay.control.apprise_door import send  # only where there are channels

    try:
        return send(url.read(), note.title, note.body, note.kind, proxy)
    except SecretError as error:
        return str(error)


async def _aside(work: Callable[[], T], within_s: float) -> T:
    """Runs in a thread that nobody waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            outcome = partial(_give, future, work(), None)
        except Exception as error:  # noqa: BLE001  (handed on to whoever waits)
            outcome = partial(_give, future, None, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(outcome)

    threading.Thread(target=run, name="notify", daemon=True).start()
    async with asyncio.timeout(within_s):
        return await future


def _give(future: asyncio.Future[T], value: T | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)  # type: ignore[arg-type]
