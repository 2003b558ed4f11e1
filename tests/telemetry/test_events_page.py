"""The page about events is printed from the journal and cannot differ from it."""

from __future__ import annotations

import re
from pathlib import Path

from relay.telemetry.events_page import SERVICE, events, page

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_what_the_journal_prints() -> None:
    """If this fails: make docs"""
    assert (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8") == page()


def test_every_event_says_when_it_is_written() -> None:
    """A level and a sentence each."""
    assert all(level and text.endswith(".") for level, text in events().values())


def test_every_event_of_the_service_has_its_row() -> None:
    """What the code tells with `service` is what the page lists."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "relay").rglob("*.py"))
    told = set(re.findall(r'\.(?:service|_tell)\(\s*"([a-z_.-]+)"', sources))
    assert told == set(SERVICE)
