"""What differs from listener to listener: TLS and its floor, ways to log in, size, HELO only, IPv6, passed sockets."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relay.config.settings import TlsFloor
from relay.smtpd.activation import Passed, passed_sockets
from relay.smtpd.cram import digest
from relay.smtpd.listener import Server
from relay.smtpd.tls import handshake_remedy
from tests.smtpd.conftest import LETTER, Device, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import NeedTool
    from tests.smtpd.conftest import Door

    Open = Callable[..., Any]

HERE = "127.0.0.1:0"
MONO = Path(__file__).parent / "mono" / "send.cs"


def listeners(**options: Any) -> list[dict[str, Any]]:
    return [{"listen": HERE, **options}]


# -- the floor of TLS


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


# -- encryption asked of one device


async def test_a_device_may_have_to_encrypt_where_others_need_not(open_door: Open, trusting: ssl.SSLContext) -> None:
    """Refused in clear at MAIL with its name, taken behind STARTTLS."""
    door = await open_door(devices={"copier": {"address": "127.0.0.1", "profile": "scans", "tls": "required"}})
    device = await door.device()
    await device.hear()
    await device.ask("EHLO x")
    answer = await device.ask("MAIL FROM:<a@b.test>")
    assert answer.startswith("530 5.7.0 Encryption required for copier")
    behind = await encrypted(door, trusting)
    assert (await behind.ask("MAIL FROM:<a@b.test>"))[:3] == "250"


# -- ways to log in


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def cram(door: Door, name: str, password: str) -> str:
    """The answer to a whole CRAM-MD5 dialogue."""
    device = await door.device()
    await device.hear()
    await device.ask("EHLO x")
    challenge = base64.b64decode((await device.ask("AUTH CRAM-MD5")).removeprefix("334 "))
    assert challenge.startswith(b"<")
    assert challenge.endswith(b"@relay.test>")
    return await device.ask(coded(f"{name} {digest(password, challenge)}"))


def test_the_digest_is_that_of_the_rfc() -> None:
    """RFC 2195 §2, its own example."""
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert digest("tanstaaftanstaaf", challenge) == "b913a602c7eda7a495b4e6e7334d3890"


@pytest.mark.parametrize(("who", "code"), [("erp secret", "235"), ("erp wrong", "535"), ("nobody secret", "535")])
async def test_cram_md5_works_where_it_is_on(open_door: Open, who: str, code: str) -> None:
    """The right digest and no other."""
    door = await open_door(listeners=listeners(mechanisms=["cram-md5", "PLAIN"]))
    assert (await cram(door, *who.split()))[:3] == code


async def test_cram_md5_with_a_hashed_password_fails_and_the_journal_says_why(open_door: Open) -> None:
    """The device hears 535 like for any wrong password."""
    line = "scrypt$16384$8$1$" + base64.b64encode(bytes(16)).decode() + "$" + base64.b64encode(bytes(32)).decode()
    devices = {"erp": {"login": {"username": "erp", "password_hash": line}, "profile": "scans"}}
    door = await open_door(listeners=listeners(mechanisms=["CRAM-MD5", "PLAIN"]), devices=devices)
    assert (await cram(door, "erp", "secret"))[:3] == "535"
    assert "kept as a hash" in door.events("client.refused")[0]["reason"]


async def test_every_challenge_is_another(open_door: Open) -> None:
    """A response that was overheard opens nothing."""
    door = await open_door(listeners=listeners(mechanisms=["CRAM-MD5"]))
    device = await door.device()
    await device.hear()
    challenges = set()
    for _ in range(3):
        challenges.add(await device.ask("AUTH CRAM-MD5"))
        assert (await device.ask("*"))[:3] == "501"
    assert len(challenges) == 3


@pytest.mark.parametrize("response", ["?", "", coded("erp"), coded("erp ") + "="])
async def test_a_malformed_response_is_refused(open_door: Open, response: str) -> None:
    """And the dialogue goes on."""
    door = await open_door(listeners=listeners(mechanisms=["CRAM-MD5"]))
    device = await door.device()
    await device.hear()
    await device.ask("AUTH CRAM-MD5")
    assert (await device.ask(response))[:3] in ("501", "535")
    assert (await device.ask("NOOP"))[:3] == "250"


async def test_only_the_mechanisms_of_the_listener_are_shown_and_taken(open_door: Open) -> None:
    """LOGIN and PLAIN unless it says otherwise; the old form only where it is asked for."""
    door = await open_door(listeners=[{"listen": HERE}, {"listen": HERE, "mechanisms": ["PLAIN"], "auth_equals": True}])
    usual, other = await door.device(0), await door.device(1)
    for device in (usual, other):
        await device.hear()
    shown = (await usual.ask("EHLO x")).splitlines()
    assert [line[4:] for line in shown if "AUTH" in line] == ["AUTH LOGIN PLAIN"]
    shown = (await other.ask("EHLO x")).splitlines()
    assert [line[4:] for line in shown if "AUTH" in line] == ["AUTH PLAIN", "AUTH=PLAIN"]
    assert await other.ask("AUTH LOGIN") == "504 5.5.4 Unrecognized authentication type, use PLAIN"
    assert (await usual.ask("AUTH CRAM-MD5"))[:3] == "504"


# -- size, HELO only


async def test_a_listener_has_its_own_size(open_door: Open) -> None:
    """Announced, held at MAIL and at the end of data."""
    door = await open_door(listeners=listeners(max_message_size=1000))
    device = await door.device()
    await device.hear()
    assert "250-SIZE 1000" in (await device.ask("EHLO x")).splitlines()
    assert (await device.ask("MAIL FROM:<a@b.test> SIZE=1001"))[:3] == "552"
    device.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<ann@contoso.test>\r\nDATA\r\n")
    assert [(await device.hear())[:3] for _ in range(3)] == ["250", "250", "354"]
    device.say(LETTER + b"x" * 1000 + b"\r\n.\r\n")
    assert (await device.hear())[:3] == "552"


async def test_helo_only_sends_devices_back_to_helo(open_door: Open) -> None:
    """Which then may log in all the same."""
    door = await open_door(listeners=listeners(helo_only=True))
    device = await door.device()
    await device.hear()
    assert (await device.ask("EHLO x"))[:3] == "502"
    assert await device.ask("HELO x") == "250 relay.test"
    assert (await device.ask("AUTH PLAIN AGVycABzZWNyZXQ="))[:3] == "235"


# -- IPv6


@pytest.mark.parametrize("address", ["::1", "::/64", "0:0:0:0:0:0:0:1"])
async def test_a_device_with_an_ipv6_address(open_door: Open, address: str) -> None:
    """Known by its address or its network, and written as what it is."""
    door = await open_door(
        listeners=[{"listen": "[::1]:0"}], devices={"copier": {"address": address, "profile": "scans"}}
    )
    device = Device(*await asyncio.open_connection("::1", door.ports[0]))
    door.devices.append(device)
    await device.envelope()
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"
    assert door.events("message.received")[0]["client"] == "::1"


async def test_one_port_on_both_families(open_door: Open) -> None:
    """[::] and 0.0.0.0 are two listeners that don't disturb each other."""
    first = await open_door(listeners=[{"listen": "0.0.0.0:0"}])
    both = Server(first.house)
    settings = first.configured(listeners=[{"listen": f"[::]:{first.ports[0]}"}])
    assert await both.open(settings.listeners) == [f"[::]:{first.ports[0]}"]
    await both.close(0)
    first.house.stopping = False


async def test_ipv4_inside_ipv6_is_ipv4(open_door: Open) -> None:
    """A socket of systemd takes both families; the device is matched and written as 127.0.0.1."""
    door = await open_door()
    dual = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = dual.getsockname()[1]
    server = Server(door.house)
    settings = door.configured(listeners=[{"listen": "fd:smtp"}])
    await server.open(settings.listeners, Passed([("smtp", dual)]))
    door.ports.append(port)
    device = await door.device(-1)
    await device.envelope()
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"
    assert door.events("message.received")[0]["client"] == "127.0.0.1"
    device.writer.transport.abort()
    await server.close(5)
    door.house.stopping = False


# -- sockets of systemd


def configured(door: Door, *listen: str) -> Any:
    return door.configured(listeners=[{"listen": text} for text in listen]).listeners


async def test_a_passed_socket_is_found_by_its_address(door: Door) -> None:
    """Nothing is bound twice; what nobody takes is told."""
    mine, other = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    passed = Passed([("smtp", mine), ("odd", other)])
    port = mine.getsockname()[1]
    server = Server(door.house)
    assert await server.open(configured(door, f"127.0.0.1:{port}"), passed) == [f"127.0.0.1:{port}"]
    assert passed.left() == [f"odd (127.0.0.1:{other.getsockname()[1]})"]
    await server.close(0)
    other.close()
    door.house.stopping = False


async def test_a_socket_that_did_not_come_is_named(door: Door) -> None:
    """With those that did."""
    mine = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(OSError, match=r"fd:smtp: systemd passed no socket of that name \(passed: smtps\)"):
        await Server(door.house).open(configured(door, "fd:smtp"), Passed([("smtps", mine)]))
    mine.close()
    door.house.stopping = False


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}],
    ids=["none", "for another process", "no number"],
)
def test_sockets_of_another_process_are_left_alone(environment: dict[str, str]) -> None:
    """And the variables do not go on to children."""
    assert passed_sockets(environment).left() == []
    assert environment == {}
