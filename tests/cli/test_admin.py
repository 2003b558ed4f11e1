"""`relay admin`: people and tokens, on the file that the running relay reads."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from relay.cli.verbs import run
from relay.control.accounts import NAME, Accounts, changing
from relay.control.who import Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ended

    Admin = Callable[..., Ended]

SECRET = "a long enough password"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    found = tmp_path / "data"
    found.mkdir()
    return found


@pytest.fixture
def admin(
    write_config: Callable[..., Path],
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Admin:
    """`admin("password", "ann", said="…")`, in this process."""
    assert data_dir.is_dir()
    config = write_config()

    def ended(*arguments: str, said: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        code = run(["admin", *arguments, "-c", str(config)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return ended


def test_a_person_is_made_changed_and_removed(admin: Admin, data_dir: Path) -> None:
    """The password is kept as a hash alone, in a file for its owner alone; the role stays unless one is named."""
    made = admin("password", "ann", "--role", "viewer", "--stdin", said=SECRET + "\n")
    assert (made.returncode, made.stdout) == (0, "ann is a viewer.\n")
    path = data_dir / NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert SECRET not in path.read_text()
    assert Accounts.read(data_dir).role_of("ann", SECRET) is Role.VIEWER
    assert json.loads(admin("password", "ann", "--stdin", "--json", said=SECRET + "2\n").stdout)["role"] == "viewer"
    assert Accounts.read(data_dir).role_of("ann", SECRET) is None
    assert admin("role", "ann", "operator").stdout == "ann is an operator.\n"
    assert Accounts.read(data_dir).role_of("ann", SECRET + "2") is Role.OPERATOR
    assert json.loads(admin("list", "--json").stdout) == {
        "people": [{"name": "ann", "role": "operator", "kind": "person"}], "tokens": [],
    }  # fmt: skip
    assert "Nobody has a password any more" in admin("remove", "ann").stdout
    assert Accounts.read(data_dir).people == {}


def test_a_token_is_shown_once_and_revoked(admin: Admin, data_dir: Path) -> None:
    """Kept is its hash; of two of one name the newer is good."""
    first = admin("token", "new", "prometheus", "--role", "viewer").stdout.strip()
    token = json.loads(admin("token", "new", "prometheus", "--role", "viewer", "--json").stdout)["token"]
    assert token.startswith("relay_")
    assert token not in (data_dir / NAME).read_text()
    accounts = Accounts.read(data_dir)
    assert accounts.owner_of(token) == ("prometheus", Role.VIEWER)
    assert accounts.owner_of(first) is None
    assert token not in admin("list").stdout
    assert admin("token", "revoke", "prometheus").returncode == 0
    assert Accounts.read(data_dir).owner_of(token) is None


@pytest.mark.parametrize(
    ("arguments", "said", "words"),
    [
        (("password", "ann", "--stdin"), "elevenchars\n", "at least 12"),
        (("password", "ann", "--stdin"), "x" * 1025 + "\n", "more than 1024"),
        (("password", "ann"), SECRET, "--stdin"),
        (("password", "an n", "--stdin"), SECRET, "can't be a name"),
        (("token", "new", "a/b", "--role", "viewer"), "", "can't be a name"),
        (("token", "new", "a"), "", "--role"),
    ],
)  # fmt: skip
def test_wrong_usage_changes_nothing(
    admin: Admin, data_dir: Path, arguments: tuple[str, ...], said: str, words: str
) -> None:
    """Code 2, with the reason."""
    ended = admin(*arguments, said=said)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert not (data_dir / NAME).exists()


def test_nobody_of_that_name(admin: Admin, data_dir: Path) -> None:
    """Code 1, with those there are."""
    with changing(data_dir) as accounts:
        accounts.new_token("backup", Role.VIEWER)
    for arguments in (("remove", "bob"), ("role", "bob", "viewer")):
        assert admin(*arguments).returncode == 1
    assert "there is backup" in admin("token", "revoke", "bob").stderr


def test_a_file_that_is_no_list_of_accounts_is_left_alone(admin: Admin, data_dir: Path) -> None:
    """Code 69, with what to do."""
    (data_dir / NAME).write_text('{"people": {"ann": {"role": "king"}}, "tokens": {}}')
    before = (data_dir / NAME).read_text()
    ended = admin("token", "new", "x", "--role", "viewer")
    assert ended.returncode == 69
    assert "remove it" in ended.stderr
    assert (data_dir / NAME).read_text() == before


def test_a_data_dir_that_is_not_there_is_not_made(admin: Admin, data_dir: Path) -> None:
    """Made by root it would keep the relay's own user out."""
    data_dir.rmdir()
    ended = admin("token", "new", "x", "--role", "viewer")
    assert ended.returncode == 69
    assert "start the relay once" in ended.stderr


def test_a_password_typed_at_a_terminal_is_asked_for_twice(write_config: Callable[..., Path], data_dir: Path) -> None:
    """And not shown."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "relay", "admin", "password", "ann", "-c", str(write_config())]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its)
    os.close(its)
    shown = b""
    for prompt in (b"Password: ", b"Repeat for confirmation: "):
        while not shown.endswith(prompt):
            shown += os.read(ours, 1000)
        os.write(ours, SECRET.encode() + b"\n")
    assert process.wait(60) == 0
    os.close(ours)
    assert SECRET.encode() not in shown
    assert Accounts.read(data_dir).role_of("ann", SECRET) is Role.OPERATOR


def test_two_who_change_at_once_lose_nothing(data_dir: Path) -> None:
    """Each process waits for the other."""

    def make(number: int) -> None:
        with changing(data_dir) as accounts:
            accounts.new_token(f"t{number}", Role.VIEWER)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(40)))
    assert len(Accounts.read(data_dir).tokens) == 40


@pytest.mark.usefixtures("as_root")
def test_root_leaves_the_file_to_the_owner_of_the_directory(data_dir: Path) -> None:
    """And follows no link that the owner has laid where the new file is written."""
    os.chown(data_dir, 12345, 12345)
    aside = data_dir.parent / "aside"
    aside.write_text("mine")
    (data_dir / f"{NAME}.new").symlink_to(aside)
    with changing(data_dir) as accounts:
        accounts.new_token("x", Role.VIEWER)
    found = (data_dir / NAME).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12345, 0o600)
    assert aside.read_text() == "mine"
