"""Nobody sends through the relay who is no device, and no device to whom it may not: tricks of nmap and our own."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.configuration import COPIER, NARROW, STRANGER

if TYPE_CHECKING:
    from tests.conftest import NeedTool
    from tests.e2e.conftest import Start
    from tests.e2e.running import RunningRelay

ELSEWHERE = [
    "victim@elsewhere.test",
    "victim%elsewhere.test@contoso.test",
    "victim%elsewhere.test",
    "victim%elsewhere.test@[127.0.0.1]",
    "victim@elsewhere.test@contoso.test",
    '"victim@elsewhere.test"',
    '"victim@elsewhere.test"@contoso.test',
    '"victim%elsewhere.test"@contoso.test',
    "@contoso.test:victim@elsewhere.test",
    "@contoso.test,@relay.test:victim@elsewhere.test",
    "elsewhere.test!victim",
    "elsewhere.test!victim@contoso.test",
    "victim@elsewhere.test\\@contoso.test",
    "victim@elsewhere.test\0@contoso.test",
    "victim@contoso.test.elsewhere.test",
    "victim@notcontoso.test",
    "victim@elsewhere.test.",
    "victim@elsewhere.test (ann@contoso.test)",
    "victim@elsewhere.test, ann@contoso.test",
    "victim",
    "",
]
SENDERS = ["", "ann@contoso.test", "scanner@contoso.test", "postmaster", "mfp@[127.0.0.1]", "root@relay.test"]
NAMES = ["localhost", "relay.test", "contoso.test", "[127.0.0.1]", COPIER, "copier", "x\t127.0.0.1"]
WRONG = [
    b"\0erp\0wrong",
    b"\0erp\0",
    b"\0\0",
    b"erp\0\0",
    b"\0copier\0pass",
    b"\0ERP' OR 1=1--\0x",
    b"\0erp\0wrong\0erp",
]


@pytest.mark.parametrize("recipient", ELSEWHERE)
def test_a_device_reaches_nobody_it_may_not_write_to(relay: RunningRelay, recipient: str) -> None:
    """However the address is dressed up; nothing is left that DATA could send."""
    with relay.device(NARROW) as device:
        device.hello()
        assert device.ask("MAIL FROM:<mfp@device.test>").startswith("250 ")
        assert device.ask(f"RCPT TO:<{recipient}>")[:2] in ("50", "55")
        assert device.ask("DATA")[:2] in ("50", "55")


@pytest.mark.parametrize("sender", SENDERS)
def test_the_name_of_a_sender_opens_nothing(relay: RunningRelay, sender: str) -> None:
    """Neither the null sender nor one of our own."""
    with relay.device(STRANGER) as device:
        device.hello()
        assert device.ask(f"MAIL FROM:<{sender}>")[:3] in ("530", "550")
        assert device.ask("RCPT TO:<ann@contoso.test>")[:3] == "503"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["HELO", "EHLO"])
def test_the_name_of_a_client_opens_nothing(relay: RunningRelay, verb: str, name: str) -> None:
    """Anybody can say that he is the relay itself, or the copier."""
    with relay.device(STRANGER) as device:
        device.hello(f"{verb} {name}")
        assert device.ask("MAIL FROM:<mfp@device.test>")[:3] in ("530", "550")


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_login_opens_nothing(start: Start, said: bytes) -> None:
    """Nor what a login was mistaken for; on the listener that asks for one not even a known address counts."""
    relay = start()
    for address in (STRANGER, COPIER):
        with relay.device(address, door="strict") as device:
            device.hello()
            assert device.ask("STARTTLS").startswith("220 ")
            device.encrypt()
            device.ask("EHLO x")
            assert device.ask("AUTH PLAIN " + base64.b64encode(said).decode())[:3] in ("501", "535")
            assert device.ask("MAIL FROM:<mfp@device.test>")[:3] == "530"


def test_an_unknown_network_is_told_at_mail_from(relay: RunningRelay) -> None:
    """On every listener, with the address that would have to be configured or the login that is missing."""
    for door, reply in {
        "plain": "530 5.7.0",
        "starttls": "530 5.7.0",
        "strict": "530 5.7.0",
        "closed": "550 5.7.1",
    }.items():
        with relay.device(STRANGER, door=door) as device:
            device.hello()
            assert device.ask("MAIL FROM:<mfp@device.test>").startswith(reply)


# -- nmap's smtp-open-relay: sixteen combinations of MAIL and RCPT


def nmap(program: str, port: int) -> str:
    """What the script says of the relay at that port, asked from 127.0.0.1."""
    script = ["--script", "+smtp-open-relay", "--script-args", "smtp-open-relay.domain=elsewhere.test"]
    command = [program, "-Pn", "-n", "-sT", "-vv", "-p", str(port), *script, "127.0.0.1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "smtp-open-relay:" in printed, printed
    return printed.partition("smtp-open-relay:")[2].partition("\nNSE:")[0]


@pytest.mark.parametrize("door", ["plain", "closed"])
def test_nmap_finds_no_open_relay_as_a_stranger(start: Start, need_tool: NeedTool, door: str) -> None:
    """Asked to log in, or refused for good."""
    relay = start(devices={"copier": {"address": "127.0.0.77"}})
    said = nmap(need_tool("nmap"), relay.ports[door])
    assert "isn't an open relay, authentication needed" in said or "all tests failed" in said


def test_nmap_finds_no_open_relay_as_a_device_that_writes_to_its_own_company(start: Start, need_tool: NeedTool) -> None:
    """It is known, so every combination is really tried."""
    relay = start(devices={"copier": {"recipients": ["*@contoso.test"]}})
    assert "all tests failed" in nmap(need_tool("nmap"), relay.ports["plain"])
    assert relay.journal.seen("client.refused", device="copier")


def test_nmap_would_find_one(start: Start, need_tool: NeedTool) -> None:
    """A device that may write to everybody is what the script calls an open relay: it does see one."""
    relay = start()
    assert "Server is an open relay" in nmap(need_tool("nmap"), relay.ports["plain"])
