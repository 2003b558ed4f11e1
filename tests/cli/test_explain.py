"""`relay explain device`: the answers of the relay, without a relay, each with its line of the configuration."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import ConfigError, parse
from relay.control.explain import Question, explain
from relay.smtpd.desk import House, Rules
from relay.smtpd.listener import Server
from relay.spool.sqlite import SqliteStore
from relay.telemetry.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
data_dir: DATA
listeners:
  - {listen: "127.0.0.1:0", tls: none}
  - {listen: "127.0.0.1:2526", tls: required, auth: required}
apps:
  contoso: {tenant: contoso.test, client_id: app-1, credential: {secret: {env: CONTOSO_SECRET}}}
profiles:
  scans: {app: contoso, mailbox: scanner@contoso.test, from: mailbox}
  keep: {app: contoso, mailbox: scanner@contoso.test, senders: ["*@contoso.test"], unlisted: refuse}
defaults:
  profile: scans
  recipients: ["*@contoso.test"]
devices:
  copier: {address: 10.0.2.17, senders: ["*@print.test"], from: person, max_message_size: 1000}
  floor: {address: 10.0.2.0/24, profile: keep, recipients: ["*"]}
  erp: {address: 10.0.9.0/24, login: {username: erp, password: ignored}}
  here: {address: 127.0.0.1, senders: ["*@print.test"], max_message_size: 1000}
spool: {min_free_bytes: 0}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "relay.yaml"
    path.write_text(CONFIG.replace("DATA", str(tmp_path / "data")))
    return path


def ask(config: Path, address: str, **question: object) -> tuple[list[str], list[str]]:
    """The replies and the lines that decided, in the order of the dialogue."""
    found = explain(config, Question(address, **question))  # type: ignore[arg-type]
    return [step.reply[:3] for step in found.steps], [
        step.decided_by.removeprefix(f"{config}:") for step in found.steps
    ]


def test_a_message_that_would_be_taken_is_shown_as_it_would_leave(config: Path) -> None:
    """Which device, by which profile, with which headers."""
    found = explain(
        config, Question("::ffff:10.0.2.17", "", "mfp@print.test", ("z@contoso.test",), '"Ann" <ann@print.test>')
    )
    assert found.allowed
    assert found.device.startswith("copier  (")
    assert found.known_by == "address 10.0.2.17"
    assert found.profile.startswith("scans  mailbox scanner@contoso.test  from person")
    assert "relay.yaml:14: devices.copier.from" in found.profile
    assert 'From: "Ann" <scanner@contoso.test>' in found.headers
    assert "Reply-To: <ann@print.test>" in found.headers
    assert found.sends_as == "<scanner@contoso.test>"
    assert "from-replaced" in found.changes


@pytest.mark.parametrize(
    ("address", "question", "replies", "decided_by"),
    [
        ("10.0.2.17", {"sender": "x@evil.test"}, ["550"], "14: devices.copier.senders"),
        ("10.0.2.17", {"sender": "x@print.test", "size": 1001}, ["552"], "14: devices.copier.max_message_size"),
        (
            "10.0.2.17",
            {"sender": "x@print.test", "recipients": ("a@contoso.test", "b@evil.test")},
            ["250", "250", "550"],
            "12: defaults.recipients",
        ),
        (
            "10.0.2.17",
            {"sender": "x@print.test", "header_from": "boss@contoso.test"},
            ["250", "550"],
            "14: devices.copier.senders",
        ),
        ("10.0.2.18", {"header_from": "x@evil.test"}, ["250", "550"], "9: profiles.keep.senders"),
        ("10.0.3.1", {}, ["530"], "13: devices"),
        ("10.0.3.1", {"login": "nobody"}, ["535"], "13: devices"),
        ("10.0.3.1", {"login": "erp", "listener": "2526"}, ["530"], "4: listeners[1].tls"),
        ("10.0.3.1", {"login": "erp", "listener": "2526", "encrypted": True}, ["535"], "16: devices.erp.address"),
        ("10.0.3.1", {"login": "nobody", "listener": "2526", "encrypted": True}, ["535"], "13: devices"),
        ("10.0.9.1", {"listener": "2526", "encrypted": True}, ["530"], "4: listeners[1].auth"),
        ("10.0.9.1", {"login": "erp", "listener": "2526", "encrypted": True}, ["235", "250"], None),
    ],
)
def test_each_refusal_names_its_line(
    config: Path, address: str, question: dict[str, object], replies: list[str], decided_by: str | None
) -> None:
    """The reply is the one the device would hear; the line is where to change it."""
    heard, decided = ask(config, address, **question)
    assert heard == replies
    assert decided_by is None or decided[-1] == decided_by


def test_what_has_to_be_mended_is_mended_here_too(config: Path) -> None:
    """Raw octets in a name, as many devices send them."""
    found = explain(config, Question("10.0.2.17", "", "mfp@print.test", (), "Böse <ann@print.test>"))
    assert "From: =?utf-8?q?B=C3=B6se?= <scanner@contoso.test>" in found.headers
    assert all(line.isascii() for line in found.headers)
    assert found.changes[0] == "header-encoded"


def test_an_option_that_is_not_written_is_said_to_be_so(config: Path) -> None:
    """What decides is a default: the line is that of the section where it would stand."""
    config.write_text(config.read_text().replace("spool: {", "intake: {max_recipients: 1}\nspool: {"))
    question = {"sender": "x@contoso.test", "recipients": ("a@contoso.test", "b@contoso.test")}
    assert ask(config, "10.0.2.18", **question) == (
        ["250", "250", "452"],
        ["15: devices.floor.senders (not set)", "15: devices.floor.recipients", "18: intake.max_recipients"],
    )


def test_a_device_that_lacks_its_login_is_hinted_at(config: Path) -> None:
    """The address is right, which is why somebody asks."""
    found = explain(config, Question("10.0.9.1"))
    assert not found.allowed
    assert found.hints == [
        f"device erp has this address, and is known only with its login: {config}:16: devices.erp.login"
    ]


@pytest.mark.parametrize(
    ("sender", "recipient", "size"),
    [
        ("x@print.test", "a@contoso.test", 10),
        ("x@print.test", "a@evil.test", 10),
        ("x@evil.test", "a@contoso.test", 10),
        ("x@print.test", "a@contoso.test", 1001),
        ("x@print.test", "a%b@contoso.test", 10),
        ("", "a@contoso.test", 10),
        ("x y@print.test", "a@contoso.test", 10),
    ],
)
async def test_the_dry_run_says_what_a_session_says(config: Path, sender: str, recipient: str, size: int) -> None:
    """Word for word, beside a real socket."""
    found = explain(config, Question("127.0.0.1", "", sender, (recipient,), size=size))
    settings = parse(CONFIG.replace("DATA", str(config.parent / "data")))
    store = SqliteStore(settings.data_dir / "spool", settings.spool, lambda *_: None)
    await store.open()
    server = Server(House(Rules(settings, {}), store, Journal(None), "relay.test"))  # type: ignore[arg-type]
    (address, *_) = await server.open(settings.listeners[:1])
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    await reader.readline()
    heard = []
    for command in (f"MAIL FROM:<{sender}> SIZE={size}", f"RCPT TO:<{recipient}>")[: len(found.steps)]:
        writer.write(command.encode() + b"\r\n")
        heard.append((await reader.readline()).decode().rstrip())
    writer.close()
    await server.close(5)
    await store.close()
    assert [step.reply for step in found.steps] == heard


def test_the_command_prints_the_story_and_ends_with_the_verdict(relay, config: Path) -> None:
    """Code 0 for allowed, 1 for refused, 2 for a listener that there is not, 78 for a broken file."""
    allowed = relay("explain", "device", "-c", config, "--from", "10.0.2.17", "--mail-from", "x@print.test")
    assert allowed.returncode == 0, allowed.stderr
    assert allowed.stdout.splitlines()[-1] == "allowed"
    assert f"{config}:14: devices.copier.senders" in allowed.stdout
    refused = relay("explain", "device", "-c", config, "--from", "10.0.3.1", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["allowed"] is False
    assert relay("explain", "device", "-c", config, "--from", "x", "--listener", "99").returncode == 2
    config.write_text("listeners: []\n")
    assert relay("explain", "device", "-c", config, "--from", "10.0.2.17").returncode == 78


def test_a_broken_configuration_is_told_with_every_complaint(config: Path) -> None:
    """As by `relay check`."""
    config.write_text(config.read_text().replace("mailbox: scanner", "mailbx: scanner"))
    with pytest.raises(ConfigError, match="did you mean 'mailbox'"):
        explain(config, Question("10.0.2.17"))
