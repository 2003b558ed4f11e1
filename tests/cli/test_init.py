"""`relay init`: five questions or none, and a configuration that passes the check."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from relay.cli import init_questions as ask
from relay.config.loader import check, load
from relay.sandbox.options import CloudSettings
from relay.sandbox.run import announcement

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

CLIENT = "11111111-2222-3333-4444-555555555555"
FLAGS = ("--tenant", "contoso.onmicrosoft.com", "--client-id", CLIENT, "--mailbox", "scanner@contoso.com")
THREE = ("--device", "copier=10.0.2.17", "--device", "erp=10.0.2.30", "--device", "labels=10.0.3.0/24")


def test_three_devices_without_a_question(run: Run, tmp_path: Path) -> None:
    """What is written passes the check; the secret is in a file that only its owner reads, and nowhere else."""
    out = tmp_path / "relay.yaml"
    ended = run("init", *FLAGS, *THREE, "--secret-stdin", "-o", out, stdin="s3cret~value\n")

    assert ended.returncode == 0, ended.stderr
    assert check(out) == []
    settings = load(out)
    assert list(settings.devices) == ["copier", "erp", "labels"]
    assert {device.recipients for device in settings.devices.values()} == {("*@contoso.com",)}
    secret = tmp_path / "relay.secret"
    assert secret.read_text() == "s3cret~value\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "s3cret" not in out.read_text() + ended.stdout + ended.stderr
    assert f"relay check -c {out}" in ended.stdout
    assert "relay setup m365 scanner" in ended.stdout


def test_every_comment_is_of_the_manual(run: Run, tmp_path: Path) -> None:
    """The file explains each option with the first sentence of its description, and says where the others are."""
    out = tmp_path / "relay.yaml"
    run("init", *FLAGS, *THREE, "--secret", "env:CONTOSO", "-o", out)

    text = out.read_text()
    assert "# The application (client) id of the app registration." in text
    assert "relay example" in text
    assert len(text.splitlines()) < 100


def test_what_is_there_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    """Neither the configuration nor the secret, unless --force says so; nothing else is written then."""
    out = tmp_path / "relay.yaml"
    out.write_text("mine")
    ended = run("init", *FLAGS, *THREE, "--secret-stdin", "-o", out, stdin="new\n")
    assert (ended.returncode, out.read_text()) == (1, "mine")
    assert "--force" in ended.stderr
    assert not (tmp_path / "relay.secret").exists()

    assert run("init", *FLAGS, *THREE, "--secret-stdin", "-o", out, "--force", stdin="new\n").returncode == 0
    assert "scanner@contoso.com" in out.read_text()


def test_another_cloud_is_one_word(run: Run, tmp_path: Path) -> None:
    """A tenant that belongs to another one is told which word; with the word it is good."""
    us = ("--tenant", "contoso.onmicrosoft.us", *FLAGS[2:], *THREE, "--secret", "env:HOME", "-o", tmp_path / "us.yaml")
    assert "us-gov-gcc-high" in run("init", *us).stderr
    assert run("init", *us, "--cloud", "us-gov-gcc-high").returncode == 0
    assert load(tmp_path / "us.yaml").apps["contoso"].cloud.value == "us-gov-gcc-high"


def test_what_is_missing_without_a_terminal_is_named(run: Run, tmp_path: Path) -> None:
    """All at once, as usage: a script is not left waiting."""
    ended = run("init", "--tenant", "contoso.com", "-o", tmp_path / "x.yaml")

    assert ended.returncode == 2
    assert all(option in ended.stderr for option in ("--client-id", "--secret", "--mailbox", "--device"))
    assert "--tenant," not in ended.stderr


def test_a_missing_secret_is_what_is_left_to_do(run: Run, tmp_path: Path) -> None:
    """The file is written all the same; JSON has the complaint and the next commands."""
    out = tmp_path / "relay.yaml"
    ended = run("init", *FLAGS, *THREE, "--secret", f"file:{tmp_path / 'none'}", "-o", out, "--json")

    found = json.loads(ended.stdout)
    assert str(tmp_path / "none") in found["complaints"][0]
    assert found["next"][0].startswith("relay check")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--tenant", "common", "any tenant"),
        ("--client-id", "copier", "GUID"),
        ("--mailbox", "scanner", "mail address"),
        ("--device", "copier=10.0.300.1", "10.0.2.17"),
        ("--device", "0.0.0.0/0", "open relay"),
        ("--secret", "abc~DEF", "not the secret"),
    ],
)
def test_a_wrong_answer_is_refused_in_words(run: Run, tmp_path: Path, option: str, value: str, said: str) -> None:
    """With the option; a secret that was typed in the place of its file is not shown."""
    ended = run("init", *FLAGS, *THREE, "--secret", "env:S", option, value, "-o", tmp_path / "x.yaml")

    assert ended.returncode == 2
    assert option in ended.stderr
    assert said in ended.stderr
    assert "abc~DEF" not in ended.stderr
    assert not (tmp_path / "x.yaml").exists()


def test_devices_may_be_named_or_not() -> None:
    """A network is called so, two of one name are refused."""
    assert ask.devices("10.0.2.17, copier=10.0.3.0/24") == {"device": "10.0.2.17", "copier": "10.0.3.0/24"}
    assert ask.devices("10.0.3.0/24") == {"devices": "10.0.3.0/24"}
    with pytest.raises(ValueError, match="two devices"):
        ask.devices("a=10.0.2.1 a=10.0.2.2")


def test_a_sandbox_is_taken_as_it_printed_itself(run: Run, tmp_path: Path) -> None:
    """For trying out: loopback alone, this machine as the device."""
    told = CloudSettings(
        "https://127.0.0.1:4443/contoso.test", "contoso.test", CLIENT, "secret", "https://outlook.office365.com/.default",
        "127.0.0.1", 2587, tmp_path / "ca.pem", tmp_path / "secret", ("scanner@contoso.test",), "http://127.0.0.1:1",
        tmp_path,
    )  # fmt: skip
    (tmp_path / "sandbox.yaml").write_text(announcement(told))
    ended = run("init", "--sandbox", tmp_path / "sandbox.yaml", "-o", tmp_path / "relay.yaml")

    assert ended.returncode == 0, ended.stderr
    settings = load(tmp_path / "relay.yaml")
    assert settings.listeners[0].host == "127.0.0.1"
    assert settings.devices["this-machine"].address == "127.0.0.0/8"

    other = tmp_path / "other.yaml"
    said = ("--listen", "127.0.0.1:3525", "--data-dir", tmp_path / "mail", "--device", "me=127.0.0.2")
    assert run("init", "--sandbox", tmp_path / "sandbox.yaml", *said, "-o", other).returncode == 0
    settings = load(other)
    assert (settings.listeners[0].port, settings.data_dir, list(settings.devices)) == (3525, tmp_path / "mail", ["me"])
    twice = run("init", "--sandbox", tmp_path / "sandbox.yaml", "--tenant", "contoso.com", "-o", tmp_path / "no.yaml")
    assert (twice.returncode, "leave out --tenant" in twice.stderr) == (2, True)


def test_at_a_terminal_it_asks_five_questions(tmp_path: Path) -> None:
    """A wrong answer is asked again, the secret is not echoed, and the file passes the check."""
    said = _typed(
        tmp_path,
        "contoso.onmicrosoft.com",
        "nonsense",
        CLIENT,
        "",
        "scanner@contoso.com",
        "10.0.2.0/24",
        "hidden~secret",
    )

    assert all(f"{number}/5" in said for number in range(1, 6))
    assert "is no GUID" in said
    assert "hidden~secret" not in said
    assert check(tmp_path / "relay.yaml") == []
    assert (tmp_path / "relay.secret").read_text() == "hidden~secret\n"


def _typed(directory: Path, *answers: str) -> str:
    """What the terminal showed while these lines were typed, each after the next prompt."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "relay", "init"]
    with subprocess.Popen(
        command, cwd=directory, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    ) as process:
        os.close(follower)
        try:
            shown = _conversation(leader, answers)
        finally:
            process.kill()
    os.close(leader)
    return shown


def _conversation(leader: int, answers: tuple[str, ...]) -> str:
    shown = ""
    for answer in answers:
        while not shown.endswith(": "):  # whatever is typed before the prompt for the secret stands would be echoed
            shown += _read(leader)
        os.write(leader, answer.encode() + b"\n")
        shown += _read(leader)  # its echo, or the end of the line
    while part := _read(leader):
        shown += part
    return shown


def _read(leader: int) -> str:
    """What comes next; empty once the other side has closed."""
    readable, _, _ = select.select([leader], [], [], 60)
    assert readable, "nothing was shown for a minute"
    try:
        return os.read(leader, 4096).decode()
    except OSError:
        return ""
