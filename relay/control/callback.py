"""Catches the browser's answer to a sign-in: a small HTTP server that serves one sign-in and nothing else.

The right `state` makes a request the answer, whatever its path (a reverse proxy may change that). All else (favicon,
another tab, somebody's guess) gets a page that says so, and changes nothing. The browser sees how the sign-in ended.
"""

from __future__ import annotations

import html
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from relay.config.settings import TlsFloor
from relay.control.authorize import AuthorizeError
from relay.smtpd.tls import server_contexts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from relay.config.settings import Settings
    from relay.control.authorize import Authorization

_MOST_OCTETS = 65_536
_CONNECTION_S = 10
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of the page holds the code
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_WAITING = "No sign-in came with this request. Open the address that <code>relay authorize</code> shows."
_FOREIGN = "This is the answer to another sign-in. Close this tab, and use the address shown last."
_OVER = "This sign-in is over already. You can close this tab."
_LARGE = "This request is too large to be the answer to a sign-in."


class Callback:
    """Listens while it is a context; `wait` gives what `Authorization.finish` made of the answer."""

    def __init__(
        self, authorization: Authorization, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> None:
        """Raises `OSError` when the port can't be had."""
        self._authorization = authorization
        self._once = threading.Lock()
        self._ended = threading.Event()
        self._outcome: list[str] | AuthorizeError | None = None
        kind = _SixServer if ":" in host else _Server
        self._server = kind((host, port), self._handler())
        if context is not None:  # the handshake is made by the thread of the connection
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="callback", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def wait(self, timeout_s: float) -> list[str] | None:
        """What to tell once somebody has signed in; None when nobody came. Raises `AuthorizeError`."""
        self._ended.wait(timeout_s)
        if isinstance(self._outcome, AuthorizeError):
            raise self._outcome
        return self._outcome

    def answer(self, parameters: Mapping[str, str]) -> tuple[int, str]:
        """Status and page for one request."""
        if "state" not in parameters:
            return 404, _WAITING
        if not self._authorization.is_mine(parameters):
            return 400, _FOREIGN
        with self._once:
            if self._outcome is not None:
                return 410, _OVER
            return self._finish(parameters)

    def told(self) -> None:
        """The browser has its page: if the sign-in is over, whoever waits goes on."""
        if self._outcome is not None:
            self._ended.set()

    def _finish(self, parameters: Mapping[str, str]) -> tuple[int, str]:
        try:
            self._outcome = self._authorization.finish(parameters)
        except AuthorizeError as error:
            self._outcome = error
            return 400, "<b>Not signed in.</b><br>" + html.escape(str(error)).replace("\n", "<br>")
        return 200, "<b>Signed in.</b> You can close this tab.<br>" + "<br>".join(map(html.escape, self._outcome))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        callback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _CONNECTION_S

            def do_GET(self) -> None:
                self._say(*callback.answer(_parameters(urlsplit(self.path).query)))

            def do_POST(self) -> None:
                """response_mode=form_post."""
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > _MOST_OCTETS:
                    self._say(413, _LARGE)
                    return
                form = self.rfile.read(int(length)).decode("ascii", "replace")
                self._say(*callback.answer(_parameters(form)))

            def _say(self, status: int, text: str) -> None:
                page = f"<!doctype html><title>relay authorize</title><p>{text}</p>\n".encode()
                try:
                    self.send_response(status)
                    for name, value in (_HEADERS | {"Content-Length": str(len(page))}).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(page)
                finally:
                    callback.told()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the signature of http.server)
                """Says nothing: the code is in the address."""

        return Handler


def own_certificate(settings: Settings) -> ssl.SSLContext:
    """TLS with the relay's own certificate. Raises `SecretError`, `CertificateError` or `OSError`."""
    hostname = settings.hostname or socket.gethostname()
    return server_contexts(settings.tls, settings.data_dir, hostname)[TlsFloor.MODERN]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without the look-up of the machine's name that http.server makes here."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away, or speaks something else than HTTP, is no trouble of ours."""


class _SixServer(_Server):
    address_family = socket.AF_INET6


def _parameters(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}
