"""What is done to each peer: a scenario gets a fresh, warmed-up one and returns named figures of one round."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench import load, measure
from bench.peer import SESSIONS, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.cloud import Cloud
    from bench.peer import Peer

Figures = dict[str, float]
SMALL, SCAN, SMALL_SCAN = 10_240, 25_000_000, 5_000_000
DEVICES = 50
REPLY_S = 0.030
LIMIT_PER_S = SESSIONS / REPLY_S
"""One message per round trip and connection."""
_DELIVERY_S = 120


@dataclass(frozen=True, slots=True)
class Stage:
    """One round's peer, the fake cloud it delivers to, the load generator, and whether to be quick about it."""

    peer: Peer
    cloud: Cloud
    send: Callable[[load.Job], load.Report]
    quick: bool

    def run(self, devices: int, messages: int, size: int) -> load.Report:
        """Sends; raises `PeerError` if anything was refused, since a refused message is a figure of something else."""
        report = self.send(load.Job(self.peer.port, devices, messages, size))
        if report.refusals:
            raise PeerError(f"{len(report.refusals)} of {messages} messages refused, first: {report.refusals[0]}")
        return report

    def all_delivered(self, count: int) -> None:
        """Waits until everything accepted has arrived upstream. Raises `PeerError` if it does not, or more does."""
        arrived = self.cloud.wait(count, _DELIVERY_S).count
        if arrived != count:
            raise PeerError(f"{count} messages accepted, {arrived} delivered after {_DELIVERY_S} s")

    def warm_up(self) -> None:
        """Brings up what a peer starts on demand (processes, token, connections), and lets it come to rest."""
        self.cloud.reset()
        self.run(DEVICES, 2 * DEVICES, SMALL)
        self.all_delivered(2 * DEVICES)


def accept(stage: Stage) -> Figures:
    """10 KB messages, one per connection, 50 devices, delivered at once; CPU until the last one has arrived."""
    stage.cloud.reset()
    count = 600 if stage.quick else 3000
    cpu = measure.cpu_seconds(stage.peer.pid)
    report = stage.run(DEVICES, count, SMALL)
    stage.all_delivered(count)
    used = measure.cpu_seconds(stage.peer.pid) - cpu
    return {**_small_figures(report), "cpu_ms": used / count * 1000}


def accept_held(stage: Stage) -> Figures:
    """The same with an upstream that greets nobody: acceptance alone."""
    stage.cloud.reset(held=True)
    return _small_figures(stage.run(DEVICES, 600 if stage.quick else 3000, SMALL))


def scan(stage: Stage, *, devices: int) -> Figures:
    """25 MB scans by so many devices at once, each batch after the one before has been delivered: the median batch."""
    rates = []
    for _ in range(2 if stage.quick else 5):
        stage.cloud.reset()
        report = stage.run(devices, devices, SCAN)
        stage.all_delivered(devices)
        rates.append(report.megabytes_per_second)
    return {"mb_s": sorted(rates)[len(rates) // 2]}


def delivery(stage: Stage) -> Figures:
    """Messages arriving upstream per second when each of its replies takes 30 ms, from a second after the first."""
    stage.cloud.reset(latency_s=REPLY_S)
    count = 300 if stage.quick else 800
    stage.run(DEVICES, count, SMALL)
    stage.cloud.wait(count, 5 if stage.quick else 10)
    delivered = stage.cloud.arrivals()
    return {
        "per_s": steady_rate(delivered.arrivals),
        "share": steady_rate(delivered.arrivals) / LIMIT_PER_S,
        "connections": delivered.peak_connections,
    }


def memory(stage: Stage) -> Figures:
    """Peak PSS while 50 devices send at once and all is delivered: 5 MB each, then 25 MB each."""
    figures: Figures = {}
    for name, size in (("small_mb", SMALL_SCAN), ("large_mb", SCAN)):
        stage.cloud.reset()
        with measure.PeakMemory(stage.peer.pid) as peak:
            report = stage.run(DEVICES, DEVICES, size)
            stage.all_delivered(DEVICES)
        figures |= {name: peak.octets / 1e6, "mb_s": report.megabytes_per_second}
    return {**figures, "growth": figures["large_mb"] / figures["small_mb"]}


def start(stage: Stage) -> Figures:
    """Seconds from the start command to the first 220, as the peer's own start of this round took."""
    return {"seconds": stage.peer.start_s}


def steady_rate(arrivals: tuple[float, ...]) -> float:
    """Arrivals per second, the first second after the first arrival left out (connections are still being opened)."""
    if len(arrivals) < 2 or arrivals[-1] <= arrivals[0] + 1:
        raise PeerError(f"{len(arrivals)} messages arrived within a second or not at all: too few to tell a rate from")
    begin = arrivals[0] + 1
    return sum(when > begin for when in arrivals) / (arrivals[-1] - begin)


def _small_figures(report: load.Report) -> Figures:
    figures = {"per_s": report.rate}
    if report.latencies_ms:
        figures |= {"p50_ms": report.percentile_ms(0.50), "p95_ms": report.percentile_ms(0.95)}
    return figures


SCENARIOS: dict[str, Callable[[Stage], Figures]] = {
    "start": start,
    "accept": accept,
    "accept-held": accept_held,
    "scan": partial(scan, devices=1),
    "eight": partial(scan, devices=8),
    "delivery": delivery,
    "memory": memory,
}
