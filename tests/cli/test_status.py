"""`relay status` where no relay runs, and as text."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from relay.cli.status import in_words
from relay.control.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Run


def test_without_a_relay_the_spool_is_asked(
    relay: Run, write_config: Callable[..., Path], secrets: dict[str, str]
) -> None:
    """The same fields; exit code 1, because nobody takes mail."""
    config = write_config()
    ended = relay("status", "--json", "-c", config, env=secrets)
    found = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert list(found) == [item.name for item in fields(Status)]
    assert (found["running"], found["ready"]) == (False, False)
    assert [one["name"] for one in found["profiles"]] == ["scans"]
    text = relay("status", "-c", config, env=secrets).stdout
    assert "no relay runs" in text.splitlines()[0]
    assert text.splitlines()[1] == "No: devices can't hand in mail."
    assert text.count("has the relay run yet") == 1


def test_a_pause_stands_before_the_figures() -> None:
    """With its remedy whole; a profile that left the configuration keeps its line while mail waits for it."""
    why = {"since": "x", "recheck": "y", "rule": "r", "meaning": "m", "remedy": "grant it", "answer": "535 no"}
    queue = [{"profile": name, "state": "queued", "count": 3, "oldest_s": 70} for name in ("box", "gone")]
    found = {
        "version": "1", "ready": True, "reasons": [], "listening": ["[::]:25"], "spool": {"trouble": ""},
        "profiles": [{"name": "box", "state": "paused", "why": why}], "queue": queue, "mailboxes": [],
        "credentials": [], "problems": [],
    }  # fmt: skip
    text = in_words(found)
    assert text.startswith("relay 1: takes mail on [::]:25\n\nprofile box is paused\n")
    assert text.index("grant it") < text.index("waiting")
    assert "gone     not configured  3" in text


def test_a_pause_is_told_once_and_a_remedy_is_whole() -> None:
    """What stands at the top is not repeated below; of what is below nothing is cut that somebody has to do."""
    remedy = (
        "Grant the mailbox the right to send as this address, in the Exchange admin center, then wait an hour. " * 2
    )
    why = {"since": "x", "recheck": "y", "rule": "r", "meaning": "m", "remedy": "grant it", "answer": "535 no"}
    problem = {"last": "x", "times": 1, "answer": "", "what": "m"}
    found = {
        "version": "1", "ready": True, "reasons": [], "listening": ["[::]:25"], "spool": {"trouble": ""},
        "profiles": [{"name": "box", "state": "paused", "why": why}], "queue": [], "mailboxes": [], "credentials": [],
        "problems": [
            problem | {"event": "profile.paused", "about": "box", "remedy": "grant it"},
            problem | {"event": "message.failed", "about": "copier", "remedy": remedy},
        ],
    }  # fmt: skip
    text = in_words(found)
    assert text.count("grant it") == 1
    assert " ".join(remedy.split()) in text
