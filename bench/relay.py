"""Our relay as a peer: `python -m relay serve` with a generated configuration, as a user would start it.

Told differently from its defaults: the fake cloud's addresses and CA, three sessions, no limit of messages per
minute (Exchange allows 30, which would hide every figure), and up to 1 000 messages per connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.machine import PROJECT
from bench.peer import SESSIONS, PeerError, await_greeting, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from bench.peer import Surroundings

NAME = "relay"
_STOP_WITHIN_S = 10


class Relay:
    """One relay, started by the constructor. Satisfies `bench.peer.Peer`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._log = surroundings.folder / "relay.log"
        self.port, self.http_port = free_port(), free_port()
        config = surroundings.folder / "relay.yaml"
        config.write_text(json.dumps(_settings(surroundings, self.port, self.http_port), indent=2))  # JSON is YAML
        begun = time.monotonic()
        self._process = self._spawn(config)
        self.pid = self._process.pid
        self._await_greeting()
        self.start_s = time.monotonic() - begun

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-3000:]

    def _spawn(self, config: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "relay", "serve", "--config", str(config)]
        environment = {**os.environ, "BENCH_SECRET": "not-a-secret"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed relay has its bytecode
        with self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=PROJECT, env=environment)

    def _await_greeting(self) -> None:
        try:
            await_greeting(self.port)
        except PeerError as error:
            self.stop()
            raise PeerError(f"{error}; the relay said:\n{self.said()}") from error


def _settings(surroundings: Surroundings, port: int, http_port: int) -> dict[str, Any]:
    ca = str(surroundings.certificates.ca)
    endpoint = {"host": "localhost", "port": surroundings.smtp_port, "ca_file": ca}
    app = {
        "tenant": "contoso.example",
        "client_id": "11111111-2222-4333-8444-555555555555",
        "credential": {"secret": {"env": "BENCH_SECRET"}},
        "authority": f"https://localhost:{surroundings.entra_port}/contoso.example",
        "ca_file": ca,
    }
    profile = {"app": "bench", "mailbox": "scanner@contoso.example", "from": "keep", "endpoint": endpoint}
    return {
        "data_dir": str(surroundings.folder / "data"),
        "listeners": [{"listen": f"127.0.0.1:{port}", "tls": "optional", "auth": "optional"}],
        "apps": {"bench": app},
        "profiles": {"scans": {**profile, "messages_per_session": 1000}},
        "devices": {"copiers": {"address": "127.0.0.0/8", "profile": "scans", "recipients": ["*"]}},
        "http": {"listen": f"127.0.0.1:{http_port}"},
        "limits": {"sessions": SESSIONS, "messages_per_minute": 0},
        "log": {"format": "json", "level": "info"},
    }
