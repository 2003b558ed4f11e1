"""The HTTP client MSAL speaks through: explicit trust, explicit timeouts, no redirects; it remembers the last answer.

MSAL turns refusals into exceptions and empty dicts that say little; what Entra literally said is remembered here.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0


class Recorder:
    """MSAL's `http_client`: the three methods it uses."""

    def __init__(self, ca_file: Path | None) -> None:
        import requests  # slow, and nobody but MSAL needs it
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self.status = 0
        self.json: dict[str, Any] = {}
        self.retry_after: float | None = None
        self._verify: str | bool = str(ca_file) if ca_file else True
        self._session = requests.Session()
        self._session.trust_env = False  # else REQUESTS_CA_BUNDLE and .netrc win over the configuration
        # a Retry-After belongs to the caller: urllib3 would sleep it out here
        retry = Retry(1, read=False, respect_retry_after_header=False)
        self._session.mount("https://", HTTPAdapter(max_retries=retry))

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
        with contextlib.suppress(KeyError, ValueError):
            self.retry_after = float(answer.headers["Retry-After"])
        if self.status >= 300:  # an answer with a token in it is not remembered
            with contextlib.suppress(ValueError):
                said = json.loads(answer.text)
                self.json = said if isinstance(said, dict) else {}
