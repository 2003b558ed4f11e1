"""What has been told of which trouble, on the disk: a restart repeats nothing, and says what ended meanwhile."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from relay.config.telling import Alert
from relay.policy.alerting import Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relay.policy.alerting import Key

NAME = "notified.json"


def read(path: Path) -> dict[Key, Told]:
    """Nothing, when there is no such file or it is damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return dict(map(_entry, rows))
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def write(path: Path, told: Mapping[Key, Told]) -> None:
    """Whole or not at all. Raises `OSError`."""
    rows = [{"alert": alert, "subject": subject, **asdict(entry)} for (alert, subject), entry in told.items()]
    aside = path.with_suffix(".new")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.flush()
        os.fsync(fd)
    aside.replace(path)


def _entry(row: dict[str, Any]) -> tuple[Key, Told]:
    entry = Told(float(row["since"]), float(row["at"]), int(row["grade"]))
    return (Alert(row["alert"]), str(row["subject"])), entry
