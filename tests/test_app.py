"""The switchboard: starts whole or not at all, reloads one at a time, says what nobody caught, stops in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from relay.app import EX_OK, EX_UNAVAILABLE, _Relay, serve
from relay.config.loader import load
from relay.delivery.scheduler import Scheduler
from relay.spool.database import connect
from relay.spool.schema import VERSION
from relay.spool.store import SpoolError
from tests.interop.dovecot import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Run:
    """One relay in this process, driven by signals as a service manager does."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = directory / "relay.yaml"
        self.directory = directory
        self._capsys = capsys
        self._lines: list[dict[str, Any]] = []
        self.write()

    def write(self, **changes: Any) -> None:
        whole: dict[str, Any] = {
            "data_dir": str(self.directory / "data"),
            "hostname": "relay.test",
            "listeners": [{"listen": "127.0.0.1:0"}],
            "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
            "profiles": {"scans": {"app": "c", "mailbox": "scanner@contoso.test"}},
            "spool": {"min_free_bytes": 0},
            "http": {"listen": ""},
            "log": {"format": "json"},
        }
        self.config.write_text(json.dumps(whole | changes))

    def octets(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def start(self) -> asyncio.Task[int]:
        self.relay = _Relay(self.config, load(self.config))
        return asyncio.ensure_future(self.relay.run())

    def events(self, name: str) -> list[dict[str, Any]]:
        self._lines += [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        return [line for line in self._lines if line["event"] == name]

    async def saw(self, name: str, count: int = 1) -> dict[str, Any]:
        """Waits for the last of so many events of that name."""
        async with asyncio.timeout(10):
            while len(found := self.events(name)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return found[-1]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def raising(error: Exception) -> Callable[..., Any]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_and_stops_by_signal(run: Run, number: int) -> None:
    """With nothing cut."""
    running = run.start()
    started = await run.saw("relay.started")
    assert started["listening"][0].startswith("127.0.0.1:")
    os.kill(os.getpid(), number)
    assert await running == EX_OK
    assert (await run.saw("relay.stopped"))["sessions_cut"] == 0


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What is behind the listeners is imported when this is set, not before."""
    come = threading.Event()

    def import_late(name: str) -> Any:
        assert come.wait(20)
        return import_module(name)

    monkeypatch.setattr("relay.app.import_module", import_late)
    yield come
    come.set()


async def greeted(port: int) -> None:
    """Waits for the first 220."""
    async with asyncio.timeout(20):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            assert (await reader.readline()).startswith(b"220 ")
            writer.close()
            return


def hand_in(port: int) -> None:
    """One message by a client nobody here wrote."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("mfp@device.test", ["ann@contoso.test"], b"Subject: scan\r\n\r\nhello\r\n")


async def test_mail_is_taken_before_there_is_anything_to_deliver_it(run: Run, late: threading.Event) -> None:
    """And is tried as soon as there is."""
    port, nobody = free_port(), free_port()
    app = {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}
    run.write(
        listeners=[{"listen": f"127.0.0.1:{port}"}],
        apps={"c": app | {"authority": f"https://127.0.0.1:{nobody}/c.test"}},
        devices={"copier": {"address": "127.0.0.1", "profile": "scans"}},
    )
    running = run.start()
    await greeted(port)
    await asyncio.to_thread(hand_in, port)
    stored = await run.saw("message.stored")
    assert not run.events("relay.started")
    late.set()
    await run.saw("relay.started")
    assert (await run.saw("message.deferred"))["id"] == stored["id"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == EX_OK


async def test_a_stop_while_the_rest_is_still_imported_is_heard(run: Run, late: threading.Event) -> None:
    """It ends in order, and does not hang."""
    port = free_port()
    run.write(listeners=[{"listen": f"127.0.0.1:{port}"}])
    running = run.start()
    await greeted(port)
    os.kill(os.getpid(), signal.SIGTERM)
    late.set()
    assert await running == EX_OK


async def test_a_relay_without_what_delivers_does_not_stay_half_alive(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an installation: it says so, with the remedy, and ends with the documented code."""

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr("relay.app.import_module", missing)
    assert await run.start() == EX_UNAVAILABLE
    failed = await run.saw("relay.failed")
    assert failed["reason"] == "No module named 'relay.app.rear'"
    assert "install the relay again" in failed["remedy"]
    assert await run.saw("relay.stopped")


async def test_reloads_follow_one_another_and_the_last_one_stands(run: Run) -> None:
    """A burst of signals, a broken file among them; the old configuration goes on meanwhile."""
    running = run.start()
    await run.saw("relay.started")
    for _ in range(3):
        run.relay._on_hangup()
    await run.saw("config.reloaded", 3)
    run.write(profiles={"scans": {"app": "nobody", "mailbox": "x"}})
    os.kill(os.getpid(), signal.SIGHUP)
    refused = await run.saw("config.refused")
    assert any("nobody" in complaint for complaint in refused["complaints"])
    assert run.relay._settings.profiles["scans"].mailbox == "scanner@contoso.test"
    run.write(
        profiles={"scans": {"app": "c", "mailbox": "other@contoso.test"}},
        listeners=[{"listen": "127.0.0.1:0", "tls": "none"}],
    )
    for count in (4, 5):
        os.kill(os.getpid(), signal.SIGHUP)
        assert (await run.saw("config.reloaded", count))["needs_restart"] == ["listeners"]
    assert run.relay._settings.profiles["scans"].mailbox == "other@contoso.test"
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == EX_OK


async def test_a_spool_that_fails_at_the_reload_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay goes on; the service manager is not left waiting."""
    running = run.start()
    await run.saw("relay.started")
    monkeypatch.setattr(Scheduler, "plan", raising(SpoolError("disk I/O error")))
    os.kill(os.getpid(), signal.SIGHUP)
    assert (await run.saw("config.refused"))["complaints"] == ["disk I/O error"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == EX_OK


async def test_a_spool_that_fails_at_the_start_ends_the_relay_in_order(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, and the sockets closed."""
    monkeypatch.setattr(Scheduler, "start", raising(SpoolError("disk I/O error")))
    assert await run.start() == EX_UNAVAILABLE
    assert (await run.saw("relay.failed"))["reason"] == "disk I/O error"
    assert await run.saw("relay.stopped")


async def test_what_nobody_caught_is_told(run: Run) -> None:
    """The journal has it, and the relay goes on."""
    running = run.start()
    await run.saw("relay.started")
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    assert "ZeroDivisionError" in (await run.saw("relay.mistake"))["reason"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == EX_OK


async def test_a_second_relay_on_the_same_spool_ends_at_once(run: Run) -> None:
    """And leaves the first alone."""
    first = run.start()
    await run.saw("relay.started")
    assert await run.start() == EX_UNAVAILABLE
    assert "another relay" in (await run.saw("relay.failed"))["reason"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await first == EX_OK


async def test_what_is_no_database_is_moved_aside_and_the_relay_starts(run: Run) -> None:
    """Loudly: where it is now is named, and what to do."""
    database = run.directory / "data/spool/spool.db"
    database.parent.mkdir(parents=True)
    rubbish = b"not a database at all, " * 100
    database.write_bytes(rubbish)
    relay = run.start()
    damaged = await run.saw("spool.damaged")
    await run.saw("relay.started")
    assert (damaged["reason"], damaged["saved"]) == ("file is not a database", 0)
    assert run.octets(damaged["aside"]) == rubbish
    assert f"the damaged database is kept as {damaged['aside']}" in damaged["remedy"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await relay == EX_OK


async def test_a_database_that_is_damaged_again_and_again_ends_the_relay(run: Run) -> None:
    """It is not copied for ever: the disk fails."""
    spool = run.directory / "data/spool"
    spool.mkdir(parents=True)
    for n in range(3):
        (spool / f"spool.db.damaged-2026010{n}T000000Z").touch()
    (spool / "spool.db").write_bytes(b"not a database at all, " * 100)
    assert await run.start() == EX_UNAVAILABLE
    failed = await run.saw("relay.failed")
    assert "damaged again, after 3 that were moved aside" in failed["reason"]
    assert "move data_dir to another one" in failed["remedy"]


async def test_a_spool_of_a_later_relay_ends_this_one(run: Run) -> None:
    """With the remedy; the spool is not touched."""
    database = run.directory / "data/spool/spool.db"
    database.parent.mkdir(parents=True)
    connection = connect(database)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    assert await run.start() == EX_UNAVAILABLE
    failed = await run.saw("relay.failed")
    assert failed["reason"].startswith(f"the spool has schema 99, this relay knows {VERSION}")
    assert failed["remedy"] == "install that version again, or give this one a data_dir of its own"


async def test_a_key_behind_a_passphrase_ends_the_relay_and_names_the_option(run: Run) -> None:
    """It does not stop at a question on the terminal."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    leaf = trustme.CA().issue_cert("relay.test")
    for name, octets in (("crt", leaf.cert_chain_pems[0].bytes()), ("key", key)):
        (run.directory / name).write_bytes(octets)
    files = {"certificate": {"file": f"{run.directory}/crt"}, "private_key": {"file": f"{run.directory}/key"}}
    run.write(tls=files)
    assert await run.start() == EX_UNAVAILABLE
    assert (await run.saw("relay.failed"))["reason"].startswith("tls.private_key is encrypted with a passphrase")


async def test_a_kept_certificate_that_is_broken_is_named_at_the_start(run: Run) -> None:
    """With what to do."""
    (run.directory / "data").mkdir()
    (run.directory / "data/tls.pem").write_text("junk")
    assert await run.start() == EX_UNAVAILABLE
    reason = (await run.saw("relay.failed"))["reason"]
    assert str(run.directory / "data/tls.pem") in reason
    assert "move the file away" in reason


def test_a_broken_file_is_a_matter_of_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 78, every complaint on stderr."""
    (tmp_path / "relay.yaml").write_text("listeners: []\n")
    assert serve(tmp_path / "relay.yaml") == 78
    assert "profiles" in capsys.readouterr().err
