"""The switchboard: builds every part from Settings, starts bottom-up, stops top-down. Only here do parts meet.

What a device waits for is imported and started here; the rest, in `relay.app.rear`, once devices are greeted.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from relay import __version__
from relay.config.certificate import CertificateError
from relay.config.changes import needs_restart
from relay.config.loader import ConfigError, load
from relay.config.secret import SecretError
from relay.config.settings import LogRecipients, Uncertain
from relay.smtpd.activation import passed_sockets
from relay.smtpd.desk import House, Rules
from relay.smtpd.listener import Server
from relay.smtpd.notebook import NAME, Notebook
from relay.smtpd.tls import server_contexts
from relay.spool.keyring import KEY_REMEDY
from relay.spool.sqlite import SqliteStore
from relay.spool.store import SpoolBusy, SpoolError
from relay.telemetry.journal import Journal
from relay.telemetry.logs import open_log
from relay.telemetry.notify import notify, reloading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.app.rear import Rear
    from relay.config.settings import Settings
    from relay.spool.recovery import Recovered

EX_OK, EX_UNAVAILABLE, EX_CONFIG = 0, 69, 78
_SWITCH_S = 0.0005
"""The thread of the spool asks for the interpreter several times a statement, else waiting up to 5 ms each time."""


def serve(config: Path) -> int:
    """Runs the relay in the foreground until SIGTERM or SIGINT; returns the exit code (sysexits.h)."""
    try:
        settings = load(config)
    except ConfigError as error:
        for complaint in error.complaints:
            print(complaint, file=sys.stderr)  # noqa: T201
        return EX_CONFIG
    sys.setswitchinterval(_SWITCH_S)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_Relay(config, settings).run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: it moves twice the octets of asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class _Relay:
    """One running relay."""

    def __init__(self, config: Path, settings: Settings) -> None:
        self._config = config
        self._settings = self._started_with = settings
        self._hostname = settings.hostname or socket.gethostname()
        log = settings.log
        hashed = log.recipients is LogRecipients.HASHED
        self._journal = Journal(open_log(form=log.format, level=log.level), hash_recipients=hashed)
        self._up, self._ended = asyncio.Event(), asyncio.Event()
        self._rear: Rear | None = None
        self._reloads: set[asyncio.Task[tuple[str, ...]]] = set()
        self._one_reload = asyncio.Lock()

    async def run(self) -> int:
        """Starts, serves, stops."""
        asyncio.get_running_loop().set_exception_handler(self._on_mistake)
        self._journal.hold()  # most who listen to it are at the rear
        passed = passed_sockets()
        store = SqliteStore(
            self._settings.data_dir / "spool", self._settings.spool, self._mail_came, self._journal, self._ended.set
        )
        try:
            recovered = await store.open(hold_interrupted=self._settings.delivery.uncertain is Uncertain.HOLD)
            self._watch_signals()  # before anybody is greeted: a stop must not cut a session even then
            house = House(self._rules(self._settings), store, self._journal, self._hostname)
            server = Server(house)
            listening = await server.open(self._settings.listeners, passed)
        except (SpoolError, SecretError, CertificateError, OSError) as error:
            self._journal.service("relay.failed", level="error", reason=str(error), remedy=_remedy(error))
            await store.close()
            return EX_UNAVAILABLE
        self._house = house
        notebook = Notebook(self._settings.data_dir / NAME, house.strangers)
        await notebook.open()
        try:
            self._rear = rear = await self._build_rear(house)
            await rear.start(self._settings)
            self._up.set()
            self._announce(listening, recovered, passed.left())
            self._tell_of_missing_keys(store)
            await rear.open(listening)
            await self._ended.wait()
        except (SpoolError, ImportError) as error:
            self._journal.service("relay.failed", level="error", reason=str(error), remedy=_remedy(error))
            return EX_UNAVAILABLE
        finally:
            await self._stop(server, store)
            await notebook.close()
        return EX_UNAVAILABLE if store.broken else EX_OK

    async def _build_rear(self, house: House) -> Rear:
        room = await asyncio.to_thread(import_module, "relay.app.rear")  # half of all there is to import
        rear: Rear = room.Rear(house, lambda: self._settings, self._config, self._reload)
        self._journal.let_hear()
        return rear

    def _announce(self, listening: list[str], recovered: Recovered, unused: list[str]) -> None:
        self._journal.service(
            "relay.started", version=__version__, listening=listening, hostname=self._hostname,
            unused_sockets=unused or None,
            interrupted=recovered.interrupted, swept=recovered.swept, damaged=recovered.damaged,
        )  # fmt: skip
        notify("READY=1", f"STATUS=listening on {', '.join(listening)}")

    def _tell_of_missing_keys(self, store: SqliteStore) -> None:
        for locked in store.locked:
            self._journal.service(
                "spool.key_missing", level="error", key=locked.key_id, held=locked.messages,
                reason=f"mail is held that is sealed with key {locked.key_id}, which is not there", remedy=KEY_REMEDY,
            )  # fmt: skip

    def _on_mistake(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody caught: the relay goes on, and says what it was."""
        error = context.get("exception")
        self._journal.service(
            "relay.mistake", level="error", reason=f"{context.get('message')}: {error!r}",
            remedy="this is a mistake of the relay, mail goes on; report it with this line",
        )  # fmt: skip

    def _mail_came(self, _mailbox: str, profile: str) -> None:
        if self._rear is not None:  # else delivery finds it at its start
            self._rear.mail_came(profile)

    async def _stop(self, server: Server, store: SqliteStore) -> None:
        """Devices first, then attempts, then the disk: what is in hand ends in that order too."""
        notify("STOPPING=1")
        self._journal.service("relay.stopping")
        for task in self._reloads:
            task.cancel()
        deadline = self._settings.delivery.stop_deadline_s
        rear = [self._rear] if self._rear else []
        cut, *late = await asyncio.gather(server.close(deadline), *(part.stop(deadline) for part in rear))
        for part in rear:
            await part.close()
        await store.close()
        self._journal.service("relay.stopped", sessions_cut=cut, attempts_cut=sum(late))

    # -- signals

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _on_hangup(self) -> None:
        if self._ended.is_set():
            return  # who is about to stop takes nothing up
        task = asyncio.get_running_loop().create_task(self._reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self, who: str = "", meant: str = "") -> tuple[str, ...]:
        """A new configuration in force, or the old one with a loud word; sessions and connections go on either way.

        Answers with the complaints. Where it is no signal, `who` wants it so, and `meant` is the digest of the file.
        """
        await self._up.wait()
        try:
            async with self._one_reload:  # two signals at once: the file is read last by whoever comes last
                reloading()
                settings = await asyncio.to_thread(load, self._config, meant)
                await self._take_up(settings, self._rules(settings), who)
        except (ConfigError, SecretError, CertificateError, SpoolError, OSError) as error:
            complaints = [str(item) for item in error.complaints] if isinstance(error, ConfigError) else [str(error)]
            self._journal.service(
                "config.refused", level="error", complaints=complaints, who=who,
                remedy="the old configuration goes on; mend the file, try `relay check`, then reload again",
            )  # fmt: skip
            return tuple(complaints)
        finally:
            notify("READY=1")
        return ()

    async def _take_up(self, settings: Settings, rules: Rules, who: str) -> None:
        assert self._rear is not None  # nobody reloads before it is up
        await self._rear.plan(settings)  # may fail on the disk: then nothing has changed
        self._settings = settings
        self._house.rules = rules
        self._rear.take_up(settings)
        restart = needs_restart(self._started_with, settings)
        self._journal.service("config.reloaded", needs_restart=restart or None, who=who)

    # -- parts

    def _rules(self, settings: Settings) -> Rules:
        """What sessions ask. Raises `SecretError`, `CertificateError` or `OSError` for a certificate of no use."""
        return Rules(settings, server_contexts(settings.tls, settings.data_dir, self._hostname))


def _remedy(error: Exception) -> str:
    if isinstance(error, SpoolBusy):
        return "stop the other relay, or give this one a data_dir of its own"
    if isinstance(error, SpoolError) and error.remedy:
        return error.remedy
    if isinstance(error, SpoolError):
        return "make data_dir a writable directory of the relay's user, on a disk with room"
    if isinstance(error, ImportError):
        return "the installation is not whole: install the relay again; mail that was taken waits in the spool"
    if isinstance(error, PermissionError):
        return "ports below 1024 need CAP_NET_BIND_SERVICE; or listen on a port above"
    return "mend what the reason names, then start again"
