"""From every earlier schema to this one, forward only, each step whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from relay.spool.browse import Browser
from relay.spool.database import connect
from relay.spool.queries import SQL
from relay.spool.schema import VERSION
from relay.spool.store import Claim, Settlement, SpoolError, State
from tests.spool.conftest import MAILBOX, Desk, retry_at_once
from tests.spool.earlier import LEFT_BEHIND, Earlier
from tests.spool.test_room import added_up
from tests.spool.test_store import delivered

if TYPE_CHECKING:
    from pathlib import Path

# Migrates the database named by its argument, and dies at the statement of that number as by SIGKILL.
DIES = """
import os, sqlite3, sys
from relay.spool import schema
left = int(sys.argv[2])
def strike(_):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA synchronous=FULL")
connection.set_trace_callback(strike)
schema.prepare(connection)
"""


def earlier(tmp_path: Path) -> Earlier:
    return Earlier(tmp_path / "spool", profile="scans", mailbox=MAILBOX, recipient="a@contoso.test")


async def everything_is_there(made: Earlier) -> None:
    """What waited can be sent, octet for octet; what was settled, held or in doubt still is."""
    desk = Desk(made.directory, min_free_bytes=0)
    recovered = await desk.store.open()
    assert (recovered.damaged, recovered.swept) == (0, 0)
    await desk.store.open_mailbox(MAILBOX)
    assert desk.store.room().used_bytes == added_up(desk) > 0
    taken = {}
    while isinstance(found := await desk.store.claim(desk.seat(), retry_at_once), Claim):
        body = found.parcel.body
        octets = body if isinstance(body, bytes) else body.read_bytes()
        assert len(octets) == found.parcel.body_size
        taken[found.parcel.id] = found.doubtful
        assert await desk.store.settle(found, delivered("a@contoso.test"))
    assert taken == dict.fromkeys(made.ids["queued"], 0) | dict.fromkeys(made.ids["leased"], 1)
    assert Browser(made.directory).counts() == {"delivered": 6, "held": 2, "failed": 2}
    await desk.store.close()
    assert desk.bodies() == sorted(made.ids[state][1] for state in ("held", "failed"))


async def test_a_spool_of_version_1_is_opened_and_everything_delivered(tmp_path: Path) -> None:
    """Whatever state its messages were left in."""
    made = earlier(tmp_path)
    assert set(made.ids) == set(LEFT_BEHIND)
    await everything_is_there(made)


def described(database: Path) -> dict[str, object]:
    """Columns of each table without their order, and the text of each index and trigger without its dress."""
    with closing(sqlite3.connect(database)) as connection:
        names = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        ).fetchall()
        found: dict[str, object] = {}
        for kind, name, text in names:
            if kind == "table":
                columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
                found[name] = {column[1]: column[2:] for column in columns}
            else:
                found[name] = " ".join(text.split())
        found["version"] = connection.execute("SELECT * FROM schema_version").fetchall()
        found["vacuum"] = connection.execute("PRAGMA auto_vacuum").fetchall()
    return found


def test_a_migrated_spool_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    """Table by table, column by column, index by index; forgetting to write a migration fails here."""
    made = earlier(tmp_path)
    assert described(made.directory / "spool.db")["version"] == [(1,)]
    for database in (made.directory / "spool.db", tmp_path / "new.db"):
        connect(database).close()
    assert described(made.directory / "spool.db") == described(tmp_path / "new.db")


def died_at(statement: int, database: Path) -> int:
    return subprocess.run([sys.executable, "-c", DIES, str(database), str(statement)], check=False).returncode


async def test_a_crash_at_any_statement_of_a_migration_leaves_a_spool_that_opens(tmp_path: Path) -> None:
    """Each step is one transaction: the next start finds the old schema whole, or the new one."""
    made = earlier(tmp_path)
    finished = False
    statement = 0
    versions = []
    while not finished:
        copy = tmp_path / "copy"
        shutil.copytree(made.directory, copy)
        code = died_at(statement, copy / "spool.db")
        assert code in (0, 9)
        finished = code == 0
        with closing(sqlite3.connect(copy / "spool.db")) as connection:
            versions.append(connection.execute(SQL.version_of).fetchone()[0])
        if statement % 5 == 0 or finished:
            again = Earlier.__new__(Earlier)
            again.directory, again.ids = copy, made.ids
            await everything_is_there(again)
        shutil.rmtree(copy)
        statement += 1
    assert versions == sorted(versions)
    assert set(versions) == set(range(1, VERSION + 1))
    assert len(versions) > 20


async def test_a_spool_of_a_later_relay_is_refused_and_not_touched(tmp_path: Path) -> None:
    """By whoever would write it and by whoever would read it, with the remedy."""
    made = earlier(tmp_path)
    with closing(sqlite3.connect(made.directory / "spool.db")) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
        connection.commit()
    desk = Desk(made.directory, min_free_bytes=0)
    with pytest.raises(SpoolError, match="has schema 99, this relay knows 3: it was used by a later version") as caught:
        await desk.store.open()
    await desk.store.close()
    assert "install that version again" in caught.value.remedy
    with pytest.raises(SpoolError, match=r"schema 99.*install that version again"):
        Browser(made.directory).counts()
    with closing(sqlite3.connect(made.directory / "spool.db")) as connection:
        assert connection.execute("SELECT count(*) FROM message WHERE state = 'leased'").fetchone() == (2,)


def test_a_spool_that_was_not_yet_migrated_is_told_by_whoever_reads_it(tmp_path: Path) -> None:
    """`relay queue list` ends with 69 and the remedy, not with a traceback; nothing is changed."""
    earlier(tmp_path)
    config = tmp_path / "relay.yaml"
    config.write_text(json.dumps({
        "data_dir": str(tmp_path), "listeners": [{"listen": "127.0.0.1:0"}],
        "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
        "profiles": {"scans": {"app": "c", "mailbox": MAILBOX}},
    }))  # fmt: skip
    command = [sys.executable, "-m", "relay", "queue", "list", "--config", str(config)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == os.EX_UNAVAILABLE
    assert "has schema 1, this relay reads 3: start this relay once" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    with closing(sqlite3.connect(tmp_path / "spool/spool.db")) as connection:
        assert connection.execute(SQL.version_of).fetchone() == (1,)


async def test_a_failed_message_of_version_1_is_forgotten_in_its_time(tmp_path: Path) -> None:
    """Its body too, and every row in every table."""
    made = earlier(tmp_path)
    desk = Desk(made.directory, min_free_bytes=0)
    await desk.store.open()
    await desk.store.open_mailbox(MAILBOX)
    assert await desk.store.purge(2_000_000_000_000, 2_000_000_000_000) == 4
    await desk.store.settle(await desk.take(), Settlement(State.DROPPED, "x"))
    await desk.store.close()
    gone = made.ids["delivered"] + made.ids["failed"]
    with closing(sqlite3.connect(made.directory / "spool.db")) as connection:
        for table, column in (("message", "id"), ("body", "message_id"), ("recipient", "message_id")):
            left = {row[0] for row in connection.execute(f"SELECT {column} FROM {table}")}
            assert left.isdisjoint(gone)
            assert left
    assert made.ids["failed"][1] not in desk.bodies()
