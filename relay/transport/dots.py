"""Dot-stuffing of a stream (RFC 5321 §4.5.2), chunk by chunk."""

from __future__ import annotations


class DotStuffer:
    """Doubles each dot that begins a line. A line begins after CRLF only: a bare LF ends no line."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the last two octets: the message begins at the beginning of a line

    def stuff(self, chunk: bytes) -> bytes:
        """The chunk as it goes on the wire; the border to the chunk before is seen."""
        if not chunk:
            return chunk
        stuffed = chunk.replace(b"\r\n.", b"\r\n..") if b"\r\n." in chunk else chunk
        if self._tail == b"\r\n" and chunk.startswith(b"."):
            stuffed = b"." + stuffed
        elif self._tail.endswith(b"\r") and chunk.startswith(b"\n."):
            stuffed = b"\n." + stuffed[1:]
        self._tail = (self._tail + chunk[-2:])[-2:]
        return stuffed

    def end(self) -> bytes:
        """The end of data, with the CRLF the last line may lack."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"
