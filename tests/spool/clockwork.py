"""Claims and settlements on a database in memory, by a clock that the test moves."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from relay.message.address import Address
from relay.spool import claims, mailboxes
from relay.spool.damage import Inspector
from relay.spool.keyring import NO_KEYS
from relay.spool.queries import SCHEMA, STEPS
from relay.spool.sqlite import _insert
from relay.spool.store import Claim, NewMessage, RecipientResult, Rest, Seat, Settlement, State, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable

MAILBOX = "scanner@contoso.test"
START = 1_800_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


class Clockwork:
    """One mailbox; `now` is the only clock. `seat` is what a claim asks with, unless told otherwise."""

    def __init__(self, **seat: Any) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(SCHEMA)
        self.connection.executescript(STEPS)
        mailboxes.add_mailbox(self.connection, MAILBOX)
        self.means = claims.Means(Inspector(Path("bodies")))
        self.now = START
        self.seat = replace(Seat("one", MAILBOX, ("scans",), 2, 0), **seat)
        self.count = 0

    def put(
        self, device: str = "copier", *, precedence: int = 2, to: Iterable[str] | int = 1, profile: str = "scans"
    ) -> str:
        """Accepts a message now; `to` are its recipients, or how many."""
        self.count += 1
        name = f"M{self.count:06}"
        recipients = [f"r{n}@contoso.test" for n in range(to)] if isinstance(to, int) else to
        new = NewMessage(
            id=name, device=device, profile=profile, mailbox=MAILBOX, sender=Address(MAILBOX),
            recipients=tuple(map(Address, recipients)), client="10.0.2.17", head=b"Subject: x\r\n\r\n",
            body=Stored(b"hello\r\n", 7), eight_bit=False, precedence=precedence,
        )  # fmt: skip
        with patch("relay.spool.sqlite.now_ms", return_value=self.now):
            _insert(self.connection, new, NO_KEYS, self.means.heads)
        return name

    def flood(self, messages: int) -> None:
        """So many messages of ten devices at once, some of them large."""
        self.connection.executescript(f"""
            BEGIN;
            INSERT INTO message (id, device, profile, mailbox, sender, client, state, due_at, received_at, size,
              body_size, eight_bit, body_file, precedence, recipients)
            WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {messages})
            SELECT printf('F%07d', n), 'device ' || n % 10, 'scans', '{MAILBOX}', '{MAILBOX}', '10.0.2.17', 'queued',
              {START}, {START}, 23, 7, 0, 0, CASE WHEN n % 50 THEN 2 ELSE 3 END, 1 FROM count;
            INSERT INTO body (message_id, head, content)
            SELECT id, CAST('Subject: x' AS BLOB), CAST('hello' || char(13, 10) AS BLOB) FROM message;
            INSERT INTO recipient (message_id, n, address) SELECT id, 0, 'a@contoso.test' FROM message;
            COMMIT;
        """)

    def claim(self, **seat: Any) -> Claim | Rest:
        return claims.claim(self.connection, replace(self.seat, **seat), lambda _: MINUTE, self.means, self.now)

    def take(self, **seat: Any) -> Claim:
        """The next message; fails when there is none to have."""
        found = self.claim(**seat)
        assert isinstance(found, Claim), found
        return found

    def rest(self, **seat: Any) -> int | None:
        """Until when there is nothing to do, in milliseconds from now; fails when there is something."""
        found = self.claim(**seat)
        assert isinstance(found, Rest), found
        return None if found.until is None else found.until - self.now

    def settle(self, claim: Claim, state: State = State.DELIVERED, outcome: str = "", **more: Any) -> State | None:
        """With the same state for every recipient that was taken along, where it is a final one."""
        final = state in (State.DELIVERED, State.FAILED)
        results = [RecipientResult(one, state, "said") for one in claim.parcel.recipients] if final else []
        values = {"due_at": self.now, "recipients": results, **more}
        settlement = Settlement(state, outcome or state, **values)
        return claims.settle(self.connection, claim, settlement, self.now, self.means.heads)

    def sent(self, **seat: Any) -> str:
        """Takes the next message and delivers it; its id."""
        claim = self.take(**seat)
        self.settle(claim)
        return claim.parcel.id

    def left(self, limit: int) -> int:
        """Recipients that the mailbox may still have."""
        day = mailboxes.account(self.connection, MAILBOX, self.now).day
        left, _ = mailboxes.budget_left(self.connection, replace(self.seat, recipients_per_day=limit), day, self.now)
        assert left is not None
        return left

    def of(self, name: str, column: str) -> Any:
        return self.connection.execute(f"SELECT {column} FROM message WHERE id = ?", (name,)).fetchone()[0]
