"""The devices: they send what they say, one message per connection, and report refusals instead of hiding them."""

from __future__ import annotations

import asyncio

import pytest

from bench import load, smtp_source
from bench.load import Job
from bench.messages import body_of, head_of


def test_every_message_arrives_with_the_size_asked_for(cloud):
    """The end mark's dot and CRLF come on top."""
    report = load.send(Job(cloud.smtp_port, devices=3, messages=7, size=2000))
    arrived = cloud.wait(7, 5)
    assert (report.accepted, report.refusals, arrived.count) == (7, [], 7)
    assert arrived.octets == 7 * 2003
    assert arrived.peak_connections <= 3


def test_rates_and_times_follow_from_what_was_measured():
    """Per second, megabytes of 10^6 octets, the share of messages that were faster."""
    report = load.Report(accepted=4, seconds=2.0, octets=4_000_000, latencies_ms=[4.0, 1.0, 3.0, 2.0])
    assert (report.rate, report.megabytes_per_second) == (2.0, 2.0)
    assert (report.percentile_ms(0.5), report.percentile_ms(0.95)) == (3.0, 4.0)


async def test_a_refusal_is_reported_in_the_words_of_the_other_side():
    """It is no accepted message and is not tried again."""
    server = await asyncio.start_server(_refuse, "127.0.0.1", 0)
    async with server:
        job = Job(server.sockets[0].getsockname()[1], devices=1, messages=2, size=2000)
        report = await asyncio.to_thread(load.send, job)
    assert report.accepted == 0
    assert report.refusals == ["step 0: 554 5.3.2 closed"] * 2


async def test_a_connection_that_ends_early_is_a_refusal():
    """Nothing is accepted until its 250 was read."""
    server = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
    async with server:
        report = await asyncio.to_thread(load.send, Job(server.sockets[0].getsockname()[1], 1, 1, 2000))
    assert report.accepted == 0
    assert report.refusals[0].startswith("connection lost at step 0")


def test_a_generator_that_fails_says_why():
    """Port 1 is nobody's: smtp-source ends with an error, or is not there at all."""
    with pytest.raises((RuntimeError, FileNotFoundError), match="smtp-source"):
        smtp_source.send(Job(1, 1, 1, 1000))


@pytest.mark.parametrize("octets", [2, 77, 78, 79, 80, 10_000, 200_000])
def test_a_body_has_exactly_the_octets_asked_for_and_no_dot(octets):
    """So nothing needs dot-stuffing, and it ends with a line's end."""
    body = body_of(octets)
    assert len(body) == octets
    assert body.endswith(b"\r\n")
    assert b"." not in body


def test_no_two_messages_have_the_same_message_id():
    """A peer could otherwise take one for the other."""
    assert head_of("1") != head_of("2")


async def _refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"554 5.3.2 closed\r\n")
    await writer.drain()
    writer.close()


async def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
