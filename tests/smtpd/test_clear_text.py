"""Who does not begin with TLS where TLS begins: one line in the journal, with what to change in the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.smtpd import porch
from tests.smtpd.conftest import until

if TYPE_CHECKING:
    from tests.smtpd.conftest import Door

IMPLICIT = 1


@pytest.mark.parametrize("said", [b"EHLO copier\r\n", b"GET / HTTP/1.1\r\n\r\n"], ids=["EHLO", "HTTP"])
async def test_clear_text_to_an_implicit_tls_port_is_told_once(door: Door, said: bytes) -> None:
    """The device hears nothing it could understand, so that the journal is all there is."""
    device = await door.device(IMPLICIT)
    device.say(said)
    assert await device.ended()
    await until(lambda: door.events("client.refused"))
    (refused,) = door.events("client.refused")
    assert refused["client"] == "127.0.0.1"
    assert refused["listener"] == "127.0.0.1:0"
    assert refused["reason"].startswith("TLS handshake failed: ")
    assert "turn on SSL in it, or give it the port of a listener with tls: optional" in refused["remedy"]
    assert not door.events("relay.mistake")


async def test_a_device_that_waits_for_a_greeting_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most that speak no TLS say nothing before they hear the 220."""
    monkeypatch.setattr(porch, "HANDSHAKE_S", 0.05)
    device = await door.device(IMPLICIT)
    assert await device.ended()
    await until(lambda: door.events("client.refused"))
    (refused,) = door.events("client.refused")
    assert "turn on SSL in it" in refused["remedy"]


async def test_a_device_that_gives_up_waiting_for_a_greeting_is_told(door: Door) -> None:
    """It closes before our patience ends."""
    device = await door.device(IMPLICIT)
    device.writer.close()
    await until(lambda: door.events("client.refused"))
    (refused,) = door.events("client.refused")
    assert "turn on SSL in it" in refused["remedy"]
