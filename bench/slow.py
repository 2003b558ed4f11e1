"""`python -m bench.slow`: normal devices beside hundreds that hardly move; exit status 1 when the target is missed.

The same normal load is measured twice against one relay: alone, and while the slow ones hold their sessions. The relay
is at its defaults, so nobody is sent away during the run: this is what slow ones can do before a ceiling ends them.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from bench import load, measure
from bench.certificates import make_certificates
from bench.cloud import Cloud
from bench.crawl import Crowd
from bench.document import write_figures
from bench.machine import describe, make_work_folder
from bench.peer import PeerError, Surroundings
from bench.relay import Relay
from bench.scenarios import SMALL

if TYPE_CHECKING:
    from pathlib import Path

TARGET_MS = 1000
MARK = "<!-- slow: printed by `python -m bench.slow --write-docs` -->\n"
_SCAN = 250_000  # a page
_DELIVERED_S = 120
_FORM = "{:<44}{:>10}{:>14}"


@dataclass(frozen=True, slots=True)
class Load:
    """So many normal devices, and how many messages of which size they send as fast as they are answered."""

    devices: int
    small: int
    scans: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the normal devices saw, and what the relay held at its most."""

    small: load.Report
    scans: load.Report
    memory_mb: float
    cpu_s: float

    @property
    def slowest_p95_ms(self) -> float:
        return max(self.small.percentile_ms(0.95), self.scans.percentile_ms(0.95))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both measurements; `idle_mb` is the relay before, `holding_mb` with the slow ones and nobody else."""

    alone: Seen
    beside: Seen
    slow: int
    left: int
    idle_mb: float
    holding_mb: float

    @property
    def reached(self) -> bool:
        """Whether normal devices keep their p95, and every slow one was really there to the end."""
        return self.beside.slowest_p95_ms < TARGET_MS and self.left == self.slow


def measured(folder: Path, slow: int, work: Load) -> Outcome:
    """One relay, measured without and with the slow ones. Raises `PeerError` when a message is refused or lost."""
    certificates = make_certificates(folder)
    with Cloud(certificates.server) as cloud:
        relay = Relay(Surroundings(folder, cloud.smtp_port, cloud.entra_port, certificates))
        try:
            _sent(relay, cloud, Load(work.devices, 2 * work.devices, work.devices))  # warm
            idle = measure.pss_octets(relay.pid) / 1e6
            alone = _sent(relay, cloud, work)
            with Crowd(relay.port, slow) as crowd:
                holding = measure.pss_octets(relay.pid) / 1e6
                beside = _sent(relay, cloud, work)
            return Outcome(alone, beside, slow, crowd.left, idle, holding)
        finally:
            relay.stop()


def _sent(relay: Relay, cloud: Cloud, work: Load) -> Seen:
    cloud.reset()
    cpu = measure.cpu_seconds(relay.pid)
    with measure.PeakMemory(relay.pid) as peak:
        small = load.send(load.Job(relay.port, work.devices, work.small, SMALL))
        scans = load.send(load.Job(relay.port, work.devices, work.scans, _SCAN))
        arrived = cloud.wait(work.small + work.scans, _DELIVERED_S).count
    if refusals := small.refusals + scans.refusals:
        raise PeerError(f"{len(refusals)} messages refused, first: {refusals[0]}\n{relay.said()}")
    if arrived != work.small + work.scans:
        raise PeerError(f"{work.small + work.scans} messages accepted, {arrived} delivered\n{relay.said()}")
    return Seen(small, scans, peak.octets / 1e6, measure.cpu_seconds(relay.pid) - cpu)


def render(outcome: Outcome, devices: int) -> str:
    """The table as text."""
    alone, beside = outcome.alone, outcome.beside
    rows: list[tuple[str, float, float]] = [
        (f"10 KB by {devices} devices at once: messages/s", alone.small.rate, beside.small.rate),
        *_times(alone.small, beside.small),
        (f"250 KB by {devices} devices at once: messages/s", alone.scans.rate, beside.scans.rate),
        *_times(alone.scans, beside.scans),
        ("memory before: PSS, MB", outcome.idle_mb, outcome.holding_mb),
        ("memory at its most: PSS, MB", alone.memory_mb, beside.memory_mb),
        ("CPU of the relay, s", alone.cpu_s, beside.cpu_s),
    ]
    lines = [_FORM.format("", "alone", f"{outcome.slow} slow")]
    lines += [_FORM.format(what, f"{first:.4g}", f"{second:.4g}") for what, first, second in rows]
    verdict = "reached" if outcome.reached else "MISSED"
    lines += ["", f"slow sessions still held at the end: {outcome.left} of {outcome.slow}"]
    lines.append(f"target: p95 of normal devices below {TARGET_MS} ms beside the slow ones: {verdict}")
    return "\n".join(lines)


def _times(alone: load.Report, beside: load.Report) -> list[tuple[str, float, float]]:
    shares = {"p50": 0.5, "p95": 0.95, "slowest": 1.0}
    return [
        (f"  {name}, ms", alone.percentile_ms(share), beside.percentile_ms(share)) for name, share in shares.items()
    ]


@click.command()
@click.option("--slow", default=500, show_default=True, type=click.IntRange(1, 900), help="Sessions that hardly move.")
@click.option("--devices", default=50, show_default=True, type=click.IntRange(1, 90), help="Normal devices at once.")
@click.option("--write-docs", is_flag=True, help="Put the figures into docs/performance.md.")
def main(slow: int, devices: int, write_docs: bool) -> None:
    """Measures normal devices beside slow ones."""
    folder = make_work_folder(None)
    place = "\n".join(f"{name}: {value}" for name, value in describe(folder, None).items() if name != "postfix")
    try:
        outcome = measured(folder, slow, Load(devices, 100 * devices, 10 * devices))
    except (PeerError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(folder)
    printed = f"{place}\n\n{render(outcome, devices)}"
    click.echo(printed)
    if write_docs:
        write_figures(printed, mark=MARK)
    sys.exit(not outcome.reached)


if __name__ == "__main__":
    main()
