"""`relay demo` for real: what it shows, that it ends what it starts, and that it notices what goes wrong."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from inspect import isawaitable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.request import urlopen

import click
import pytest

from relay.cli import demo_words
from relay.cli.demo_cast import HERE, cast
from relay.cli.demo_play import compare, play
from relay.cli.demo_settings import Doors, configuration
from relay.cli.demo_stage import DemoError, _write_settings, stage
from relay.cli.demo_ways import Trouble, Way
from relay.config.loader import parse
from relay.sandbox.cloud import CloudSettings
from relay.sandbox.devices import Sent
from relay.sandbox.mailbox import Arrived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.cli.demo_stage import Stage

STEPS = ["received", "stored", "token", "submitted", "arrived", "From", "octets"]
PLC = cast("password")[2]
ALARM = b"From: tank3@plant.test\r\nTo: duty@contoso.test\r\n\r\nTank 3\noverflow\n"


@pytest.fixture
def hostile(tmp_path) -> dict[str, str]:
    """An environment whose CA, proxy and encoding fit nothing here, and whose temporary files can be counted."""
    away = {"REQUESTS_CA_BUNDLE": "/nowhere.pem", "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": ""}
    return os.environ | away | {"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "latin-1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """Where a demo inside this process puts its directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def staying(env: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo that stays up, until the test is through with it."""
    command = [sys.executable, "-m", "relay", "demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_to(process: subprocess.Popen[str], mark: str) -> str:
    """Its output up to the line with `mark`."""
    lines: list[str] = []
    while not lines or mark not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines) + process.stderr.read()
    return "".join(lines)


def said_to(source: str, door: tuple[str, int]) -> str:
    """What the relay answers to a sender from that address."""
    with socket.create_connection(door, 10, (source, 0)) as sock:
        sock.sendall(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n")
        return sock.makefile().read()


def is_alive(shown: str) -> bool:
    """Whether the relay whose process the demo named is there."""
    return Path(f"/proc/{re.search(r'process ([0-9]+)', shown)[1]}/cmdline").exists()


def test_once_shows_three_ways_and_leaves_nothing_behind(relay, hostile, tmp_path):
    """Code 0, each step of each message in its order, From before and after; no file and no process stays."""
    ended = relay("demo", "--once", env=hostile)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    ways = re.split(r"\n\n\d  ", ended.stdout)[1:]
    assert [re.findall(rf"^   ({'|'.join(STEPS)}) ", way, re.MULTILINE) for way in ways] == [STEPS] * 3
    assert "copier@printers.contoso.test  ?  <scanner@contoso.test>" in ways[0]
    assert '"ERP, Invoicing" <invoicing@contoso.test>  ?  "ERP, Invoicing" <erp@contoso.test>' in ways[1]
    assert "tank3@plant.contoso.test  ?  tank3@plant.contoso.test  (kept)" in ways[2]
    assert "6.3 MB from copier at 127.0.0.2" in ways[0]
    assert ended.stdout.endswith("All 3 arrived, byte for byte.\n")
    assert "\x1b" not in ended.stdout
    assert list(tmp_path.iterdir()) == []
    assert not is_alive(ended.stdout)


def test_what_it_says_to_paste_works_and_ctrl_c_ends_it(hostile, tmp_path, need_tool):
    """The printed curl command sends, its way is shown, it can be read; Ctrl-C ends with code 0 and nothing left."""
    need_tool("curl")
    with staying(hostile) as process:
        shown = read_to(process, "relay.log")
        pasted = re.search(r"^  printf .*\n.*--upload-file -$", shown, re.MULTILINE)[0]
        subprocess.run(["bash", "-c", pasted], check=True, timeout=30)
        way = read_to(process, "octets")
        with urlopen(re.search(r"http://127\S+", shown)[0] + "messages", timeout=10) as answer:
            last = json.load(answer)[-1]
        files = list(Path(re.search(r"/\S+/arrived", shown)[0]).glob("*.eml"))
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 0, process.stderr.read()
    assert "this-machine at 127.0.0.1" in way
    assert (last["subject"], last["rcpt_to"], last["from"]) == (
        "hello", ["you@contoso.test"], "<scanner@contoso.test>",
    )  # fmt: skip
    assert len(files) == 4
    assert list(tmp_path.iterdir()) == []
    assert not is_alive(shown)


def test_the_queue_command_it_prints_works(hostile):
    """It lists the three as delivered."""
    with staying(hostile) as process:
        shown = read_to(process, "relay.log")
        command = shlex.split(re.search(r"^  (.* queue list .*)$", shown, re.MULTILINE)[1])
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    assert [line.split()[1] for line in listed.splitlines()[1:4]] == ["delivered"] * 3


def test_a_real_device_is_told_where_to_go(hostile):
    """With --listen there is a second door: its login is printed, a named address gets in, a stranger does not."""
    with staying(hostile, "--listen", "127.0.0.1:0", "--device", "127.0.0.9") as process:
        shown = read_to(process, "relay.log")
        host, port = re.search(r"it listens on (\S+):(\d+);", shown).groups()
        guest, stranger = (said_to(source, (host, int(port))) for source in ("127.0.0.9", "127.0.0.10"))

    assert re.search(r"user erp, password \S+", shown)
    assert "\n250 2.1.0" in guest
    assert "\n250 2.1.0" not in stranger
    assert re.search(r"^5\d\d 5\.7\.", stranger, re.MULTILINE)


def test_a_door_that_is_taken_is_told_with_the_log(relay, hostile, tmp_path):
    """Code 1, the address, and a log that is there."""
    with socket.create_server((HERE, 0)) as other:
        taken = f"{HERE}:{other.getsockname()[1]}"
        ended = relay("demo", "--once", "--listen", taken, env=hostile)

    assert ended.returncode == 1
    assert f"can't listen on {taken}" in ended.stderr
    log = Path(re.search(r"relay's log: (\S+)", ended.stderr)[1])
    assert log.parent.parent == tmp_path
    assert "relay.failed" in log.read_text()


async def played(upset: Callable[[Stage], object], *, limit_s: float = 60) -> None:
    """The demo in this process, with something upset before the devices send."""
    async with stage() as standing:
        done = upset(standing)
        if isawaitable(done):
            await done
        await play(standing, limit_s)


async def test_a_mailbox_that_may_not_send_ends_the_demo_with_the_remedy(kept, capsys):
    """The first message does not arrive: what Exchange said and what to do is in the error, beside the log."""
    with pytest.raises(DemoError, match=r"profile\.paused.*535 5\.7\.3[\s\S]*what to do: [\s\S]*relay\.log"):
        await played(lambda standing: standing.cloud.revoke_mailbox("scanner@contoso.test"))

    assert "1  A copier" in capsys.readouterr().out
    assert len(list(kept.glob("relay-demo-*/relay.log"))) == 1


async def test_what_does_not_arrive_in_time_is_named(kept):
    """Exchange is away: the limit ends the waiting."""
    with pytest.raises(DemoError, match=r"within 1 s there did not arrive .* a copier, a legacy application, a PLC"):
        await played(lambda standing: standing.cloud.exchange_down(), limit_s=1)


async def test_a_relay_that_dies_ends_the_demo(kept):
    """Nothing is waited for any longer."""
    with pytest.raises(DemoError, match=r"the copier wanted|relay\.ended: code -9"):
        await played(lambda standing: os.kill(standing.pid, signal.SIGKILL))


def somewhere(directory: Path) -> CloudSettings:
    """The settings of a cloud that nobody started."""
    return CloudSettings(
        "https://localhost:1/t", "t", "c", "s", "https://outlook.office365.com/.default", "localhost", 2,
        directory / "ca.pem", directory / "secret", (), "http://127.0.0.1:3", directory,
    )  # fmt: skip


def test_the_configuration_is_good_wherever_it_stands(tmp_path):
    """With one address or several, with guests, and in a directory with a hard name."""
    directory = tmp_path / 'a "b": {c}'
    cloud = somewhere(directory)
    for several in (True, False):
        doors = Doors(listen=("127.0.0.1:0", "[::]:2525"), guests=("10.0.0.0/8",), several_addresses=several)
        settings = parse(configuration(cloud, doors, data_dir=directory / "data", password_file=directory / "pw"))

        assert settings.data_dir == directory / "data"
        assert [str(profile.from_policy) for profile in settings.profiles.values()] == ["mailbox", "person", "keep"]
        assert {"this-machine", "erp", "guest-1"} <= set(settings.devices)
        assert ("copier" in settings.devices) is several


def test_with_one_address_only_all_devices_come_from_it():
    """Where 127.0.0.2 is not this machine, copier and PLC are known by 127.0.0.1."""
    assert {part.source for part in cast("password", several_addresses=False)} == {HERE}


def sent_and_arrived(body: bytes, *, to: str = "duty@contoso.test") -> tuple[Sent, Way]:
    """The PLC's alarm and its way, with `body` as what arrived of it."""
    received = {"id": "ID1", "device": "plc", "client": "127.0.0.3", "size": 60, "changes": ["line-ends"]}
    begun = {"timestamp": "2026-03-01T12:00:00.100000Z"}
    arrived = Arrived(
        id="000001", time=datetime(2026, 3, 1, 12, 0, 0, 150_000, UTC), mailbox="plc@contoso.test", mail_from="x",
        rcpt_to=(to,), size=200, sha256="", tls_version="TLSv1.3", via="BDAT", answer="250 2.0.0 OK <a-very-long-id@x>",
        content=b"From: =?utf-8?q?K=C3=BChl?= <plc@contoso.test>\r\n\r\n" + body,
    )  # fmt: skip
    way = Way(
        received | begun,
        {"id": "ID1", "timestamp": "2026-03-01T12:00:00.112000Z"},
        {"timestamp": "2026-03-01T12:00:00.140000Z", "ms": 27.6, "expires_in": 3599},
        {"id": "ID1", "timestamp": "2026-03-01T12:00:00.171000Z", "answer": "250 2.0.0 OK"},
        arrived,
    )
    return Sent("PLC", "tank3@plant.test", ("duty@contoso.test",), ALARM, "250", 0.1, ()), way


def test_a_way_reads_as_steps_with_times():
    """Milliseconds since it was received, the decoded From, octets before and after."""
    sent, way = sent_and_arrived(b"")
    lines = click.unstyle(demo_words.way(way, sent=sent, verdict="as sent")).splitlines()

    assert [re.sub(r"\s+", " ", line).strip() for line in lines[1:]] == [
        "stored +12 ms on disk; then the device heard 250 Ok: queued as ID1",
        "token +40 ms fetched in 28 ms, good for 60 min",
        'submitted +50 ms as plc@contoso.test, TLSv1.3, XOAUTH2, BDAT; answer "250 2.0.0 OK <a-very-lo…"',
        "arrived +71 ms for duty@contoso.test; as sent",
        "From tank3@plant.test → Kühl <plc@contoso.test>",
        "octets 60 → 200 (+140: trace field, line-ends)",
    ]


def test_a_token_of_before_is_not_called_fetched():
    """What is left of it is told, when there is one."""
    _, way = sent_and_arrived(b"")
    older = replace(way, token={"timestamp": "2026-03-01T11:30:00Z", "ms": 3, "expires_in": 3600})

    assert re.search(r"token +in hand +good for 30 more min", click.unstyle(demo_words.way(older)))
    assert re.search(r"token +kept from before", click.unstyle(demo_words.way(replace(way, token=None))))


def test_only_the_line_ends_may_differ():
    """The PLC's line feeds become CRLF; any other difference, in body or recipients, is an error that says where."""
    good = b"Tank 3\r\noverflow\r\n\r\n"
    assert compare(PLC, *sent_and_arrived(good)) == "body byte for byte, line feeds now CRLF"
    with pytest.raises(DemoError, match="body of 20 octets sent, 20 arrived, different from 5 on"):
        compare(PLC, *sent_and_arrived(b"Tank 4\r\noverflow\r\n\r\n"))
    with pytest.raises(DemoError, match="body of 20 octets sent, 18 arrived, different from the end on"):
        compare(PLC, *sent_and_arrived(good[:-2]))
    with pytest.raises(DemoError, match="it arrived for"):
        compare(PLC, *sent_and_arrived(good, to="other@contoso.test"))
    sent, way = sent_and_arrived(good)
    with pytest.raises(DemoError, match="but has it not"):
        compare(PLC, sent, replace(way, arrived=None))


def test_an_encoded_body_is_compared_as_its_reader_gets_it():
    """What the relay encodes for Exchange decodes to the very octets; else it is an error as ever."""
    sent, way = sent_and_arrived(b"")
    head = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"

    def compared(text: bytes) -> str:
        arrived = replace(way.arrived, content=head + text)
        return compare(PLC, sent, replace(way, received=way.received | {"changes": ["nul-encoded"]}, arrived=arrived))

    assert compared(b"Tank=203\r\nover=\r\nflow\r\n\r\n") == (
        "body byte for byte as sent, on its way in quoted-printable"
    )
    with pytest.raises(DemoError, match="different from 5 on"):
        compared(b"Tank=204\r\noverflow\r\n\r\n")


def test_a_trouble_says_what_happened_and_what_to_do():
    """The event, who, what was answered, the remedy."""
    event = {"event": "message.deferred", "id": "ID1", "answer": "451 4.7.0 later", "remedy": "wait"}

    assert str(Trouble(event)) == "message.deferred: ID1 · 451 4.7.0 later\n  what to do: wait"
    assert not Trouble(event).hopeless
    assert Trouble(event | {"event": "message.failed"}).hopeless


def test_sizes_are_told_as_people_do():
    """Decimal units; broken encoded words stay as they are."""
    assert [demo_words.size(octets) for octets in (999, 1500, 6_260_712)] == ["999 B", "1.5 KB", "6.3 MB"]
    assert demo_words.readable("=?nonsense?q?x?=") == "=?nonsense?q?x?="


def test_the_password_can_stand_behind_an_option(tmp_path, monkeypatch):
    """`swaks --auth-password -x` would take it for an option; these octets make such a password in base64."""
    monkeypatch.setattr(secrets, "token_bytes", lambda count: b"\xf8" * count)
    cloud = SimpleNamespace(settings=somewhere(tmp_path))
    password = _write_settings(tmp_path, cloud, Doors(listen=("127.0.0.1:0",), guests=(), several_addresses=True))

    assert password.isalnum()
    assert (tmp_path / "erp.password").read_text() == password + "\n"
