"""The order of disk and wire as the kernel saw it: SIGKILL can't show it, because the page cache outlives it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.crash.devices import Connection, Fate, Letter, Typist

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NeedTool
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

_CALL = re.compile(r"^(\d+) +(.*)$")
_TOGETHER = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALLS = "trace=fsync,fdatasync,rename,renameat,renameat2,connect,write,sendto,sendmsg"


def calls(trace: Path) -> Iterator[str]:
    """System calls in order: what asks the disk where it ended, what speaks to others where it began."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        thread, text = found.groups()
        ended = _TOGETHER.match(text)
        if ended is not None:
            whole = begun.pop(thread, "") + ended[1]
            if not _speaks(whole):
                yield whole
        elif text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
            if _speaks(text):
                yield text
        else:
            yield text


def _speaks(text: str) -> bool:
    return text.startswith(("connect", "write", "send"))


def place(seen: list[str], pattern: str, after: int = -1) -> int:
    """Where a call that fits comes first behind a place; fails when there is none."""
    found = [at for at, call in enumerate(seen) if at > after and re.search(pattern, call)]
    assert found, f"no {pattern} behind {seen[after] if after >= 0 else 'the start'}"
    return found[0]


async def traced(lives: Lives, cloud: Pretend, size: int, trace: Path, strace: str) -> tuple[Letter, list[str]]:
    """One letter through a relay that strace watches; the calls it made."""
    name = f"traced-{size}"
    await lives.start(under=(strace, "-D", "-f", "-y", "-s", "100", "-e", _CALLS, "-o", str(trace)))
    letter, body = Typist(name, 1).write(size, (f"{name}@contoso.test",))
    connection = await Connection.to(lives.port)
    await connection.submit(letter, body)
    connection.close()
    assert letter.fate is Fate.ACCEPTED
    await cloud.wait_for(f"{name}@contoso.test")
    await lives.stop()
    async with asyncio.timeout(10):
        while not complete(trace):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return letter, list(calls(trace))


def complete(trace: Path) -> bool:
    """Whether strace, which outlives the relay by a moment, has written its last line."""
    return trace.read_text(errors="replace").endswith("+++ exited with 0 +++\n")


@pytest.mark.parametrize("size", [1_000, 200_000])
async def test_250_leaves_after_the_disk_and_the_attempt_is_on_it_before_a_socket_opens(
    size: int, lives: Lives, cloud: Pretend, tmp_path: Path, need_tool: NeedTool
):
    """Body synced, renamed, its directory synced; row synced; 250 — and the claim synced before Exchange is dialled."""
    letter, seen = await traced(lives, cloud, size, tmp_path / "trace", need_tool("strace"))
    queue_id, port = letter.queue_id, cloud.settings["smtp_port"]
    body = place(seen, '"354 ')
    if size > 65_536:
        synced = place(seen, rf"sync\(\d+<[^>]*/{queue_id}\.(?:part|mended)>\) += 0", body)
        renamed = place(seen, r'rename.*\.(?:part|mended)".*\) += 0', synced)
        body = place(seen, r"fsync\(\d+<[^>]*/bodies>\) += 0", renamed)
    stored = place(seen, r"sync\(\d+<[^>]*/spool\.db-wal>\) += 0", body)
    assert place(seen, f"250 2.0.0 Ok: queued as {queue_id}") > stored
    assert place(seen, r"fsync\(\d+<[^>]*/data>\) += 0") < stored  # where the spool has its own name
    claimed = place(seen, r"sync\(\d+<[^>]*/spool\.db-wal>\) += 0", stored)
    assert place(seen, rf"connect\(.*htons\({port}\)") > claimed
