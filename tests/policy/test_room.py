"""When there is room for mail: marks with a band, so that a disk at its mark does not flap."""

from __future__ import annotations

import pytest

from relay.policy.room import Lack, Room, in_words, lacking, remedy_of, too_much


def room(free: int = 1000, used: int = 0, most: int = 0) -> Room:
    return Room(free, 100, used, most)


@pytest.mark.parametrize(
    ("free", "before", "now"),
    [
        (100, Lack.NOTHING, Lack.NOTHING),
        (99, Lack.NOTHING, Lack.DISK),
        (109, Lack.DISK, Lack.DISK),
        (110, Lack.DISK, Lack.NOTHING),
        (105, Lack.QUOTA, Lack.NOTHING),
    ],
)
def test_a_disk_must_have_a_tenth_more_before_mail_is_taken_again(free: int, before: Lack, now: Lack) -> None:
    """Below the mark refused; the band is the disk's own."""
    assert lacking(room(free), before) is now


@pytest.mark.parametrize(
    ("used", "before", "now"),
    [
        (1000, Lack.NOTHING, Lack.NOTHING),
        (1001, Lack.NOTHING, Lack.QUOTA),
        (900, Lack.QUOTA, Lack.QUOTA),
        (899, Lack.QUOTA, Lack.NOTHING),
        (950, Lack.DISK, Lack.NOTHING),
    ],
)
def test_a_full_spool_must_lose_a_tenth_before_mail_is_taken_again(used: int, before: Lack, now: Lack) -> None:
    """Above the quota refused, below nine tenths taken."""
    assert lacking(room(used=used, most=1000), before) is now


def test_both_may_lack_at_once_and_without_a_quota_none_does() -> None:
    """Each is judged by itself."""
    assert lacking(room(1, 2000, 1000), Lack.NOTHING) == Lack.DISK | Lack.QUOTA
    assert lacking(room(used=1 << 50), Lack.QUOTA) is Lack.NOTHING


def test_a_message_that_would_not_fit_is_known_before_it_comes() -> None:
    """By its announced size, against the quota and against the disk."""
    assert too_much(room(used=600, most=1000), 400) is Lack.NOTHING
    assert too_much(room(used=600, most=1000), 401) is Lack.QUOTA
    assert too_much(room(free=500), 401) is Lack.DISK


def test_each_lack_has_its_words_and_its_remedy() -> None:
    """And none has none."""
    assert in_words(Lack.DISK, room(7), "/spool").startswith("less than 100 bytes free at /spool")
    assert "more mail in the spool at /spool than 10 bytes" in in_words(Lack.QUOTA, room(7, 11, 10), "/spool")
    assert in_words(Lack.NOTHING, room(), "/spool") == remedy_of(Lack.NOTHING) == ""
    assert "min_free_bytes" in remedy_of(Lack.DISK | Lack.QUOTA)
    assert "max_bytes" in remedy_of(Lack.QUOTA)
