"""Telemetry never changes an SMTP answer: whoever listens may fail, and so may the disk."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from relay.control.activity import Activity
from relay.control.who import Role
from relay.spool.store import SpoolError
from relay.telemetry.metrics import Metrics
from relay.web import api, faces
from relay.web.call import Call
from tests.e2e.configuration import COPIER
from tests.e2e.device import LETTER
from tests.smtpd.conftest import Door, open_door

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.web.conftest import Open

__all__ = ["open_door"]


def raising(*_: object, **__: object) -> Any:
    raise RuntimeError("telemetry is broken")


async def test_listeners_that_fail_change_no_answer(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts themselves broken, and another listener that raises."""
    monkeypatch.setattr(Metrics, "add", raising)
    door: Door = await open_door()
    door.house.journal.tell(raising)
    faces.Faces(door.house.journal)
    device = await door.device()
    await device.envelope()
    assert (await device.ask("Subject: x\r\n\r\nhello\r\n.")).startswith("250 ")
    assert len(door.queued()) == 1
    assert door.events("message.stored")


async def test_a_disk_that_fails_is_counted_and_the_device_is_told_to_try_again(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """451, as without anybody who counts; the count says one."""
    door: Door = await open_door()
    metrics = Metrics()
    door.house.journal.tell(metrics.heard)

    async def accept(_: object) -> None:
        raise SpoolError("disk I/O error")

    monkeypatch.setattr(door.store, "accept", accept)
    device = await door.device()
    await device.envelope()
    assert (await device.ask("Subject: x\r\n\r\nhello\r\n.")).startswith("451 ")
    assert metrics.counters["relay_intake_failed"] == {(): 1}
    assert metrics.counters["relay_messages_received"] == {}


def test_metrics_answer_without_the_figures_of_a_spool_that_cannot_be_read(show: Open, tmp_path: Path) -> None:
    """The counts stay; the gauges of queue and mailboxes are missing instead of wrong."""
    shown = show()
    database = tmp_path / "data" / "spool" / "spool.db"
    aside = database.rename(database.with_suffix(".aside"))
    try:
        metrics = shown.metrics()
    finally:
        aside.rename(database)
    names = {name for name, _ in metrics}
    assert metrics["relay_spool_readable", frozenset()] == 0
    assert "relay_sessions" in names
    assert not [
        name for name in names if name.startswith(("relay_queue", "relay_mailbox_pace", "relay_profile_paused"))
    ]


def test_a_page_that_fails_is_told_once_and_mail_goes_on(show: Open, somebody: str, tmp_path: Path) -> None:
    """500 for who asked, `http.failed` in the journal, 250 for the device."""
    (tmp_path / "sitecustomize.py").write_text(
        "import relay.control.running as running\n"
        "async def broken(self):\n    raise RuntimeError('no status today')\n"
        "running.Control.status = broken\n"
    )
    shown = show(env={"PYTHONPATH": str(tmp_path)})
    assert shown.get("/status").status == 500
    assert "no status today" in shown.relay.journal.wait("http.failed")["reason"]
    with shown.relay.device(COPIER) as device:
        device.hello()
        device.deliver(somebody, message=LETTER)
    assert shown.get("/healthz").status == 200
    assert shown.relay.stop() == 0
    assert shown.relay.stderr == ""


def test_a_library_that_is_missing_costs_the_dashboard_alone(show: Open, somebody: str, tmp_path: Path) -> None:
    """It is told; probes answer, mail is taken, and nobody is invited to pages that are not there."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jinja2'] = None\n")
    shown = show(env={"PYTHONPATH": str(tmp_path)})
    assert "jinja2" in shown.relay.journal.wait("http.failed")["reason"]
    assert shown.get("/healthz").status == 200
    assert shown.get("/readyz").status == 200
    assert "/metrics" in shown.get("/").body
    with shown.relay.device(COPIER) as device:
        device.hello()
        device.deliver(somebody, message=LETTER)
    assert shown.relay.stop() == 0
    assert shown.relay.stderr == ""


def test_whoever_speaks_nonsense_to_the_pages_gets_no_further(show: Open) -> None:
    """400, and the next one is answered."""
    shown = show()
    with socket.create_connection(("127.0.0.1", shown.port), timeout=20) as client:
        client.sendall(b"EHLO \x00\xff\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert shown.get("/healthz").status == 200


async def test_long_answers_are_written_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of a thousand devices as JSON take half a second, in which a device would wait."""
    threads = set[int]()
    monkeypatch.setattr(api, "answered", lambda _: threads.add(threading.get_ident()))

    async def told(*_: object) -> Activity:
        return Activity([])

    call = Call("activity", "GET", "/activity", Role.VIEWER, "Mail per minute.", told, Activity)
    scope = {
        "type": "http",
        "method": "GET",
        "query_string": b"",
        "headers": [],
        "path_params": {},
        "state": {"who": 1},
    }
    await api._answer(call, cast("Any", None), Request(scope))
    assert len(threads - {threading.get_ident()}) == 1
