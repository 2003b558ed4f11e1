"""A message that has come whole, made fit for Exchange before it is durable (docs/reference/repairs.md).

Works on files and takes its time with damaged bodies: only small messages may be mended in the event loop. A mistake in
mending never costs a message: it goes on as it came, and says so.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from relay.message.header import section_of
from relay.message.mend_body import plan_body
from relay.message.mend_header import mend_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from relay.message.mend_body import Watch

_READ = 128 * 1024
_FAILED = "mending-failed"


class Body(Protocol):
    """Octets that can be read again, and exchanged."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """All of them, from the start."""
        ...

    def replace(self, chunks: Iterable[bytes]) -> None:
        """Others in their place, made of `chunks()`; when it fails, it did not happen."""
        ...


class Pieces:
    """A small body, in memory."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.size = sum(map(len, pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def replace(self, chunks: Iterable[bytes]) -> None:
        self.pieces = list(chunks)
        self.size = sum(map(len, self.pieces))


class OpenFile:
    """A large body, in a file that is still open for writing."""

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self.path = path
        self.fd = fd
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as file:
            while chunk := file.read(_READ):
                yield chunk

    def replace(self, chunks: Iterable[bytes]) -> None:
        """Raises `OSError`."""
        path = self.path.with_suffix(".mended")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = _written(fd, chunks)
            self.path.unlink()
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):  # swept at the next start
                path.unlink()
            raise
        os.close(self.fd)
        self.path, self.fd, self.size = path, fd, size


@dataclass(frozen=True, slots=True)
class Fit:
    """The header section (without the empty line) as it goes on, and what is to be told of the message.

    `repairs` and `left` as in `relay.message.mend_body.Plan`. When mending failed, `left` has mending-failed and
    `mistake` says how.
    """

    section: bytes
    repairs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    eight_bit: bool = False
    mistake: str = ""


def made_fit(head: bytes, body: Body, watch: Watch, *, assumed: str) -> Fit:
    """Mends header and body; `watch` has seen the body. Raises `OSError`, and nothing else."""
    section, repairs = section_of(head), tuple[str, ...]()
    try:
        section, repairs = mend_header(head, has_body=body.size > 0, assumed=assumed)
        if watch.damaged:
            return _with_body(section, repairs, body, assumed=assumed)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  (a mistake of ours must not cost the device its message)
        eight_bit = watch.eight_bit or not section.isascii()
        return Fit(section, repairs, (_FAILED,), eight_bit, f"{type(error).__name__}: {error}")
    return Fit(section, repairs)


def _with_body(section: bytes, repairs: tuple[str, ...], body: Body, *, assumed: str) -> Fit:
    plan = plan_body(section, body.chunks(), assumed=assumed)
    if plan.repairs:
        body.replace(plan.mended(body.chunks()))
    return Fit(plan.section if plan.repairs else section, repairs + plan.repairs, plan.left, plan.eight_bit)


def _written(fd: int, chunks: Iterable[bytes]) -> int:
    """How many octets; they come line by line, so they are gathered."""
    with open(fd, "wb", buffering=1 << 20, closefd=False) as file:
        return sum(map(file.write, chunks))
