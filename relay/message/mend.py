"""A whole message mended in memory: for dry runs and for small messages; the spool mends large ones as they stream."""

from __future__ import annotations

from dataclasses import dataclass

from relay.message.mend_body import Watch, plan_body
from relay.message.mend_header import mend_header
from relay.message.mend_start import body_start
from relay.message.mend_words import WESTERN

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Mended:
    """The header section (without the empty line) and the body as Exchange takes them.

    `repairs` and `left` as in `Plan`; `eight_bit` whether the body still has octets beyond ASCII.
    """

    section: bytes
    body: bytes
    repairs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    eight_bit: bool = False


def mended(message: bytes, *, assumed: str = WESTERN) -> Mended:
    """A message with CRLF line ends, as it will be sent. Raises `HeaderTooLarge`."""
    start = body_start(message, complete=True)
    assert start is not None  # it is complete
    section, repairs = mend_header(message[:start], has_body=start < len(message), assumed=assumed)
    return mended_body(section, message[start:], repairs, assumed=assumed)


def mended_body(section: bytes, body: bytes, repairs: tuple[str, ...] = (), *, assumed: str = WESTERN) -> Mended:
    """A body behind a section that is mended already; `repairs` are those of the section."""
    chunks = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
    watch = Watch()
    for chunk in chunks:
        watch.see(chunk)
    if not watch.damaged:
        return Mended(section, body, repairs)
    plan = plan_body(section, chunks, assumed=assumed)
    if plan.repairs:
        section, body = plan.section, b"".join(plan.mended(chunks))
    return Mended(section, body, repairs + plan.repairs, plan.left, plan.eight_bit)
