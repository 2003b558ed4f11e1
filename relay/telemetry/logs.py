"""Where the journal is written: console for people, JSON lines for machines. Secrets never get here."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing import TextIO

_LINE = json.JSONEncoder(default=repr)
_NAMES = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}
_NOISY = ("mail.log", "msal", "urllib3", "asyncio", "aiosmtplib", "uvicorn")


class Log(Protocol):
    """What a journal writes to."""

    def info(self, event: str, **fields: Any) -> object:
        """What goes as it should."""

    def warning(self, event: str, **fields: Any) -> object:
        """What an administrator may want to know."""

    def error(self, event: str, **fields: Any) -> object:
        """What an administrator has to do something about."""


class JsonLines:
    """One object a line, as journald, Loki and Splunk take it.

    Ours, because structlog imports its console, and all that draws tracebacks, before it writes a line of JSON.
    """

    def __init__(self, stream: TextIO, least: int = logging.NOTSET) -> None:
        self._stream = stream
        self._least = least

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if level < self._least:
            return
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = {**fields, "event": event, "level": _NAMES[level], "timestamp": now}
        self._stream.write(f"{_LINE.encode(line)}\n")
        self._stream.flush()


def open_log(*, form: str = "auto", level: str = "info") -> Log:
    """A log on stdout: `form` is console, json or auto (console on a terminal, JSON otherwise)."""
    least = logging.getLevelNamesMapping()[level.upper()]
    _quiet_libraries()
    if form == "console" or (form == "auto" and sys.stdout.isatty()):
        return _console(least)
    return JsonLines(sys.stdout, least)


def _console(least: int) -> Log:
    import structlog  # only where a person looks on

    logger: Log = structlog.wrap_logger(
        structlog.WriteLogger(sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _visible,
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
    )
    return logger


def _visible(_logger: object, _method: str, event: Any) -> Any:
    """A device chooses its name, and a server its words: nothing of them reaches the terminal as a command."""
    return {key: _escaped(value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _quiet_libraries() -> None:
    """Libraries log bodies and tokens at their leisure; only what the journal says leaves the process."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
