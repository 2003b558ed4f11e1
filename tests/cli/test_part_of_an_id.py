"""`relay queue` takes a part of an id, and says what is meant when it is not clear."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from relay.cli.options import ExitCode
from relay.spool.database import connect
from tests import forked
from tests.spool.earlier import Earlier

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A configuration without a running relay, and the ids of two queued messages."""
    directory = tmp_path_factory.mktemp("part")
    config = directory / "relay.yaml"
    config.write_text(json.dumps({
        "data_dir": str(directory), "listeners": [{"listen": "127.0.0.1:0"}],
        "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
        "profiles": {"scans": {"app": "c", "mailbox": "scanner@contoso.test"}},
    }))  # fmt: skip
    mailbox = "scanner@contoso.test"
    spool = Earlier(directory / "spool", profile="scans", mailbox=mailbox, recipient="a@contoso.test")
    (directory / "spool/lock").touch()
    with closing(connect(directory / "spool/spool.db")):
        pass  # brought to this schema
    return config, spool.ids["queued"]


def queue(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["queue", *arguments, "--config", str(config)])


def test_an_end_names_the_message(made: tuple[Path, list[str]]) -> None:
    """For show, an order and export, in small letters too; nothing is promised while no relay runs."""
    config, (first, _) = made
    shown = json.loads(queue(config, "show", first[-7:].lower(), "--json").stdout)
    assert (shown["id"], shown["next"]) == (first, "attempt 1 when a relay runs; none does now")
    assert json.loads(queue(config, "hold", first[-7:], "--json").stdout)["ids"] == [first]
    assert first in queue(config, "export", first[-7:]).stdout
    assert first in queue(config, "list", "--id", first[-7:]).stdout


def test_what_is_not_clear_is_told(made: tuple[Path, list[str]]) -> None:
    """Two messages begin alike; nobody has the other name; too short a part is none."""
    config, (first, second) = made
    both = queue(config, "release", first[:8])
    assert both.returncode == ExitCode.FAILED
    assert first in both.stderr
    assert second in both.stderr
    assert "There is no message NOBODY" in queue(config, "show", "NOBODY").stderr
    assert "too short for an id" in queue(config, "hold", "01").stderr
