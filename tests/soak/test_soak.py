"""The soak, short: every kind of fault at random for some seconds, and the sum of it. `make soak` is the long one."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.soak.run import Soak, soak

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECONDS, ACCEPTED = 30.0, 30
SEED = int(os.environ.get("RELAY_SOAK_SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.mark.timeout(400)
async def test_accepted_is_delivered_notified_spooled_or_held(
    tmp_path: Path, record_property: Callable[[str, object], None]
):
    """Whatever went wrong: nothing lost, nothing altered, nothing twice without an attempt in doubt."""
    print(f"RELAY_SOAK_SEED={SEED}")
    tally = await soak(Soak(SEED, SECONDS, least_accepted=ACCEPTED), tmp_path)
    table = tally.table(SEED, SECONDS)
    print(table)
    record_property("table", table)
    assert tally.breaches == {}
    assert tally.ends.total() == len(tally.accepted) >= ACCEPTED
    assert len(tally.did) > 10
