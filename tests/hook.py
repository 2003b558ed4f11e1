"""A webhook on this machine: keeps what is posted to it, so that a test can wait for it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WAIT_S = 45.0


class Hook:
    """Answers `status`; `notes` are the (title, message, type) that came."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.notes: list[dict[str, Any]] = []
        self._came = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                note = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                with hook._came:
                    hook.notes.append(note)
                    hook._came.notify_all()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self._server.server_port}/hook/s3cret-token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def titles(self) -> list[str]:
        return [note["title"] for note in self.notes]

    def wait(self, count: int, part: str = "") -> list[dict[str, Any]]:
        """Blocks until so many notes have come whose title has that part."""
        with self._came:
            done = self._came.wait_for(lambda: len(self._with(part)) >= count, WAIT_S)
        assert done, f"{self.titles} instead of {count} with {part!r}"
        return self._with(part)

    def _with(self, part: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if part in note["title"]]
