"""Pretend devices on bare sockets: they send letters, and remember of each one what they were told."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.crash.lives import Lives

ANSWER_S = 30.0


class Fate(Enum):
    """What a device knows of a letter."""

    OFFERED = "offered"  # the end of data was never sent: it can't have been accepted
    DOUBTFUL = "doubtful"  # sent to its end, and no answer came
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass
class Letter:
    """One message; its body is known by its digest once it was sent."""

    token: str
    recipients: tuple[str, ...]
    sha256: str
    size: int
    fate: Fate = Fate.OFFERED
    queue_id: str = ""
    answer: str = ""


def body_of(token: str, size: int, dice: random.Random) -> bytes:
    """CRLF lines with whatever breaks dots, and in every other letter octets that have to be encoded on the way in."""
    text = dice.randbytes(size // 2).hex().encode()
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    word = dice.choice(["Grüße", "regards"]).encode()
    return b"\r\n".join([b"Token: " + token.encode(), b".", b"..dots", b".hidden", word, *lines, b""])


def head_of(token: str, recipients: tuple[str, ...]) -> bytes:
    return (
        f"From: Copier <copier@plant.test>\r\nTo: {', '.join(recipients)}\r\nSubject: scan {token}\r\n"
        f"Message-ID: <{token}@plant.test>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n"
    ).encode()


class Connection:
    """One SMTP connection to the relay, from an address that says which device it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int, address: str = "127.0.1.1") -> Self:
        """Connects and says EHLO. Raises OSError."""
        connection = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))
        await connection.reply()
        await connection.say(b"EHLO device.plant.test\r\n")
        return connection

    async def say(self, line: bytes) -> str:
        self._writer.write(line)
        return await self.reply()

    def write(self, octets: bytes) -> None:
        """Sends without waiting for anything."""
        self._writer.write(octets)

    async def reply(self) -> str:
        """The last line of the next reply. Raises ConnectionError."""
        async with asyncio.timeout(ANSWER_S):
            while line := await self._reader.readline():
                if line[3:4] == b" " and line.endswith(b"\n"):
                    return line.decode().strip()
        raise ConnectionResetError("the relay hung up")

    async def submit(self, letter: Letter, body: bytes) -> None:
        """Sends a letter and notes its fate on it, step by step. Raises OSError when the relay goes away."""
        for command in ("MAIL FROM:<copier@plant.test>", *(f"RCPT TO:<{to}>" for to in letter.recipients), "DATA"):
            answer = await self.say(command.encode() + b"\r\n")
            if answer[:1] not in "23":
                letter.fate, letter.answer = Fate.REFUSED, answer
                return
        self._writer.write(head_of(letter.token, letter.recipients) + body.replace(b"\r\n.", b"\r\n.."))
        await self._writer.drain()
        letter.fate = Fate.DOUBTFUL
        letter.answer = await self.say(b".\r\n")
        if letter.answer.startswith("250"):
            letter.fate, letter.queue_id = Fate.ACCEPTED, letter.answer.rpartition(" ")[2]
        else:
            letter.fate = Fate.REFUSED

    def close(self) -> None:
        self._writer.close()


class Typist:
    """Writes letters: mostly small ones, some beyond what the spool keeps in a row, some to many recipients."""

    def __init__(self, name: str, seed: int) -> None:
        self._name = name
        self._dice = random.Random(f"{seed} {name}")
        self._numbers = itertools.count(1)
        self.letters: list[Letter] = []

    def write(self, size: int | None = None, recipients: tuple[str, ...] = ()) -> tuple[Letter, bytes]:
        """A new letter and its body; the body is not kept."""
        token = f"{self._name}-{next(self._numbers)}-{self._dice.getrandbits(40):010x}"
        to = recipients or tuple(f"ann{n}@contoso.test" for n in range(self._dice.choice((1, 1, 1, 2, 4))))
        body = body_of(token, self._size() if size is None else size, self._dice)
        letter = Letter(token, to, hashlib.sha256(body).hexdigest(), len(body))
        self.letters.append(letter)
        return letter, body

    def _size(self) -> int:
        kind = self._dice.random()
        if kind < 0.85:
            return self._dice.randrange(200, 8000)
        if kind < 0.95:
            return self._dice.randrange(60_000, 90_000)  # on both sides of spool.inline_max
        return self._dice.randrange(260_000, 400_000)


class Pace:
    """How many letters the devices may still send in this life: load enough, and a queue that does not run away."""

    def __init__(self) -> None:
        self._left = 0
        self._more = asyncio.Event()

    def grant(self, letters: int) -> None:
        """So many from now on."""
        self._left = letters
        self._more.set()

    async def turn(self) -> None:
        """Returns when one more may be sent."""
        while self._left <= 0:
            self._more.clear()
            await self._more.wait()
        self._left -= 1


async def send_for_ever(lives: Lives, typist: Typist, address: str, pace: Pace) -> None:
    """One device: after a lost connection it goes on with a new letter. Ends by being cancelled, between letters."""
    while True:
        await lives.up.wait()
        try:
            connection = await Connection.to(lives.port, address)
        except OSError:
            await asyncio.sleep(0.01)  # killed this moment: `up` is about to say so
            continue
        try:
            while True:
                await pace.turn()
                await connection.submit(*typist.write())
        except OSError:
            pass
        finally:
            connection.close()
