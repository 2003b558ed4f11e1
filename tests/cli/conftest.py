"""The command as a shell runs it, and a small configuration."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests import forked

if TYPE_CHECKING:
    from pathlib import Path

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
RunAside = Callable[..., Awaitable[Ended]]

CONFIG = """\
data_dir: {data_dir}
listeners:
  - {{listen: "0.0.0.0:{port}", tls: optional, auth: optional}}
apps:
  contoso: {{tenant: contoso.onmicrosoft.com, client_id: 11111111-2222-3333-4444-555555555555, \
credential: {{secret: {{env: CONTOSO_SECRET}}}}}}
profiles:
  scans: {{app: contoso, mailbox: scanner@contoso.com, from: mailbox}}
devices:
  copier: {{address: 10.0.2.17, profile: scans, recipients: ["*@contoso.com"]}}
  erp: {{login: {{username: erp, password: {{env: ERP_PASSWORD}}}}, profile: scans}}
"""


@pytest.fixture
def secrets() -> dict[str, str]:
    """The environment variables that the small configuration names."""
    return {"CONTOSO_SECRET": "app secret", "ERP_PASSWORD": "device secret"}


@pytest.fixture
def relay() -> Run:
    """`relay("check", "-c", path, env={…})` runs the command to its end."""
    return _run


@pytest.fixture
def relay_aside() -> RunAside:
    """The same beside a server of the test's own event loop."""

    async def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Ended:
        return await asyncio.to_thread(_run, *arguments, env=env)

    return run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The same in this process, which is a hundred times as quick; `stdin=` is what is piped into it."""
    for name in [name for name in os.environ if name.startswith("RELAY_")]:
        monkeypatch.delenv(name)

    def ended(*arguments: str | Path, stdin: str = "") -> Ended:
        from relay.cli.verbs import run as run_verb

        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        words = [*map(str, arguments)]
        code = run_verb(words)
        captured = capsys.readouterr()
        return Ended(words, code, captured.out, captured.err)

    return ended


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small configuration, its one listener on `port`."""

    def write(port: int = 2525) -> Path:
        path = tmp_path / "relay.yaml"
        path.write_text(CONFIG.format(data_dir=tmp_path / "data", port=port))
        return path

    return write


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port where nobody listens, kept from everybody else by a bound socket."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def _run(*arguments: str | Path, env: dict[str, str] | None = None) -> Ended:
    return forked.run([*map(str, arguments)], env)
