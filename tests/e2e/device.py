"""A device on a bare, blocking socket: it says what a test writes, octet for octet, and reads whole replies."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from typing import Self

WAIT_S = 45.0
LETTER = b"From: mfp@device.test\r\nTo: ann@contoso.test\r\nSubject: a scan\r\n\r\nHello\r\n"


class Device:
    """One connection. TLS is not verified: devices don't."""

    def __init__(self, port: int, address: str = "127.0.0.1", *, implicit: bool = False) -> None:
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=WAIT_S, source_address=(address, 0)
        )
        self._ahead = b""
        if implicit:
            self.encrypt()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # -- octets

    def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self.socket.sendall(octets)

    def encrypt(self) -> None:
        """The TLS handshake, as a client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def line(self) -> str:
        """The next line without its end; empty when the relay has closed the connection."""
        while b"\r\n" not in self._ahead:
            more = self.socket.recv(65536)
            if not more:
                return ""
            self._ahead += more
        line, _, self._ahead = self._ahead.partition(b"\r\n")
        return line.decode("ascii")

    def reply(self) -> str:
        """The next whole reply, its lines joined by LF."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def ask(self, command: str) -> str:
        """Sends one command and returns its reply."""
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def finish(self) -> str:
        """Everything the relay still says until it closes."""
        lines = []
        while line := self.line():
            lines.append(line)
        return "\n".join(lines)

    def reset(self) -> None:
        """Vanishes: the connection is reset, as by a device that was switched off behind a router."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # -- mail

    def hello(self, greeting: str = "EHLO device") -> str:
        """Reads the 220 and greets."""
        assert self.reply().startswith("220 ")
        return self.ask(greeting)

    def address(self, *recipients: str, sender: str = "mfp@device.test") -> None:
        """MAIL and RCPT, all taken."""
        assert self.ask(f"MAIL FROM:<{sender}>").startswith("250 ")
        for recipient in recipients:
            assert self.ask(f"RCPT TO:<{recipient}>").startswith("250 ")

    def pour(self, message: bytes) -> str:
        """DATA with its dots doubled; returns the final answer."""
        assert self.ask("DATA").startswith("354 ")
        self.send(dotted(message))
        return self.reply()

    def deliver(self, *recipients: str, message: bytes = LETTER, sender: str = "mfp@device.test") -> str:
        """A whole message that is accepted; returns its id in the relay."""
        self.address(*recipients, sender=sender)
        return queued_as(self.pour(message))


def scan(size: int) -> bytes:
    """A message of about so many octets, in lines of base64."""
    line = b"JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PC9MZW5ndGggNiAwIFIvRmlsdGVyIC9GbGF0ZURl\r\n"
    return b"From: mfp@device.test\r\nSubject: scan\r\n\r\n" + line * (size // len(line))


def dotted(message: bytes) -> bytes:
    """The octets behind DATA, with the end (RFC 5321 §4.5.2: the doubling is for lines, whatever ends them)."""
    doubled = re.sub(rb"(^|\n)\.", rb"\1..", message)
    return doubled + (b".\r\n" if doubled.endswith(b"\r\n") or not doubled else b"\r\n.\r\n")


def queued_as(reply: str) -> str:
    """The id in `250 2.0.0 Ok: queued as …`."""
    found = re.fullmatch(r"250 2\.0\.0 Ok: queued as (\w+)", reply)
    assert found, reply
    return found[1]
