"""A message on its way in: the head found in any pieces, the body in memory or in a file, nothing left when dropped."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.message.header import LIMIT, HeaderTooLarge
from relay.spool.draft import BodyDraft
from relay.spool.store import SpoolError, SpoolFull, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

INLINE = 1000


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def draft_in(directory: Path, executor: ThreadPoolExecutor) -> BodyDraft:
    return BodyDraft(directory, executor, INLINE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.sampled_from([b"", b"\r\n", b"Subject: x\r\n\r\n", b"Subject: x\r\nTo: y\r\n z\r\n\r\n", b"no header\r\n"]),
    st.integers(0, 3 * INLINE), st.integers(1, 700),
)  # fmt: skip
async def test_head_and_body_are_the_octets_that_came(
    tmp_path: Path, executor: ThreadPoolExecutor, head: bytes, size: int, piece: int
) -> None:
    """Whatever the pieces, and on whichever side of the line the size falls."""
    octets = head + (b"b" * 98 + b"\r\n") * (size // 100)
    draft = draft_in(tmp_path, executor)
    for at in range(0, len(octets), piece):
        draft.write(octets[at : at + piece])
    whole = await draft.finish()
    body = (tmp_path / draft.id).read_bytes() if whole.body.content is None else whole.body.content
    assert whole.section + (b"\r\n" if head.endswith(b"\r\n\r\n") else b"") + body == octets.removeprefix(b"\r\n")
    assert whole.body.size == len(body)
    assert (whole.body.content is None) == (len(body) > INLINE)
    assert whole == Whole(whole.section, whole.body, came=octets[: len(octets) - len(body)])
    await draft.discard()
    assert names(tmp_path) == []


async def test_a_finished_body_stands_under_its_final_name_alone(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    """No part is left beside it, and nobody else may read it."""
    draft = draft_in(tmp_path, executor)
    draft.write(b"\r\n" + b"x" * 5000)
    await draft.finish()
    assert names(tmp_path) == [draft.id]
    assert (tmp_path / draft.id).stat().st_mode & 0o777 == 0o600


async def test_a_dropped_draft_leaves_no_file_and_no_descriptor(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    """A device that hangs up in the middle costs nothing."""
    before = names(Path("/proc/self/fd"))
    draft = draft_in(tmp_path, executor)
    for _ in range(20):
        draft.write(b"\r\n" + b"x" * 5000)
        await draft.relieved()
    await draft.discard()
    assert names(tmp_path) == []
    assert len(names(Path("/proc/self/fd"))) == len(before)


async def test_a_body_larger_than_what_may_wait_is_written_while_it_comes(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    """The backlog shrinks without the message having ended."""
    draft = draft_in(tmp_path, executor)
    draft.write(b"\r\n" + b"x" * 1_000_000)
    assert draft.backlog == 1_000_000
    await draft.relieved()
    assert draft.backlog == 0
    await draft.discard()


async def test_a_failing_disk_is_told_to_whoever_waits(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    """Where and why; dropping the draft then raises nothing."""
    draft = draft_in(tmp_path / "gone", executor)
    draft.write(b"\r\n" + b"x" * 5000)
    with pytest.raises(SpoolError, match=r"gone.*No such file"):
        await draft.finish()
    await draft.discard()


async def test_a_full_disk_is_told_apart(
    tmp_path: Path, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device hears 452, not 451."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    draft = draft_in(tmp_path, executor)
    draft.write(b"\r\n" + b"x" * 5000)
    with pytest.raises(SpoolFull, match="No space left"):
        await draft.finish()
    await draft.discard()
    assert names(tmp_path) == []


async def test_dropping_a_draft_never_raises(
    tmp_path: Path, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that can't even remove leaves the rest for the next start; the device still gets its answer."""
    draft = draft_in(tmp_path, executor)
    draft.write(b"\r\n" + b"x" * 5000)
    await draft.finish()

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", broken)
    await draft.discard()


async def test_a_head_without_end_is_refused(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    """Memory is bounded by the limit, whatever a device sends."""
    draft = draft_in(tmp_path, executor)
    line = b"X-Long: " + b"x" * 1000 + b"\r\n"
    for _ in range(LIMIT // len(line)):
        draft.write(line)
    with pytest.raises(HeaderTooLarge):
        draft.write(line)
    await draft.discard()
