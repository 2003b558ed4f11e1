"""`python -m bench.sealed`: what encryption at rest costs: the same mail with and without a key, in turns.

Only the spool is measured, where all of the difference is: a draft made durable, then read as an attempt reads it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.messages import body_of, head_of
from relay.config.aeskey import new_key
from relay.config.settings import Spool
from relay.message.address import Address
from relay.spool.sqlite import SqliteStore
from relay.spool.store import Claim, NewMessage, Seat, Settlement, State
from relay.transport.content import open_content

MAILBOX = Address("scanner@contoso.example")
CASES = ((10_000, 400), (25_000_000, 8))
ROUNDS = 5
PIECE = 65_536
Figures = tuple[float, float, float]


async def store_one(store: SqliteStore, number: str, body: bytes) -> None:
    """From the first octet to durable."""
    draft = store.draft()
    draft.write(head_of(number))
    for at in range(0, len(body), PIECE):
        draft.write(body[at : at + PIECE])
        await draft.relieved()
    whole = await draft.finish()
    await store.accept(NewMessage(
        id=draft.id, device="copier", profile="scans", mailbox=MAILBOX, sender=MAILBOX, recipients=(MAILBOX,),
        client="10.0.2.17", head=whole.section + b"\r\n", body=whole.body, eight_bit=False,
    ))  # fmt: skip


async def read_one(store: SqliteStore) -> None:
    """From the claim to the last octet, and settled."""
    claim = await store.claim(Seat("bench", MAILBOX, ("scans",), 3, 0), lambda _: 60_000)
    assert isinstance(claim, Claim)
    content = await open_content(claim.parcel)
    while await content.chunk():
        pass
    content.close()
    await store.settle(claim, Settlement(State.DELIVERED, "delivered"))


async def measure(directory: Path, key: Path | None, octets: int, count: int) -> Figures:
    """Milliseconds a message: to store, to read, and of processor time for both."""
    encryption = {"key": key and {"file": str(key)}}
    store = SqliteStore(
        directory, Spool.model_validate({"min_free_bytes": 0, "encryption": encryption}), lambda *_: None
    )
    await store.open()
    await store.open_mailbox(MAILBOX)
    body, spent, times = body_of(octets), time.process_time(), [time.perf_counter()]
    for number in range(count):
        await store_one(store, str(number), body)
    times.append(time.perf_counter())
    for _ in range(count):
        await read_one(store)
    times.append(time.perf_counter())
    spent = time.process_time() - spent
    await store.close()
    return tuple(1000 * total / count for total in (times[1] - times[0], times[2] - times[1], spent))  # type: ignore[return-value]


def main(work: str = "/var/tmp") -> None:
    print(f"{'ms a message, median of ' + str(ROUNDS):<34}{'store':>9}{'read':>9}{'CPU':>9}")
    for octets, count in CASES:
        samples: dict[str, list[Figures]] = {"as it is": [], "sealed": []}
        for _ in range(ROUNDS):
            for name, taken in samples.items():
                with tempfile.TemporaryDirectory(dir=work) as folder:
                    key = Path(folder, "key")
                    key.write_text(new_key())
                    chosen = key if name == "sealed" else None
                    taken.append(asyncio.run(measure(Path(folder, "spool"), chosen, octets, count)))
        for name, taken in samples.items():
            figures = [statistics.median(column) for column in zip(*taken, strict=True)]
            print(f"{octets / 1e6:>9g} MB, {name:<21}" + "".join(f"{figure:>9.2f}" for figure in figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
