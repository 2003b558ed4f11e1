"""The README promises nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.cli.verbs import VERBS
from relay.config.loader import parse

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_configuration_in_one_minute_is_good():
    """It passes the loader as it stands."""
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)

    assert list(parse(text).devices) == ["copier-2nd-floor", "erp"]


def test_every_verb_is_named_and_every_named_verb_exists():
    """The table of commands is complete."""
    named = set(re.findall(r"`relay ([a-z]+)", README))

    assert named == set(VERBS)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?!/)[\w./-]+\.(?:md|yaml|service|toml))`", README))))
def test_every_file_that_is_named_exists(path):
    """A reader can open what they are sent to."""
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("word", sorted(set(re.findall(r"\bmake ([a-z]+)", README))))
def test_every_word_of_make_exists(word):
    """What a reader is told to type has a rule."""
    assert re.search(rf"^{word}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
