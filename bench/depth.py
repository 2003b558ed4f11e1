"""`python -m bench.depth`: a deep queue beside a shallow one; exit status 1 when the target of a claim is missed.

A spool is filled at once, then the relay is started on it as a user would, and asked; after that the same process
measures the spool alone, message by message, in turns, so that both depths see the same minute of the machine.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from bench.certificates import make_certificates
from bench.crowd import MAILBOX, PROFILE, fill
from bench.document import write_figures
from bench.machine import PROJECT, PlaceError, describe, make_work_folder
from bench.measure import pss_octets
from bench.peer import PeerError, Surroundings
from bench.relay import Relay
from relay.config.settings import Spool
from relay.message.address import Address
from relay.spool.browse import Browser
from relay.spool.sqlite import SqliteStore
from relay.spool.store import Claim, NewMessage, RecipientResult, Seat, Settlement, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEPTHS = (1_000, 100_000)
MARK = "<!-- figures of depth: printed by `python -m bench.depth --write-docs` -->\n"
_TARGET = 1.5
_ROUNDS = 7
_A_ROUND = 60
_LETTER = b"Subject: scan\r\nMessage-ID: <2@contoso.example>\r\n\r\nhello\r\n"
_LATER_S = 72_000.0  # due in 20 hours: nothing is tried while the relay is measured


@dataclass(frozen=True, slots=True)
class Row:
    """One figure at both depths; `target` is for the ratio, 0 where there is none."""

    name: str
    unit: str
    shallow: float
    deep: float
    target: float = 0.0

    @property
    def ratio(self) -> float:
        return self.deep / self.shallow

    @property
    def missed(self) -> bool:
        return bool(self.target) and self.ratio > self.target


@click.command()
@click.option("--work", type=click.Path(path_type=Path, exists=True), help="A directory on a disk. [default: /var/tmp]")
@click.option("--messages", default=DEPTHS[1], show_default=True, type=click.IntRange(2_000), help="The deep queue.")
@click.option("--write-docs", is_flag=True, help="Put the figures into docs/performance.md.")
def main(work: Path | None, messages: int, *, write_docs: bool) -> None:
    """Measures the relay on a spool of 1 000 messages and on a deep one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: the relay is stopped, the directory removed
    try:
        folder = make_work_folder(work)
    except PlaceError as error:
        raise click.ClickException(str(error)) from error
    try:
        place = describe(folder, None)
        rows = _measured(folder, (DEPTHS[0], messages))
    except PeerError as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(folder)
    printed = render(rows, place, messages)
    click.echo(printed)
    if write_docs:
        write_figures(printed, mark=MARK)
    sys.exit(any(row.missed for row in rows))


def render(rows: list[Row], place: dict[str, str], messages: int) -> str:
    """The table, with where it was taken."""
    facts = [f"{name}: {place[name]}" for name in ("processors", "load before", "kernel", "python", "file system")]
    lines = [f"{'what':42}{DEPTHS[0]:>10,}{messages:>10,}         ratio  target".replace(",", " ")]
    for row in rows:
        target = f"<= {row.target}" if row.target else "-"
        missed = "  MISSED" if row.missed else ""
        lines.append(
            f"{row.name:42}{row.shallow:>10.3g}{row.deep:>10.3g} {row.unit:6}{row.ratio:>7.2f}  {target}{missed}"
        )
    return "\n".join([*facts, "", *lines])


def _measured(folder: Path, depths: tuple[int, int]) -> list[Row]:
    places = [folder / str(depth) for depth in depths]
    for place, depth in zip(places, depths, strict=True):
        place.mkdir()
        fill(place / "data/spool", depth, due_in_s=_LATER_S)
    running = [_of_the_relay(place) for place in places]
    alone = asyncio.run(_of_the_spool(places))
    names = {
        "start to first 220": "s", "PSS after the start": "MB", "relay queue list (the command)": "s",
        "  the query alone": "ms", "counts by state": "ms", "shape by profile, state and age": "ms",
    }  # fmt: skip
    rows = [Row(name, unit, running[0][name], running[1][name]) for name, unit in names.items()]
    return [*rows, *(replace(row, target=_TARGET) if "claim" in row.name else row for row in alone)]


# -- the relay, running


def _of_the_relay(place: Path) -> dict[str, float]:
    surroundings = Surroundings(folder=place, certificates=make_certificates(place), smtp_port=9, entra_port=9)
    starts = []
    for _ in range(3):
        relay = Relay(surroundings)
        starts.append(relay.start_s)
        relay.stop()
    relay = Relay(surroundings)
    try:
        time.sleep(3)  # the look for damage after a start has come to its end, or is under way
        browser = Browser(place / "data/spool")
        return {
            "start to first 220": median(starts),
            "PSS after the start": pss_octets(relay.pid) / 1e6,
            "relay queue list (the command)": _timed(lambda: _command(place)),
            "  the query alone": 1000 * _timed(browser.list),
            "counts by state": 1000 * _timed(browser.counts),
            "shape by profile, state and age": 1000 * _timed(browser.shape),
        }
    finally:
        relay.stop()


def _command(place: Path) -> None:
    command = [sys.executable, "-m", "relay", "queue", "list", "--config", str(place / "relay.yaml")]
    subprocess.run(command, check=True, capture_output=True, cwd=PROJECT)


def _timed(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return median(seconds)


# -- the spool, alone


async def _of_the_spool(places: list[Path]) -> list[Row]:
    """Each round takes both depths in turn; the median of the rounds' milliseconds."""
    stores = [SqliteStore(place / "data/spool", Spool(), lambda *_: None) for place in places]
    for store in stores:
        await store.open()
        await store.open_mailbox(MAILBOX)
        await store.resume(PROFILE)
    rounds: dict[str, list[list[float]]] = {"accept": [], "claim": [], "claim and settle": []}
    for _ in range(_ROUNDS):
        taken = [await _round(store) for store in stores]
        for name, samples in rounds.items():
            samples.append([one[name] for one in taken])
    for store in stores:
        await store.close()
    return [Row(name, "ms", *(median(sample[n] for sample in rounds[name]) for n in (0, 1))) for name in rounds]


async def _round(store: SqliteStore) -> dict[str, float]:
    """Milliseconds of one operation each, the median of some."""
    accepted = [await _clocked(lambda: _accept(store)) for _ in range(_A_ROUND)]
    claimed, both = [], []
    for _ in range(_A_ROUND):
        claims: list[Claim] = []
        claimed.append(await _clocked(lambda: _claim(store, claims)))  # noqa: B023  (called at once)
        both.append(claimed[-1] + await _clocked(lambda: _settle(store, claims[0])))  # noqa: B023
    return {"accept": median(accepted), "claim": median(claimed), "claim and settle": median(both)}


async def _clocked(work: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - begun)


async def _accept(store: SqliteStore) -> None:
    draft = store.draft()
    draft.write(_LETTER)
    whole = await draft.finish()
    await store.accept(NewMessage(
        id=draft.id, device="copier-1", profile=PROFILE, mailbox=MAILBOX, sender=Address(MAILBOX),
        recipients=(Address("a@contoso.example"),), client="10.0.2.17", head=whole.section + b"\r\n",
        body=whole.body, eight_bit=whole.eight_bit,
    ))  # fmt: skip


async def _claim(store: SqliteStore, claims: list[Claim]) -> None:
    found = await store.claim(Seat("bench", MAILBOX, (PROFILE,), 2, 0), lambda _: 60_000)
    assert isinstance(found, Claim), found
    claims.append(found)


async def _settle(store: SqliteStore, claim: Claim) -> None:
    result = RecipientResult(Address("a@contoso.example"), "delivered", "250 2.0.0")
    await store.settle(claim, Settlement(State.DELIVERED, "delivered", recipients=(result,)))


if __name__ == "__main__":
    main()
