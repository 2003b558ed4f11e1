"""Commands, one line each, out of octets that can be handed over to DATA, and the rest of them taken back."""

from __future__ import annotations

import re

from relay.smtpd.proxy import SIGNATURE

LIMIT = 16 * 1024  # RFC 4954 §4 asks for 12288 octets in AUTH lines
_OLD_HANDSHAKE = re.compile(rb"[\x80-\xff].\x01\x03", re.DOTALL)  # the same in SSLv2's form (RFC 5246 appendix E.2)
_HANDSHAKE = b"\x16\x03"  # a TLS record, type handshake, version 3.x (RFC 8446 §5.1); no command begins so
_PROXY = (b"PROXY ", SIGNATURE)
_STRANGE = frozenset([*range(0x80, 0x100), _HANDSHAKE[0], *(beginning[0] for beginning in _PROXY)])


class LineTooLong(ValueError):  # noqa: N818  (named for what happened)
    """A line longer than `LIMIT`; it was read to its end and dropped."""


class ClientHello(ConnectionError):  # noqa: N818  (named for what happened)
    """What came is not a line but the beginning of a TLS handshake: the device speaks implicit TLS to a plain port."""


class ProxyHeader(ConnectionError):  # noqa: N818  (named for what happened)
    """What came is not a line but a PROXY header, where none is taken."""


class Lines:
    """What was read ahead; `len` of it in octets."""

    def __init__(self) -> None:
        self._ahead = bytearray()
        self._too_long = False

    def __len__(self) -> int:
        return len(self._ahead)

    def feed(self, octets: bytes) -> None:
        """These came."""
        self._ahead += octets

    def next(self) -> bytes | None:
        """The next line with its end, CRLF or LF; None until it has come whole.

        Raises `LineTooLong`, `ClientHello`, `ProxyHeader`.
        """
        ahead = self._ahead
        if not ahead:
            return None
        if ahead[0] in _STRANGE:
            self._look_for_strangers()
        end = ahead.find(b"\n") + 1
        if not end:
            if len(ahead) > LIMIT:
                self._too_long = True
                ahead.clear()
            return None
        line = bytes(ahead[:end])
        del ahead[:end]
        if self._too_long or end > LIMIT:
            self._too_long = False
            raise LineTooLong
        return line

    def _look_for_strangers(self) -> None:
        if self._ahead.startswith(_HANDSHAKE) or _OLD_HANDSHAKE.match(self._ahead):
            raise ClientHello
        if self._ahead.startswith(_PROXY):
            raise ProxyHeader

    def take_all(self) -> bytes:
        """Everything that was read ahead."""
        ahead = bytes(self._ahead)
        self._ahead.clear()
        return ahead

    def give_back(self, octets: bytes) -> None:
        """Puts octets in front of what comes next."""
        self._ahead[:0] = octets
