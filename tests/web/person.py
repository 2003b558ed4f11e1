"""A person's browser at the dashboard, as far as signing in needs one: cookies, forms, and where it goes next."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from tests.e2e.running import WAIT_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Seen:
    """One answer."""

    status: int
    body: str
    headers: http.client.HTTPMessage

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return self.headers.get("Location", "")


@dataclass
class Person:
    """Asks one relay; `context` where it speaks https."""

    port: int
    context: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"

    def get(self, path: str, **headers: str) -> Seen:
        """A link."""
        return self.ask("GET", path, headers)

    def post(self, path: str, form: Mapping[str, str] = {}, headers: Mapping[str, str] = OWN_PAGE) -> Seen:
        """A form of a page; of the relay's own unless `headers` say otherwise."""
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, {**typed, **headers}, urlencode(form))

    def sign_in(self, name: str, password: str, target: str = "/", **headers: str) -> Seen:
        """With the form."""
        form = {"name": name, "password": password, "next": target}
        return self.post("/sign-in", form, {**OWN_PAGE, **headers})

    def ask(self, method: str, path: str, headers: Mapping[str, str] = {}, body: str | None = None) -> Seen:
        """One request on a connection of its own; cookies are kept as a browser keeps them."""
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=WAIT_S, context=self.context)
            if self.context
            else http.client.HTTPConnection(self.host, self.port, timeout=WAIT_S)
        )
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        try:
            connection.request(method, path, body, {**(cookie if self.cookies else {}), **headers})
            answer = connection.getresponse()
            seen = Seen(answer.status, answer.read().decode(), answer.headers)
        finally:
            connection.close()
        self._keep(seen)
        return seen

    def _keep(self, seen: Seen) -> None:
        for line in seen.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]


def path_of(url: str) -> str:
    """What is asked of the relay when that address is opened."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
