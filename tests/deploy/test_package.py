"""What is shipped beside the code, and the words everybody uses."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from relay.config.reference import schema
from relay.spool.database import NAME

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FROZEN = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
SCHEMA = (ROOT / "relay/spool/schema.sql").read_text()
PINS = {canonicalize_name(name): version for name, version in FROZEN}  # pip freezes some names with an underscore


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_every_requirement_is_pinned_within_its_range(line):
    """The version that was tested is one the package allows."""
    requirement = Requirement(line)

    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("word", ["demo", "test", "check", "bench", "soak", "docs", "venv", "deb"])
def test_make_knows_the_word(word, need_tool):
    """A dry run of every word finds its rule."""
    ended = subprocess.run(
        [need_tool("make"), "--dry-run", word], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr


def test_ci_says_the_same_words():
    """CI has no steps of its own."""
    words = re.findall(r"^make (\w+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)

    assert words == ["check", "test"]


def test_the_schema_for_editors_is_that_of_the_settings():
    """Otherwise: make docs."""
    assert (ROOT / "docs/reference/relay.schema.json").read_text() == schema()


def test_every_news_fragment_is_taken(need_tool):
    """towncrier ignores a file whose type it does not know; none may be lost that way."""
    command = [need_tool("towncrier"), "build", "--draft", "--version", "0"]
    draft = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    fragments = [path for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md"]

    assert all(" ".join(path.read_text().split()) in " ".join(draft.split()) for path in fragments)


@pytest.mark.parametrize(
    ("states", "kept"),
    [((), False), (("delivered", "failed", "dropped"), False), (("delivered", "held"), True), (None, True)],
)
def test_a_purge_takes_all_along_but_no_mail_that_waits(tmp_path, states, kept):
    """A spool that can't be read may hold some; with it stay the keys and secrets that it needs, and that is said."""
    state, etc = tmp_path / "var/lib/private/relay", tmp_path / "etc/relay"
    for directory in (state / "spool", etc / "secrets"):
        directory.mkdir(parents=True)
    (tmp_path / "var/lib/relay").symlink_to("private/relay")
    if states is None:
        (state / "spool" / NAME).write_text("no database at all")
    else:
        _spool(state / "spool" / NAME, states)
    script = ["sh", ROOT / "deploy/debian/postrm"]
    subprocess.run([*script, "upgrade", "1.0"], env={"PATH": "/usr/bin:/bin", "DPKG_ROOT": str(tmp_path)}, check=True)
    assert etc.exists()
    ended = subprocess.run(
        [*script, "purge"], env={"PATH": "/usr/bin:/bin", "DPKG_ROOT": str(tmp_path)}, capture_output=True, check=True
    )
    assert (state.exists(), etc.exists(), (tmp_path / "var/lib/relay").is_symlink()) == (kept, kept, kept)
    assert (f"Mail waits in {state}" in ended.stderr.decode()) is kept


def _spool(file, states):
    """A database as the relay makes it, with a message in each of these states."""
    with sqlite3.connect(file) as spool:
        spool.executescript(SCHEMA)
        columns = [name for _, name, *_ in spool.execute("PRAGMA table_info(message)")]
        for number, state in enumerate(states):
            row = dict.fromkeys(columns, 0) | {"id": str(number), "state": state}
            spool.execute(f"INSERT INTO message VALUES ({', '.join('?' * len(columns))})", tuple(row.values()))
    spool.close()
