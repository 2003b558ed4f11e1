"""The certificate that a relay makes for itself at its first start: made once a run here, not once a test."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from relay.smtpd.tls import _make

if TYPE_CHECKING:
    from pathlib import Path

made = cache(_make)


def keep(data_dir: Path, hostname: str = "relay.test") -> None:
    """As if a relay had been started there before."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / "tls.pem"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(made(hostname))
