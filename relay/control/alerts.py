"""Notifications by other ways than mail: what is wrong is looked for every half minute, and when the journal tells it.

Nothing of it touches mail: what a look meets is kept to itself and journalled. With no channel configured nobody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.config.telling import Alert
from relay.control import ledger
from relay.control.channels import Channels, Note
from relay.control.symptoms import Occurrences, Symptoms
from relay.policy.alerting import Phase, Trouble, due, title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config.settings import Settings
    from relay.policy.alerting import Key, Told, Word
    from relay.telemetry.journal import Journal

STOP_S = 5.0
_WAKING = frozenset({
    "profile.paused", "profile.resumed", "credential.expiring", "signin.failing", "message.failed", "message.corrupt",
    "spool.refusing", "spool.accepting",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks, and those in which what comes together is gathered."""

    every_s: float = 30.0
    gather_s: float = 2.0


class Alerts:
    """Owned by the switchboard: `start` when all runs, `look_again` after a reload, `stop` at the end."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        journal: Journal,
        symptoms: Symptoms,
        *,
        channels: Channels | None = None,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._symptoms = symptoms
        self._channels = channels or Channels(journal, proxy=lambda: settings().outgoing.https_proxy)
        self._pace = pace
        self._clock = clock
        self._occurrences = Occurrences()
        self._told: dict[Key, Told] = {}
        self._written = self._told
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        journal.tell(self._hear, _WAKING)

    async def start(self, what: str, detail: str = "") -> None:
        """Recalls what was told before this start, says that the relay has started, and begins to look."""
        self._told = self._written = await asyncio.to_thread(ledger.read, self._file)
        self._occurrences.add((Alert.RELAY_STARTED, ""), Trouble(what, detail))
        self._task = self._loop.create_task(self._watch(), name="alerts")

    def look_again(self) -> None:
        """Another configuration is in force."""
        self._wake.set()

    async def stop(self, what: str) -> None:
        """Says that the relay stops, and lets that go out for a few seconds. May be called before `start`."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._say({(Alert.RELAY_STOPPED, ""): Trouble(what)}, frozenset())
        await self._write_down()
        await self._channels.close(STOP_S)

    # -- hearing

    def _hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Called by the journal, from whichever thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take, event, dict(fields))

    def _take(self, event: str, fields: dict[str, Any]) -> None:
        self._occurrences.hear(event, fields)
        self._wake.set()

    # -- looking

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            if not self._settings().notifications.channels:
                self._occurrences.forget(self._occurrences.all())
            else:
                try:
                    await self._look()
                except Exception as error:  # noqa: BLE001  (mail goes on whatever a look meets)
                    self._journal.service(
                        "notification.unknown", level="warning", reason=f"{type(error).__name__}: {error}",
                        remedy="nobody is notified until this passes; mail is not touched",
                    )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.every_s):
                    await self._wake.wait()
                    await asyncio.sleep(self._pace.gather_s)

    async def _look(self) -> None:
        troubles, well = await self._symptoms.look(self._settings(), self._told)
        once = self._occurrences.all()
        said = self._say(troubles | once, well)
        self._occurrences.forget(key for key in once if key in said or not self._hearing(key[0]))
        await self._write_down()

    def _say(self, troubles: Mapping[Key, Trouble], well: frozenset[Key]) -> set[Key]:
        """Hands over what is due to those who hear of it; which troubles that were."""
        heard = {key: trouble for key, trouble in troubles.items() if self._hearing(key[0])}
        words, told = due(self._told, heard, well, self._clock(), self._settings().notifications.repeat_s)
        for word in words:
            self._channels.send(self._hearing(word.alert), self._note(word))
        self._told = told
        return {(word.alert, word.subject) for word in words}

    async def _write_down(self) -> None:
        """A disk that refuses costs a word said twice, should the relay restart meanwhile."""
        told = self._told
        if told != self._written:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(ledger.write, self._file, told)
                self._written = told

    def _hearing(self, alert: Alert) -> list[Any]:
        return [channel.url for channel in self._settings().notifications.channels if alert in channel.about]

    def _note(self, word: Word) -> Note:
        news = word.alert in (Alert.RELAY_STARTED, Alert.RELAY_STOPPED)
        kind = "over" if word.phase is Phase.OVER else "news" if news else "trouble"
        since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(word.since))
        lines = [word.trouble.detail if word.trouble else "", "" if word.phase is Phase.BEGUN else f"Since {since}."]
        return Note(word.alert, f"{self._symptoms.hostname}: {title(word)}", "\n".join(filter(None, lines)), kind)

    @property
    def _file(self) -> Any:
        return self._settings().data_dir / ledger.NAME
