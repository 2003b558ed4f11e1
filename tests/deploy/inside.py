"""Sockets inside another network namespace: a device, or whoever looks, on the loopback of a container or machine."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import smtplib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 60.0
SCAN = b"From: copier@device.test\r\nTo: %s\r\nSubject: %s\r\n\r\nA page.\r\n"
MANAGEMENT_PORT = 8025
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def connect(pid: int, port: int) -> socket.socket:
    """A connection to 127.0.0.1 of the network of this process; only a thread goes there, and ends. Raises OSError."""
    made: list[socket.socket | OSError] = []

    def go() -> None:
        try:
            made.append(_connect_there(pid, port))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _connect_there(pid: int, port: int) -> socket.socket:
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if _LIBC.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(there)
    return socket.create_connection(("127.0.0.1", port), WAIT_S)


class Device(smtplib.SMTP):
    """A device that hands in scans there."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        super().__init__("127.0.0.1", port, "copier.device.test", WAIT_S)

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return connect(self._pid, port)

    def scan(self, recipient: str, subject: str) -> None:
        """One scan, answered with 250. Raises SMTPException or OSError."""
        letter = SCAN % (recipient.encode(), subject.encode())
        self.sendmail("copier@device.test", [recipient], letter)


class Cloud:
    """The sandbox there, asked over its management port."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.settings: dict[str, Any] = until("the sandbox", lambda: self.ask("GET", "/settings"))

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request. Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", MANAGEMENT_PORT)
        with connect(self._pid, MANAGEMENT_PORT) as connection.sock:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status < 400, (answer.status, text)
        return json.loads(text)

    def switch(self, **plugs: str) -> None:
        """Such as exchange="down"."""
        self.ask("PUT", "/switches", plugs)

    def arrived(self, recipient: str) -> list[str]:
        """The subjects of what came for a recipient."""
        found = self.ask("GET", f"/messages?to={recipient}")
        return [item["subject"] for item in found]

    def wait(self, recipient: str, subjects: set[str]) -> None:
        """Returns once all of these have come."""
        until(f"all of {recipient}", lambda: subjects <= set(self.arrived(recipient)))


def until(what: str, look: Callable[[], Any]) -> Any:
    """What `look` answers, once that is true and no OSError; a loud end after half a minute."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if found := look():
                return found
            said: object = found
        except OSError as error:
            said = error
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_S:.0f} s, last {said!r}"
        time.sleep(0.05)


def configuration(cloud: Cloud, settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A shipped configuration, made to use that sandbox: only where Microsoft is, and who may send, is another."""
    at = cloud.settings
    ca_file = at["ca_file"]
    (app,) = settings["apps"].values()
    app |= {"tenant": at["tenant"], "client_id": at["client_id"], "authority": at["authority"], "ca_file": ca_file}
    for profile in settings["profiles"].values():
        profile["mailbox"] = at["mailboxes"][0]
        profile["endpoint"] = {"host": at["smtp_host"], "port": at["smtp_port"], "ca_file": ca_file}
        profile["graph"] = {"url": at["graph_url"], "ca_file": ca_file}
    (device,) = settings["devices"].values()
    device |= {"address": "127.0.0.1", "recipients": ["*@contoso.test"]}
    quick = {"delivery": {"retry_s": [1]}, "limits": {"messages_per_minute": 0}}
    return settings | quick | changes
