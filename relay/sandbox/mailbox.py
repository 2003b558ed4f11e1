"""What arrived: every message Exchange took, kept to be listed, fetched and waited for.

A small message is kept in memory, a large one in a file; `Arrived.raw` gives the bytes either way. With a directory
each message also becomes `<id>.eml` and `<id>.json` there.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One message as Exchange took it; `raw` is byte for byte what came over the wire, dots undone."""

    id: str
    time: datetime
    mailbox: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    size: int
    sha256: str
    content: bytes | Path
    tls_version: str = ""
    helo: str = ""
    via: str = "DATA"  # or BDAT, or graph
    door: str = "submission"  # or hve, connector, graph
    answer: str = ""
    delayed_s: float = 0.0  # by the limit of messages per minute
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        """The whole message."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content

    @property
    def path(self) -> Path | None:
        """The file it is kept in, or None."""
        return self.content if isinstance(self.content, Path) else None

    @property
    def body(self) -> bytes:
        """What follows the first blank line."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def headers(self) -> Message:
        """The header section, parsed leniently."""
        return BytesParser().parsebytes(self.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", headersonly=True)

    def header(self, name: str) -> str | None:
        """The first header field of that name, or None."""
        value = self.headers.get(name)
        return None if value is None else str(value)

    def to_json(self) -> dict[str, Any]:
        """Everything but the content."""
        return {
            "id": self.id,
            "time": self.time.isoformat(timespec="milliseconds"),
            "mailbox": self.mailbox,
            "mail_from": self.mail_from,
            "rcpt_to": list(self.rcpt_to),
            "size": self.size,
            "sha256": self.sha256,
            "tls_version": self.tls_version,
            "helo": self.helo,
            "via": self.via,
            "door": self.door,
            "answer": self.answer,
            "delayed_s": self.delayed_s,
            "claims": dict(self.claims),
            "from": self.header("From"),
            "subject": self.header("Subject"),
            "message_id": self.header("Message-ID"),
        }


class Arrivals:
    """The messages in the order of their arrival."""

    def __init__(self, directory: Path | None = None) -> None:
        self._messages: list[Arrived] = []
        self._number = 0
        self._directory = directory
        self._changed = asyncio.Event()

    def next_id(self) -> str:
        """A new id: six digits, counting up."""
        self._number += 1
        return f"{self._number:06d}"

    def add(self, message: Arrived) -> None:
        """Keep a message and wake whoever waits for it."""
        self._messages.append(message)
        if self._directory is not None:
            self._write(self._directory, message)
        self._changed.set()
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """Forget all messages (files stay until the cloud stops)."""
        self._messages.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Arrived]:
        return iter(list(self._messages))

    def __getitem__(self, index: int) -> Arrived:
        return self._messages[index]

    def get(self, name: str) -> Arrived | None:
        """The message of that id, or None."""
        return next((message for message in self._messages if message.id == name), None)

    def to(self, recipient: str) -> list[Arrived]:
        """The messages one recipient got."""
        wanted = recipient.lower()
        return [message for message in self._messages if wanted in (to.lower() for to in message.rcpt_to)]

    async def wait_for(self, count: int = 1, timeout: float = 10.0) -> list[Arrived]:  # noqa: ASYNC109
        """Return all messages once there are at least `count`; raise TimeoutError after `timeout` seconds."""
        return await self._wait(lambda: list(self._messages), count, timeout, "messages")

    async def wait_for_recipient(
        self,
        recipient: str,
        count: int = 1,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> list[Arrived]:
        """Return the messages of `recipient` once there are at least `count`; raise TimeoutError otherwise."""
        return await self._wait(lambda: self.to(recipient), count, timeout, f"messages to {recipient}")

    async def _wait(self, found: Callable[[], list[Arrived]], count: int, seconds: float, what: str) -> list[Arrived]:
        try:
            async with asyncio.timeout(seconds):
                while len(messages := found()) < count:
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{len(found())} of {count} {what} arrived within {seconds:g} s") from None
        return messages

    @staticmethod
    def _write(directory: Path, message: Arrived) -> None:
        if message.path is None or message.path.parent != directory:
            (directory / f"{message.id}.eml").write_bytes(message.raw)
        (directory / f"{message.id}.json").write_text(json.dumps(message.to_json(), indent=1) + "\n")


def now() -> datetime:
    """The time of an arrival."""
    return datetime.now(UTC)
