"""What an operation costs does not grow with the queue: counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.crowd import BODY, HEAD, MAILBOX, PROFILE, fill, message
from relay.message.address import Address
from relay.spool import claims, mailboxes, sqlite
from relay.spool.browse import Browser
from relay.spool.damage import Inspector
from relay.spool.database import connect
from relay.spool.keyring import NO_KEYS
from relay.spool.queries import SQL
from relay.spool.search import Place, Searcher
from relay.spool.selection import Selection, rows_of
from relay.spool.store import Claim, RecipientResult, Seat, Settlement, State
from tests.spool.test_store import now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

SHALLOW, DEEP = 1_000, 100_000
BODIES = Path("/nowhere")  # these messages have none in a file


class Counted:
    """A filled spool and a connection that counts the steps of each operation."""

    def __init__(self, directory: Path, messages: int) -> None:
        self.directory = directory
        self.ids = fill(directory, messages, files=False)
        self._steps = 0

    def steps_of(self, work: Callable[[sqlite3.Connection], object]) -> int:
        """In a transaction of its own, that is committed."""
        with closing(connect(self.directory / "spool.db")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.set_progress_handler(self._step, 1)
            self._steps = 0
            work(connection)
            counted = self._steps
            connection.set_progress_handler(None, 0)
            connection.execute("COMMIT")
        return counted

    def _step(self) -> int:
        self._steps += 1
        return 0


@pytest.fixture(scope="module")
def spools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Counted, Counted]:
    """One with few messages, one with a hundred times as many."""
    directory = tmp_path_factory.mktemp("depth")
    return Counted(directory / "shallow", SHALLOW), Counted(directory / "deep", DEEP)


def claimed(connection: sqlite3.Connection) -> Claim:
    mailboxes.add_mailbox(connection, MAILBOX)
    seat = Seat("one", MAILBOX, (PROFILE,), 2, 0)
    found = claims.claim(connection, seat, lambda _: 60_000, claims.Means(Inspector(BODIES)), now())
    assert isinstance(found, Claim)
    return found


def settled(connection: sqlite3.Connection) -> None:
    result = RecipientResult(Address("a@contoso.example"), "delivered", "250")
    delivered = Settlement(State.DELIVERED, "delivered", recipients=(result,))
    assert claims.settle(connection, claimed(connection), delivered, now())


def accepted(connection: sqlite3.Connection) -> None:
    sqlite._insert(connection, message(1), NO_KEYS)


def listed(connection: sqlite3.Connection) -> None:
    rows_of(connection, "m.id, m.received_at, m.answer", Selection(limit=100), 0)


def found(connection: sqlite3.Connection, after: Place | None = None, **asked: str) -> None:
    """One page of a search through all states."""
    selection = Selection(states=tuple(State), limit=50, **asked)  # type: ignore[arg-type]
    list(Searcher(BODIES)._found(connection, selection, after, newest=True))


def found_further(connection: sqlite3.Connection) -> None:
    """A page far behind the first."""
    behind = connection.execute("SELECT received_at, id FROM message ORDER BY id LIMIT 1 OFFSET 500").fetchone()
    found(connection, Place(*behind))


def purged(connection: sqlite3.Connection) -> None:
    long_ago = {"delivered_before": 1, "failed_before": 1}
    assert sqlite._forget_old(connection, long_ago) == []


OPERATIONS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "accept": accepted,
    "claim": claimed,
    "claim and settle": settled,
    "list": listed,
    "search": found,
    "search, a later page": found_further,
    "purge": purged,
    "octets kept": lambda connection: connection.execute(SQL.kept_bytes).fetchall(),
    "profiles with mail": lambda connection: connection.execute(SQL.profiles_waiting).fetchall(),
    "look for damage": lambda connection: Inspector(BODIES).step(connection),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_costs_as_much_with_a_hundred_times_the_mail(name: str, spools: tuple[Counted, Counted]) -> None:
    """Within a tenth; the first time is not counted, since it may make things."""
    shallow, deep = ([spool.steps_of(OPERATIONS[name]) for _ in range(3)][-1] for spool in spools)
    assert 0 < deep <= shallow * 1.1, f"{shallow} steps at {SHALLOW} messages, {deep} at {DEEP}"


@pytest.mark.parametrize("asked", ["device", "profile", "subject_hash"])
def test_what_a_search_leaves_out_is_never_looked_up(asked: str, spools: tuple[Counted, Counted]) -> None:
    """A few steps along the index for each message: 100 000 take a twentieth of a second."""
    steps = spools[1].steps_of(lambda connection: found(connection, **{asked: "nobody"}))
    assert steps < 15 * DEEP


def test_what_is_listed_is_the_oldest_of_all_states(spools: tuple[Counted, Counted]) -> None:
    """In the order of arrival, and no more than asked for."""
    _, deep = spools
    with closing(connect(deep.directory / "spool.db")) as connection:
        connection.execute("UPDATE message SET state = 'held' WHERE id = ?", (deep.ids[20],))
    rows = Browser(deep.directory).list(limit=50)
    assert len(rows) == 50
    assert [row.received for row in rows] == sorted(row.received for row in rows)
    assert deep.ids[20] in {row.id for row in rows}


def test_the_shape_counts_every_message_once(spools: tuple[Counted, Counted]) -> None:
    """By profile and state; ages are counted by class."""
    _, deep = spools
    browser = Browser(deep.directory)
    shapes, counts = browser.shape(), browser.counts()
    assert {shape.state: shape.count for shape in shapes} == {
        state: count for state, count in counts.items() if state != "delivered"
    }
    for shape in shapes:
        assert sum(shape.ages) == shape.count
        assert shape.profile == PROFILE
    queued = next(shape for shape in shapes if shape.state == "queued")
    assert queued.bytes == queued.count * (len(HEAD) + len(BODY))
    assert queued.oldest_s >= DEEP // 1000
