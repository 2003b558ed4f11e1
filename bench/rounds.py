"""Runs the scenarios: round after round, both peers in every round, the order turned each time.

Each peer starts in an empty directory, and is stopped and its directory removed before the other one starts: neither
meets the other's processes, queue, or unwritten pages.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load import Job
from bench.peer import Peer, PeerError, Surroundings
from bench.scenarios import DEVICES, SCAN, SCENARIOS, SMALL, Figures, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.certificates import Certificates
    from bench.cloud import Cloud
    from bench.load import Report

Samples = dict[str, dict[str, list[Figures]]]
"""scenario → peer → one `Figures` per round"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: peers by name, scenarios by name, how often, how thoroughly, with which generator, where."""

    peers: dict[str, Callable[[Surroundings], Peer]]
    scenarios: list[str]
    rounds: int
    quick: bool
    send: Callable[[Job], Report]
    folder: Path


def run(plan: Plan, cloud: Cloud, certificates: Certificates) -> Samples:
    """All figures of all rounds. Raises `PeerError` when a peer refuses, loses or duplicates a message."""
    samples: Samples = defaultdict(lambda: defaultdict(list))
    for number in range(plan.rounds):
        for scenario in plan.scenarios:
            for name in _order(list(plan.peers), number):
                figures = _one(plan, name, scenario, cloud, certificates)
                samples[scenario][name].append(figures)
                _progress(number, scenario, name, figures)
    return samples


def ceiling(plan: Plan, cloud: Cloud) -> Figures:
    """What the tools do with no peer between them, the devices sending straight to the fake cloud."""
    cloud.reset()
    small = plan.send(Job(cloud.smtp_port, DEVICES, 2000, SMALL))
    large = plan.send(Job(cloud.smtp_port, 8, 8, SCAN))
    return {"per_s": small.rate, "mb_s": large.megabytes_per_second}


def _order(names: list[str], number: int) -> list[str]:
    return names if number % 2 == 0 else names[::-1]


def _one(plan: Plan, name: str, scenario: str, cloud: Cloud, certificates: Certificates) -> Figures:
    folder = plan.folder / name
    folder.mkdir()
    cloud.reset()
    try:
        peer = plan.peers[name](Surroundings(folder, cloud.smtp_port, cloud.entra_port, certificates))
        try:
            stage = Stage(peer, cloud, plan.send, plan.quick)
            stage.warm_up()
            return SCENARIOS[scenario](stage)
        except PeerError as error:
            raise PeerError(f"{name}, {scenario}: {error}\n{peer.said()}") from error
        finally:
            peer.stop()
    finally:
        shutil.rmtree(folder)
        os.sync()  # what this peer left unwritten is not the next one's to pay


def _progress(number: int, scenario: str, name: str, figures: Figures) -> None:
    shown = "  ".join(f"{key} {value:.4g}" for key, value in figures.items())
    print(f"round {number + 1}  {scenario:<12} {name:<8} {shown}", file=sys.stderr, flush=True)
