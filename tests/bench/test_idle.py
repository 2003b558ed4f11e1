"""The relay at rest: what it holds in memory, what it imports before it greets, and the table of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from bench import idle

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LATER = {
    "aiosmtplib", "apprise", "cryptography", "h11", "jinja2", "jwt", "msal", "prometheus_client", "rich", "starlette",
    "structlog", "uvicorn", "relay.control", "relay.delivery", "relay.transport", "relay.upstream", "relay.web",
}  # fmt: skip


def test_every_page_of_the_dashboard_fits_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 70 MB for the whole service after each page was opened once; times are not judged here."""
    monkeypatch.setattr(idle, "_REST_S", 0.5)
    rows = {row.name: row for row in idle.measured(tmp_path, 1)}
    (opened,) = (row for name, row in rows.items() if name.startswith("PSS after"))
    assert int(opened.name.split()[2]) > 10
    assert 20 < rows["PSS, no page opened yet"].value < opened.value <= opened.target == 70


def test_nothing_is_imported_before_devices_are_greeted_that_they_do_not_wait_for() -> None:
    """Delivery, sign-ins and the dashboard come later."""
    asked = "import sys, relay.cli.verbs, relay.cli.serve, relay.app; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert "relay.smtpd.listener" in imported
    assert LATER.isdisjoint(imported)


def test_a_missed_target_is_said() -> None:
    """In its line."""
    place = dict.fromkeys(("processors", "load before", "kernel", "python"), "?")
    table = idle.render([idle.Row("start", "s", 1.2, 1.0), idle.Row("wakes", "", 1.0)], place)
    first, second = table.splitlines()[-2:]
    assert first.split() == ["start", "1.2", "s", "<=", "1", "MISSED"]
    assert second.split() == ["wakes", "1"]
