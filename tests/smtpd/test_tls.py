"""The floor of TLS: real clients of TLS 1.0, and what each listener makes of them."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relay.config.settings import TlsFloor
from relay.smtpd.tls import handshake_remedy
from tests.smtpd.conftest import LETTER, Device, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import NeedTool
    from tests.smtpd.conftest import Door

    Open = Callable[..., Any]

MONO = Path(__file__).parent / "mono" / "send.cs"


def listeners(**options: Any) -> list[dict[str, Any]]:
    return [{"listen": "127.0.0.1:0", **options}]


def old_client(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """A device of that time: this version and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-SHA", "ECDHE-RSA-AES128-SHA"])
async def test_a_legacy_listener_speaks_old_tls(open_door: Open, version: ssl.TLSVersion, cipher: str) -> None:
    """STARTTLS and a whole letter, with the suites of devices that are fifteen years old."""
    door = await open_door(listeners=listeners(tls="required", tls_floor="legacy"))
    device = await encrypted(door, old_client(version, f"{cipher}:@SECLEVEL=0"))
    tls = device.writer.get_extra_info("ssl_object")
    assert (tls.version(), tls.cipher()[0]) == (version.name.replace("_", "."), cipher)
    device.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<ann@contoso.test>\r\nDATA\r\n")
    assert [(await device.hear())[:3] for _ in range(3)] == ["250", "250", "354"]
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_a_modern_listener_refuses_old_tls_and_says_what_to_do(open_door: Open, version: ssl.TLSVersion) -> None:
    """In the journal: the device shows nothing that helps."""
    door = await open_door(listeners=listeners(tls="optional"))
    with pytest.raises(OSError):
        await encrypted(door, old_client(version))
    await until(lambda: door.events("session.broken"))
    (broken,) = door.events("session.broken")
    assert "unsupported protocol" in broken["reason"]
    assert "tls_floor: legacy" in broken["remedy"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("floor", ["legacy", "modern"])
async def test_the_floor_holds_for_implicit_tls_too(open_door: Open, floor: str) -> None:
    """A handshake that fails before there is a session is told with the address it came from."""
    door = await open_door(listeners=listeners(tls="implicit", tls_floor=floor))
    old = old_client(ssl.TLSVersion.TLSv1)
    if floor == "legacy":
        assert (await (await door.device(tls=old)).hear())[:3] == "220"
        return
    with pytest.raises(OSError):
        await door.device(tls=old)
    await until(lambda: door.events("client.refused"))
    (refused,) = door.events("client.refused")
    assert refused["client"] == "127.0.0.1"
    assert "tls_floor: legacy" in refused["remedy"]


async def test_a_legacy_listener_speaks_new_tls_with_who_can(open_door: Open, trusting: ssl.SSLContext) -> None:
    """The floor is low, the ceiling is where it was."""
    door = await open_door(listeners=listeners(tls_floor="legacy"))
    device = await encrypted(door, trusting)
    assert device.writer.get_extra_info("ssl_object").version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_suite_without_a_certificate_is_never_agreed_on(open_door: Open) -> None:
    """Anybody in between could be the relay."""
    door = await open_door(listeners=listeners(tls_floor="legacy"))
    with pytest.raises(OSError):
        await encrypted(door, old_client(ssl.TLSVersion.TLSv1, "aNULL:@SECLEVEL=0"))
    await until(lambda: door.events("session.broken"))
    assert "tls: none" in door.events("session.broken")[0]["remedy"]


@pytest.mark.parametrize("floor", ["legacy", "modern"])
async def test_openssl_as_an_old_device(open_door: Open, need_tool: NeedTool, floor: str) -> None:
    """A client that shares no code of Python's with the relay, at TLS 1.0 and nothing else."""
    openssl = need_tool("openssl")
    door = await open_door(listeners=listeners(tls_floor=floor))
    old = ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0", "-starttls", "smtp", "-crlf", "-quiet"]
    process = await asyncio.create_subprocess_exec(
        openssl, "s_client", *old, "-connect", f"127.0.0.1:{door.ports[0]}",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said, trouble = await asyncio.wait_for(process.communicate(b"EHLO old\nMAIL FROM:<a@b.test>\nQUIT\n"), 10)
    if floor == "legacy":
        assert b"250 2.1.0" in said, trouble
        assert process.returncode == 0
    else:
        assert b"250 2.1.0" not in said
        assert process.returncode != 0
        assert "unsupported protocol" in door.events("session.broken")[0]["reason"]


@pytest.fixture(scope="module")
def mono(need_tool: NeedTool, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of a program that sends one letter to the port given behind it."""
    program = str(tmp_path_factory.mktemp("mono") / "send.exe")
    subprocess.run([need_tool("mcs"), "-nowarn:618", f"-out:{program}", MONO], check=True, timeout=60)
    return [need_tool("mono"), program]


@pytest.mark.parametrize("floor", ["legacy", "modern"])
async def test_mono_as_an_old_program(open_door: Open, mono: list[str], floor: str) -> None:
    """.NET's SmtpClient on Mono's own TLS, which ends at 1.0: a letter on one floor, no handshake on the other."""
    door = await open_door(listeners=listeners(tls_floor=floor))
    process = await asyncio.create_subprocess_exec(*mono, str(door.ports[0]), stdout=subprocess.PIPE)
    await asyncio.wait_for(process.communicate(), 30)
    if floor == "legacy":
        assert process.returncode == 0
        assert door.events("message.received")[0]["tls"] == "TLSv1"
    else:
        assert process.returncode == 1
        assert "unsupported protocol" in door.events("session.broken")[0]["reason"]


# TLS 1.0 in the form of SSLv2, as devices sent it that also knew SSLv3 (RFC 2246 appendix E): AES128-SHA, 16 octets.
SSLV2_HELLO = bytes.fromhex("801c 01 0301 0003 0000 0010 00002f") + bytes(range(16))


async def test_the_oldest_form_of_a_hello_is_taken_on_a_legacy_port(open_door: Open) -> None:
    """The answer is a ServerHello of TLS 1.0."""
    door = await open_door(listeners=listeners(tls="implicit", tls_floor="legacy"))
    device = await door.device()
    device.say(SSLV2_HELLO)
    record = await asyncio.wait_for(device.reader.readexactly(11), 5)
    assert (record[:3], record[5], record[9:11]) == (b"\x16\x03\x01", 2, b"\x03\x01")


async def test_the_oldest_form_of_a_hello_on_a_plain_port_is_recognised(door: Door) -> None:
    """Closed at once and named, like any other."""
    device = await door.device()
    await device.hear()
    device.say(SSLV2_HELLO)
    assert await device.ended()
    assert door.events("client.refused")[0]["reason"] == "device speaks implicit TLS to a plain port"


async def test_connections_that_never_begin_are_few_from_each_address(open_door: Open) -> None:
    """On implicit TLS nothing is known of a device before its handshake; others still get in."""
    door = await open_door(
        listeners=listeners(tls="implicit"), intake={"max_sessions_per_address": 2, "max_sessions": 10}
    )
    silent = [await door.device() for _ in range(2)]
    third = await door.device()
    assert await third.ended()
    assert "first word" in door.events("client.refused")[0]["reason"]
    silent[0].writer.transport.abort()
    await until(lambda: len(door.server._servers[0]._arriving) == 1)
    context = old_client(ssl.TLSVersion.TLSv1_2)
    assert (await (await door.device(tls=context)).hear())[:3] == "220"


def test_what_cannot_be_had_is_said() -> None:
    """A legacy listener that is not old enough leads to the one way that is left."""
    error = ssl.SSLError(1, "no shared cipher")
    error.reason = "NO_SHARED_CIPHER"
    assert "3DES" in handshake_remedy(error, TlsFloor.LEGACY)
    assert handshake_remedy(ConnectionResetError(), TlsFloor.LEGACY) == ""


async def encrypted(door: Door, tls: ssl.SSLContext) -> Device:
    """A device behind its STARTTLS, with the second EHLO answered."""
    device = await door.device()
    await device.hear()
    await device.ask("EHLO x")
    assert (await device.ask("STARTTLS"))[:3] == "220"
    await device.writer.start_tls(tls)
    await device.ask("EHLO x")
    return device
