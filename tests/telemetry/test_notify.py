"""What systemd is told, on a real socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from relay.telemetry.notify import notify, reloading

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_states_arrive_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sd_notify(3); a reload carries the clock."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1", "STATUS=listening")
        reloading()
        assert manager.recv(1000) == b"READY=1\nSTATUS=listening"
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_an_abstract_address_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """An @ stands for the zero octet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(b"\0relay-notify-test")
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@relay-notify-test")
        notify("READY=1")
        assert manager.recv(1000) == b"READY=1"


def test_without_a_service_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with one that is gone."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    notify("READY=1")
