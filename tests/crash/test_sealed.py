"""Deaths with encryption on: a message was never taken or arrives once, and no half of it stays in plain."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from relay.config.aeskey import new_key
from tests.crash.test_points import ON_ITS_WAY_IN, ON_ITS_WAY_OUT, hand_in, keeps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend


@pytest.fixture
def sealed(lives: Lives, tmp_path: Path) -> Lives:
    """The relay with a key, not yet started."""
    key = tmp_path / "key"
    key.write_text(new_key())
    lives.set("spool: {min_free_bytes: 0", f"spool: {{encryption: {{key: {{file: {key}}}}}, min_free_bytes: 0")
    return lives


@pytest.mark.parametrize("point", ["spool.body-written", "spool.body-renamed", "spool.accept-committed"])
async def test_a_sealed_message_on_its_way_in_meets_a_death_at(point: str, sealed: Lives, cloud: Pretend):
    """What is left of it can't be read, and the next life ends well."""
    await sealed.start(f"{point}:kill")
    letter = await hand_in(sealed, point)
    assert await sealed.ended() == -signal.SIGKILL, sealed.tail()
    left = [path for path in sealed.spool.rglob("*") if path.is_file()]
    assert not [path.name for path in left if b"..dots" in path.read_bytes()]
    await keeps(ON_ITS_WAY_IN[point], letter, sealed, cloud)


@pytest.mark.parametrize("point", ["spool.claim-committed", "delivery.answered"])
async def test_a_sealed_message_meets_a_death_at(point: str, sealed: Lives, cloud: Pretend):
    """It arrives, as often as a plain one, octet for octet."""
    sealed.keep_one_lane()
    await sealed.start("spool.claim-before-commit:EIO")
    letter = await hand_in(sealed, point)
    await sealed.stop()
    await sealed.launch(f"{point}:kill")
    assert await sealed.ended() == -signal.SIGKILL, sealed.tail()
    await keeps(ON_ITS_WAY_OUT[point], letter, sealed, cloud)
