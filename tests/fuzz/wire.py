"""A client that says whatever it is told, octet for octet, and checks each reply: legal, and there in time."""

from __future__ import annotations

import re
import socket
import struct

from tests.fuzz.service import WAIT_S, trusting

CODES = {220, 221, 235, 250, 334, 354, 421, 450, 451, 452, 500, 501, 502, 503, 504, 530, 535, 550, 551, 552, 553, 554}
_LINE = re.compile(r"(\d\d\d)([ -])([\x20-\x7e]*)")
_LEAKS = ("Traceback", "Error:", "Exception", "object at 0x", ".py")


class Wire:
    """One connection, greeted."""

    def __init__(self, port: int) -> None:
        self._socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._ahead = b""
        self.open = True
        assert self.reply() == 220, "the next client was not greeted"

    def say(self, octets: bytes) -> None:
        """Sends; that the relay has closed meanwhile shows when its reply is read."""
        try:
            self._socket.sendall(octets)
        except OSError:
            self.open = False

    def reply(self) -> int:
        """The code of the next whole reply; 0 when the relay has closed. A `TimeoutError` is a relay that hangs."""
        code, more = 0, "-"
        while more == "-":
            line = self._line()
            if line is None:
                self.open = False
                return 0
            match = _LINE.fullmatch(line)
            assert match, f"not a reply: {line!r}"
            code, more = int(match[1]), match[2]
            assert code in CODES, line
            assert len(line) <= 510, line
            assert not any(leak in line for leak in _LEAKS), line
        return code

    def _line(self) -> str | None:
        while b"\r\n" not in self._ahead:
            try:
                more = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                more = b""
            if not more:
                assert not self._ahead, f"half a reply: {self._ahead!r}"
                return None
            self._ahead += more
        line, _, self._ahead = self._ahead.partition(b"\r\n")
        return line.decode("ascii")

    def encrypt(self) -> None:
        """The handshake of a client."""
        self._socket = trusting().wrap_socket(self._socket)

    def finish_sending(self) -> None:
        """No more octets will come; replies are still read."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.open = False

    def close(self, *, reset: bool = False) -> None:
        """Leaves, with a reset if wanted."""
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        self.open = False
