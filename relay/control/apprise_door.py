"""The one door to Apprise: whether it understands an address, and one notification sent; both block.

It is imported by whoever needs it, when it is needed: that takes a quarter of a second. What Apprise says goes to the
caller, with every piece of the address struck out, for it holds tokens and passwords; and to no log.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

import apprise

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = "Apprise does not understand this address; https://appriseit.com lists how each service is written"
_SHORTEST = 4
_PROXY = "HTTPS_PROXY"
_THEIRS = any(os.environ.get(name) for name in (_PROXY, _PROXY.lower()))
_KINDS = {"trouble": apprise.NotifyType.WARNING, "over": apprise.NotifyType.SUCCESS, "news": apprise.NotifyType.INFO}
_LOGGER = logging.getLogger("apprise")
_LOGGER.propagate = False
_LOGGER.addHandler(logging.NullHandler())  # or the last resort of logging would print it


class _Ear(logging.Handler):
    """Hears what Apprise has to say in one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())

    def __enter__(self) -> Self:
        _LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _LOGGER.removeHandler(self)


def misunderstood(url: str) -> str:
    """Why an address can't be used; empty when it can."""
    with _Ear() as ear:
        return "" if _service(url) is not None else _told(url, ear, LOST)


def send(url: str, title: str, body: str, kind: str, proxy: str = "") -> str:
    """Sends one notification; `kind` is trouble, over or news. Why it was not taken; empty when it was."""
    _leave_by(proxy)
    with _Ear() as ear:
        service = _service(url)
        if service is None:
            return _told(url, ear, LOST)
        taken = service.notify(title=title, body=body or title, notify_type=_KINDS[kind])
        return "" if taken else _told(url, ear, "it was not taken, and Apprise does not say why")


def _leave_by(proxy: str) -> None:
    """Its plugins look for a proxy in the environment alone, where nothing else of the relay looks. One that the
    administrator has put there stays; NO_PROXY is heeded.
    """
    if _THEIRS:
        return
    if proxy:
        os.environ[_PROXY] = proxy
    else:
        os.environ.pop(_PROXY, None)


def _service(url: str) -> apprise.NotifyBase | None:
    asset = apprise.AppriseAsset(app_id="m365-smtp-relay", app_desc="SMTP relay", async_mode=False, secure_logging=True)
    found = apprise.Apprise.instantiate(url.strip(), asset=asset, suppress_exceptions=True)
    return found if isinstance(found, apprise.NotifyBase) else None


def _told(url: str, ear: _Ear, otherwise: str) -> str:
    return masked("; ".join(dict.fromkeys(ear.said)) or otherwise, url)


def masked(text: str, url: str) -> str:
    """The text without any piece of the address but its scheme."""
    for piece in sorted(_pieces(url), key=len, reverse=True):
        text = re.sub(re.escape(piece), "***", text, flags=re.IGNORECASE)
    return text


def _pieces(url: str) -> Iterator[str]:
    rest = url.strip().partition("://")[2] or url.strip()
    for piece in (rest, *re.split(r"[/?&=:@#]", rest)):
        if len(piece) >= _SHORTEST:
            yield from {piece, unquote(piece)}
