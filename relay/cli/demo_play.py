"""The demo's course: one device after the other sends, each message's way is shown and compared, then it stays up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from email import message_from_bytes
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from relay.cli import demo_words
from relay.cli.conversation import queue_id
from relay.cli.demo_cast import cast
from relay.cli.demo_stage import DemoError, stage
from relay.cli.demo_ways import ENDED, Way
from relay.cli.main import INTERRUPTED
from relay.cli.options import ExitCode
from relay.cli.progress import progress

if TYPE_CHECKING:
    from relay.cli.demo_cast import Part
    from relay.cli.demo_stage import Stage
    from relay.cli.progress import Progress
    from relay.sandbox.devices import Sent
    from relay.sandbox.mailbox import Arrived

LIMIT_S = 90.0
_ENCODED = frozenset({"eight-bit-encoded", "nul-encoded", "long-lines-encoded"})  # docs/reference/repairs.md


async def until_told(*, once: bool, listen: str, guests: tuple[str, ...]) -> int:
    """Runs the demo; the first signal ends it in good order, further ones change nothing about that."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of another encoding shows ? for an arrow
    run = _Run()
    running = asyncio.create_task(run.all(once=once, listen=listen, guests=guests), name="demo")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, run.stop, running)
    with suppress(asyncio.CancelledError):
        await running
        return ExitCode.DONE
    _say("\nEnded; everything it started and made is gone.")
    return ExitCode.DONE if run.complete else INTERRUPTED


class _Run:
    """One demo; `complete` once the three have arrived."""

    def __init__(self) -> None:
        self.complete = False
        self._told = False

    def stop(self, running: asyncio.Task[None]) -> None:
        """Ends the demo, once: a second signal must not cut off its tidying up."""
        if not self._told:
            self._told = True
            running.cancel()

    async def all(self, *, once: bool, listen: str, guests: tuple[str, ...]) -> None:
        """Raises `DemoError` when something did not arrive."""
        async with stage(listen=listen, guests=guests, nice_port=not once) as standing:
            _say(demo_words.opening(standing))
            count = await play(standing)
            self.complete = True
            if once:
                _say(click.style(f"\nAll {count} arrived, byte for byte.", fg="green", bold=True))
                return
            _say(demo_words.closing(standing, count))
            await _show_what_comes(standing)


async def play(standing: Stage, limit_s: float = LIMIT_S) -> int:
    """Lets the devices send, one after the other, and shows each message's way; returns how many.

    Raises `DemoError` when one is refused, fails, comes otherwise than it was sent, or takes longer than `limit_s`
    together.
    """
    parts = cast(standing.password, several_addresses=standing.several_addresses)
    shown: list[str] = []
    try:
        async with asyncio.timeout(limit_s):
            for number, part in enumerate(parts, 1):
                await _perform(standing, part, number)
                shown.append(part.title)
    except TimeoutError:
        missing = ", ".join(part.title for part in parts[len(shown) :])
        raise DemoError(f"within {limit_s:g} s there did not arrive what was to come from: {missing}") from None
    return len(parts)


async def _perform(standing: Stage, part: Part, number: int) -> None:
    _say(demo_words.entrance(number, part))
    with progress(f"waiting for what {part.title} sends") as busy:
        sent = await asyncio.to_thread(part.send, standing.target(part.source))
        way = await _way_of(standing, queue_id(sent.answer), busy)
    verdict = compare(part, sent, way)
    _say(demo_words.way(way, sent=sent, verdict=verdict))


async def _way_of(standing: Stage, name: str, busy: Progress) -> Way:
    """The way of the message of that id, when it has ended; what comes between is shown."""
    while True:
        came = await standing.ways.next()
        if isinstance(came, Way):
            if came.id == name:
                return came
            told = demo_words.way(came)
        elif came.hopeless:
            raise DemoError(str(came))
        else:
            told = demo_words.trouble(came)
        with busy.aside():
            _say(told)


def compare(part: Part, sent: Sent, way: Way) -> str:
    """What a comparison with what was sent says; raises `DemoError` when they differ."""
    if way.arrived is None:
        raise DemoError(f"Exchange answered {way.delivered['answer']!r} to the message of {part.title}, but has it not")
    encoding = encoding_of(way)
    wanted, got = part.must_arrive(sent), decoded(way.arrived) if encoding else way.arrived.body
    if got != wanted:
        place = next((n for n, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other), "the end")
        raise DemoError(
            f"what {part.title} sent arrived otherwise: body of {len(wanted)} octets sent, {len(got)} arrived, "
            f"different from {place} on"
        )
    if way.arrived.rcpt_to != sent.recipients:
        raise DemoError(f"{part.title} wrote to {sent.recipients}, it arrived for {way.arrived.rcpt_to}")
    if encoding:
        return f"body byte for byte as sent, on its way in {encoding}"
    return "body byte for byte as sent" if got in sent.message else "body byte for byte, line feeds now CRLF"


def encoding_of(way: Way) -> str:
    """The encoding that the relay gave the body, because Exchange takes it no other way; empty where it did not."""
    if way.arrived is None or _ENCODED.isdisjoint(way.received["changes"]):
        return ""
    return (way.arrived.header("Content-Transfer-Encoding") or "").strip().lower()


def decoded(arrived: Arrived) -> bytes:
    """The body as its reader gets it, of a message of one part."""
    payload = message_from_bytes(arrived.raw).get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


async def _show_what_comes(standing: Stage) -> None:
    """Until cancelled; raises `DemoError` when the relay ends."""
    while True:
        came = await standing.ways.next()
        if isinstance(came, Way):
            _say("\n" + demo_words.way(came))
            continue
        if came.event["event"] == ENDED:
            raise DemoError(str(came))
        _say("\n" + demo_words.trouble(came))


def _say(text: str) -> None:
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
