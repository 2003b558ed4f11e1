"""What is shipped beside the code, and the words everybody uses."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from relay.config.reference import schema

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FROZEN = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
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
