"""What differs from listener to listener: ways to log in, size, HELO only, IPv6, passed sockets."""

from __future__ import annotations

import asyncio
import base64
import os
import smtplib
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from relay.smtpd.activation import Passed, passed_sockets
from relay.smtpd.cram import digest
from relay.smtpd.listener import Server
from tests.smtpd.conftest import LETTER, Device
from tests.smtpd.test_tls import encrypted, listeners

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.conftest import NeedTool
    from tests.smtpd.conftest import Door

    Open = Callable[..., Any]

HERE = "127.0.0.1:0"


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


async def test_clients_of_others_log_in_by_cram_md5(open_door: Open, need_tool: NeedTool) -> None:
    """Python's smtplib and curl, which make the digest themselves."""
    door = await open_door(listeners=listeners(mechanisms=["CRAM-MD5"]))

    def by_smtplib() -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", door.ports[0], local_hostname="x", timeout=10) as client:
            return client.login("erp", "secret")

    assert (await asyncio.to_thread(by_smtplib))[0] == 235
    curl = await asyncio.create_subprocess_exec(
        need_tool("curl"), "-sS", "--url", f"smtp://127.0.0.1:{door.ports[0]}", "--user", "erp:secret",
        "--login-options", "AUTH=CRAM-MD5", "--mail-from", "a@b.test", "--mail-rcpt", "ann@contoso.test", "-T", "-",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    await asyncio.wait_for(curl.communicate(LETTER), 10)
    assert curl.returncode == 0
    assert door.events("message.received")[0]["device"] == "erp"


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
    with pytest.raises(OSError, match=r"fd:smtp: systemd passed no TCP socket of that name \(passed: smtps\)"):
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
