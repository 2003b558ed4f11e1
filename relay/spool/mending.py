"""A message that has come whole, made fit for Exchange before it is durable (docs/reference/repairs.md).

Works on files and takes its time with damaged bodies: only small messages may be mended in the event loop. A mistake in
mending never costs a message: it goes on as it came, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from relay.message.header import section_of
from relay.message.mend_body import plan_body
from relay.message.mend_header import mend_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relay.message.mend_body import Watch

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
    """A small body, in memory; a large one is `relay.spool.bodyfile.BodyFile`."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.size = sum(map(len, pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def replace(self, chunks: Iterable[bytes]) -> None:
        self.pieces = list(chunks)
        self.size = sum(map(len, self.pieces))


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
