"""Where the journal is written: console for people, JSON lines for machines. Secrets never get here."""

from __future__ import annotations

import logging
import sys

import structlog

_NOISY = ("mail.log", "msal", "urllib3", "asyncio", "aiosmtplib", "uvicorn")


def open_log(*, form: str = "auto", level: str = "info") -> structlog.typing.FilteringBoundLogger:
    """A logger on stdout: `form` is console, json or auto (console on a terminal, JSON otherwise)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    _quiet_libraries()
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )
    return logger


def _rendering(form: str) -> list[structlog.typing.Processor]:
    if form == "console" or (form == "auto" and sys.stdout.isatty()):
        return [_visible, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    return [structlog.processors.JSONRenderer()]


def _visible(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
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
