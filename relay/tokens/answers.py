"""The HTTP client MSAL speaks through: explicit trust, explicit way out, explicit timeouts, no redirects.

Nothing of it comes from the environment. MSAL turns refusals into exceptions and empty dicts that say little; what
Entra literally said last is remembered here.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Route:
    """How HTTPS leaves: the authorities trusted (None: the usual ones), the proxy and the local address, if any."""

    ca_file: Path | None = None
    https_proxy: str = field(default="", repr=False)
    source_address: str = ""

    @property
    def proxy_host(self) -> str:
        """The proxy to be named: without a user or password."""
        return urlsplit(self.https_proxy).netloc.rpartition("@")[2]


class Recorder:
    """MSAL's `http_client`: the three methods it uses."""

    def __init__(self, route: Route) -> None:
        self.status = 0
        self.json: dict[str, Any] = {}
        self.retry_after: float | None = None
        self._verify: str | bool = str(route.ca_file) if route.ca_file else True
        self._session = _session(route)

    def get(self, url: str, **kwargs: Any) -> Any:
        return self._ask("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> Any:
        return self._ask("POST", url, **kwargs)

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, url: str, **kwargs: Any) -> Any:
        """Redirects are not followed: a 307 would carry the client secret to wherever it points."""
        self.status, self.json, self.retry_after = 0, {}, None
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        kwargs |= {"timeout": timeout, "verify": self._verify, "allow_redirects": False}
        answer = self._session.request(method, url, **kwargs)
        answer.encoding = "utf-8"  # else requests guesses
        self._remember(answer)
        return answer

    def _remember(self, answer: Any) -> None:
        self.status = answer.status_code
        self.retry_after = _seconds(answer.headers.get("Retry-After", ""))
        if self.status >= 300:  # an answer with a token in it is not remembered
            with contextlib.suppress(ValueError):
                said = json.loads(answer.text)
                self.json = said if isinstance(said, dict) else {}


def first_words(exc: Exception) -> str:
    """What an exception says, on one line and not without end."""
    return " ".join(str(exc).split())[:300]


def innermost_words(exc: BaseException) -> str:
    """What the cause says that requests and urllib3 wrap: theirs are so long that it would be cut off."""
    while exc.__context__ is not None:
        exc = exc.__context__
    return first_words(Exception(str(exc)))


def _session(route: Route) -> Any:
    import requests  # slow, and nobody but MSAL needs it
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    class Adapter(HTTPAdapter):
        """requests has no setting for the local address; urllib3 has."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs | _local(route))

        def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, **kwargs | _local(route))

    session = requests.Session()
    session.trust_env = False  # else REQUESTS_CA_BUNDLE, HTTPS_PROXY and .netrc win over the configuration
    if route.https_proxy:
        session.proxies = {"https": route.https_proxy}
    # a Retry-After belongs to the caller: urllib3 would sleep it out here
    session.mount("https://", Adapter(max_retries=Retry(1, read=False, respect_retry_after_header=False)))
    return session


def _local(route: Route) -> dict[str, Any]:
    return {"source_address": (route.source_address, 0)} if route.source_address else {}


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds; it may also be a date (RFC 9110 §10.2.3)."""
    with contextlib.suppress(ValueError):
        seconds = float(retry_after)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    return None
