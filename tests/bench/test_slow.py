"""Slow devices beside normal ones, in small: the measurement measures what it says."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench import document, slow
from bench.crawl import Crowd
from bench.slow import MARK, Load, Outcome, Seen, measured, render

REPORT = slow.load.Report(accepted=2, seconds=1.0, octets=2, latencies_ms=[1.0, 2.0])


def outcome(p95_ms: float = 10, left: int = 20) -> Outcome:
    """A measurement with that p95 beside the slow ones."""
    late = slow.load.Report(accepted=1, seconds=1.0, octets=1, latencies_ms=[p95_ms])
    return Outcome(Seen(REPORT, REPORT, 60, 1), Seen(REPORT, late, 70, 1), 20, left, 50, 55)


def test_normal_devices_go_on_beside_slow_ones(tmp_path):
    """Twenty at every place of the dialogue, five that send; each slow one is there to the end, nothing is lost."""
    found = measured(tmp_path, 20, Load(devices=5, small=50, scans=10))
    assert found.left == 20
    assert (found.beside.small.accepted, found.beside.scans.accepted) == (50, 10)
    assert min(found.idle_mb, found.holding_mb) > 10  # PSS falls when others share pages: which is larger is chance
    assert "20 slow" in render(found, 5)


def test_a_target_that_is_missed_is_told():
    """By a p95 of a second, and by slow ones that were not held."""
    assert outcome().reached
    assert not outcome(p95_ms=1000).reached
    assert not outcome(left=19).reached
    assert "MISSED" in render(outcome(p95_ms=1000), 5)


async def test_slow_devices_that_are_sent_away_are_not_counted():
    """A server that hangs up on whoever is slow holds none of them."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n" + b"250 x\r\n" * 3 + b"354 x\r\n")
        if writer.get_extra_info("peername")[0] == "127.0.1.1":
            await arrived.wait()
            writer.write(b"421 too slow\r\n")
        else:
            await reader.read()
        writer.close()

    def held(port: int, loop: asyncio.AbstractEventLoop) -> int:
        with Crowd(port, 55) as crowd:
            loop.call_soon_threadsafe(arrived.set)
            time.sleep(0.3)
        return crowd.left

    arrived = asyncio.Event()
    async with await asyncio.start_server(hasty, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(held, port, asyncio.get_running_loop()) == 5


async def test_slow_devices_that_are_not_let_in_are_an_error():
    """Else the figures would be those of an empty room."""

    async def closed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 full\r\n")
        await writer.drain()
        writer.close()

    def enter(port: int) -> None:
        with Crowd(port, 5):
            pass

    async with await asyncio.start_server(closed, "127.0.0.1", 0) as server:
        with pytest.raises(RuntimeError, match="did not get to their places"):
            await asyncio.to_thread(enter, server.sockets[0].getsockname()[1])


def test_the_page_has_a_place_for_the_figures(tmp_path):
    """Of its own, beside that of the comparison."""
    page = tmp_path / "performance.md"
    page.write_text(document.PAGE.read_text())
    document.write_figures("the slow table", page, mark=MARK)
    document.write_figures("the other table", page)
    assert page.read_text().index("the other table") < page.read_text().index("the slow table")
