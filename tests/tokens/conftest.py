"""An authority on a real HTTPS socket that answers what a test tells it to."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import trustme

from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, dict[str, str], str]


def said(status: int, body: object, **headers: str) -> Answer:
    """One HTTP answer; a body that is not text is sent as JSON."""
    return status, headers, body if isinstance(body, str) else json.dumps(body)


@dataclass
class Authority:
    """What is answered next, and what was asked."""

    url: str = ""
    ca_file: Path | None = None
    discovery: list[Answer] = field(default_factory=list)
    tokens: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def endpoints(self) -> Answer:
        paths = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "issuer")
        return said(200, {name: f"{self.url}/oauth2/v2.0/{name}" for name in paths})

    def answer_get(self) -> Answer:
        self.asked.append("discovery")
        return self.discovery.pop(0) if self.discovery else self.endpoints()

    def answer_post(self, form: str) -> Answer:
        self.asked.append("token")
        self.forms.append(parse_qs(form))
        number = len(self.forms)
        usual = said(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{number}"})
        return self.tokens.pop(0) if self.tokens else usual


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(authority.answer_get())

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._send(authority.answer_post(self.rfile.read(length).decode()))

        def _send(self, answer: Answer) -> None:
            status, headers, body = answer
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body.encode()))}).items():
                self.send_header(name.replace("_", "-"), value)
            with contextlib.suppress(OSError):  # the relay has given up waiting
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    return Handler


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context, path


@pytest.fixture
def authority(certificates: tuple[ssl.SSLContext, Path]) -> Iterator[Authority]:
    """A running authority for one test."""
    context, ca_file = certificates
    authority = Authority(ca_file=ca_file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(authority))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    authority.url = f"https://localhost:{server.server_address[1]}/contoso"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield authority
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def entra(authority: Authority) -> Callable[..., Entra]:
    """`entra(**settings)` asks that authority."""

    def build(**settings: Any) -> Entra:
        usual: dict[str, Any] = {"credential": Secret(lambda: "s3cr3t"), "route": Route(authority.ca_file)}
        return Entra("client-1", authority.url, "https://outlook.office365.com/.default", **usual | settings)

    return build
