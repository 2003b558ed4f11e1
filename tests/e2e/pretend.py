"""A pretend Microsoft 365 in a thread, so that tests and the clients they start may block."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from relay.sandbox.cloud import Cloud, CloudOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from relay.sandbox.cloud import CloudSettings
    from relay.sandbox.faults import Fault
    from relay.sandbox.mailbox import Arrived

MAILBOXES = ("box@contoso.test", "keep@contoso.test", "person@contoso.test", "busy@contoso.test")
WAIT_S = 45.0


class PretendCloud:
    """A running cloud; every order is carried out in its own loop."""

    def __init__(self, **options: Any) -> None:
        self.cloud = Cloud(CloudOptions(**{"mailboxes": MAILBOXES, "messages_per_minute": 0} | options))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cloud", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(self.cloud.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.wait(self.cloud.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def settings(self) -> CloudSettings:
        return self.cloud.settings

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine of the cloud to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def order(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a plain function in the loop of the cloud."""

        async def call() -> Any:
            return action(*arguments)

        return self.wait(call())

    # -- mail

    def letters(self, recipient: str, count: int = 1) -> list[Arrived]:
        """What arrived for one recipient, once there are so many."""
        return self.wait(self.cloud.arrivals.wait_for_recipient(recipient, count, WAIT_S))

    def letter(self, recipient: str) -> Arrived:
        """The one message that arrived for one recipient."""
        letters = self.letters(recipient)
        assert len(letters) == 1, letters
        return letters[0]

    def has(self, recipient: str) -> int:
        """How many messages this recipient has by now."""
        return len(self.order(self.cloud.arrivals.to, recipient))

    # -- trouble

    def add(self, fault: Fault) -> str:
        """Puts a fault in force; returns its name for `remove`."""
        return self.order(self.cloud.faults.add, fault)

    def remove(self, fault: str) -> None:
        """Takes a fault back and lets go what hangs by it."""
        self.order(self.cloud.faults.remove, fault)

    def struck(self, stage: str, count: int = 1) -> None:
        """Returns when faults of a stage have acted so often since the start."""
        self.wait(asyncio.wait_for(self.cloud.faults.hit_at(stage, count), WAIT_S))

    def strikes(self, stage: str) -> int:
        """How often faults of a stage have acted."""
        return sum(hit == stage for hit, _ in self.cloud.faults.hits)
