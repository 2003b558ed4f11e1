"""What will happen to a message, in words: one sentence for each thing it can wait for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.policy.prospect import Standing, prospect, standing_of

NOW = 1_700_000_000_000
PAUSED = (
    "waits: its profile scans is paused because the secret is expired; rechecked at 2023-11-14T22:13:20Z; "
    "relay doctor scans"
)
BUSY = "attempt 3 when its turn has come on a connection of the mailbox"
QUEUED = Standing("queued", NOW + 240_000, 2, "scans")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (QUEUED, "attempt 3 in 4 min, not before 2023-11-14T22:17:20Z"),
        (replace(QUEUED, due_at=NOW), "attempt 3 now"),
        (
            replace(QUEUED, due_at=NOW, connected=True),
            "attempt 3 when its turn has come on a connection of the mailbox",
        ),
        (replace(QUEUED, due_at=NOW, pace=0.5), "attempt 3 now; the mailbox is slowed down to 50% of its limits"),
        (replace(QUEUED, rests_until=NOW + 300_000), "waits: the mailbox rests until 2023-11-14T22:18:20Z"),
        (replace(QUEUED, rests_until=NOW + 1000), "attempt 3 in 4 min, not before 2023-11-14T22:17:20Z"),
        (
            replace(QUEUED, budget_until=NOW + 300_000),
            "waits: the day's recipients of the mailbox are used up until 2023-11-14T22:18:20Z",
        ),
        (
            replace(QUEUED, paused_until=NOW, paused_for="The secret is expired."),
            PAUSED,
        ),
        (
            replace(QUEUED, state="uncertain", due_at=NOW),
            "in doubt: the answer to its last attempt was lost; attempt 3 now",
        ),
        (replace(QUEUED, state="leased"), "attempt 2 is under way"),
        (replace(QUEUED, state="leased", held_by="anna"), "attempt 2 is under way; then held for operator anna"),
        (replace(QUEUED, state="held", held_by="anna"), "held by operator anna: release or drop it"),
        (
            replace(QUEUED, state="held", rule="spool.interrupted"),
            "held: it may have arrived; ask its recipient, then release or drop it",
        ),
        (
            replace(QUEUED, state="held", rule="spool.key-missing"),
            "held: its key is missing; the next start that has the key releases it",
        ),
        (replace(QUEUED, state="held"), "held: release or drop it"),
        (replace(QUEUED, state="corrupt"), "damaged: never sent"),
        (replace(QUEUED, state="failed"), "nothing more: it failed; relay queue retry sends it again"),
        (replace(QUEUED, state="dropped"), "nothing more: it was dropped"),
        (replace(QUEUED, state="delivered"), "nothing more"),
    ],
)
def test_the_next_thing_is_said(one: Standing, words: str) -> None:
    """With the time, and what to do where it waits for a person."""
    assert prospect(one, NOW) == words


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (QUEUED, "attempt 3 when a relay runs, not before 2023-11-14T22:17:20Z; none does now"),
        (replace(QUEUED, due_at=NOW), "attempt 3 when a relay runs; none does now"),
        (replace(QUEUED, state="leased"), "attempt 2 was cut: no relay runs; the next start sees to it"),
        (replace(QUEUED, paused_until=NOW, paused_for="The secret is expired."), PAUSED),
    ],
)
def test_nothing_is_promised_while_no_relay_runs(one: Standing, words: str) -> None:
    """An attempt needs somebody who makes it."""
    assert prospect(replace(one, running=False), NOW) == words


def test_nobody_waits_for_what_was_dropped() -> None:
    """Who had it before, or never will, keeps that."""
    assert [standing_of(state, "dropped") for state in ("pending", "delivered", "failed")] == [
        "dropped", "delivered", "failed",
    ]  # fmt: skip
    assert standing_of("pending", "queued") == "pending"
