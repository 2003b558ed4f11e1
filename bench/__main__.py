"""`python -m bench`: runs the paired benchmark and prints the table; exit status 1 when a target is missed."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import load, postfix, relay, smtp_source
from bench.certificates import make_certificates
from bench.cloud import Cloud
from bench.document import write_figures
from bench.machine import PlaceError, describe, make_work_folder
from bench.peer import PeerError
from bench.rounds import Plan, Samples, ceiling, run
from bench.scenarios import SCENARIOS
from bench.table import Result, render, results

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peer import Peer, Surroundings
    from bench.scenarios import Figures

_GENERATORS = {"devices": load.send, "smtp-source": smtp_source.send}
_PEERS: dict[str, Callable[[Surroundings], Peer]] = {relay.NAME: relay.Relay, postfix.NAME: postfix.Postfix}


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="How often each peer is measured.")
@click.option("--only", multiple=True, type=click.Choice(list(SCENARIOS)), help="Only this scenario; may be repeated.")
@click.option("--quick", is_flag=True, help="Few messages: a look at whether it works, not figures to quote.")
@click.option("--without", multiple=True, type=click.Choice(list(_PEERS)), help="Leave this peer out.")
@click.option("--generator", default="devices", show_default=True, type=click.Choice(list(_GENERATORS)))
@click.option("--work", type=click.Path(path_type=Path, exists=True), help="A directory on a disk. [default: /var/tmp]")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every sample of every round there.")
@click.option("--write-docs", is_flag=True, help="Put the figures into docs/performance.md.")
def main(json_file: Path | None, write_docs: bool, **options: Any) -> None:
    """Measures the relay against Postfix, in one run on this machine, interleaved."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: peers are stopped, directories removed
    try:
        place, limits, samples = _measure(**options)
    except (PeerError, PlaceError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    outcome = results(samples)
    printed = _printed(place, limits, options, outcome)
    click.echo(f"\n{printed}")
    if json_file:
        document = {"machine": place, "ceiling": limits, "rows": _rows(outcome), "samples": samples}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if write_docs:
        write_figures(printed)
    sys.exit(any(result.verdict == "MISSED" for result in outcome))


def _measure(**options: Any) -> tuple[dict[str, str], Figures, Samples]:
    peers = {name: peer for name, peer in _PEERS.items() if name not in options["without"]}
    version = postfix.ensure_installed() if postfix.NAME in peers else None
    folder = make_work_folder(options["work"])
    place = describe(folder, version)
    scenarios = list(options["only"] or SCENARIOS)
    send = _GENERATORS[options["generator"]]
    plan = Plan(peers, scenarios, options["rounds"], options["quick"], send, folder)
    try:
        certificates = make_certificates(folder)
        with Cloud(certificates.server) as cloud:
            return place, ceiling(plan, cloud), run(plan, cloud, certificates)
    finally:
        shutil.rmtree(folder)


def _printed(place: dict[str, str], limits: Figures, options: dict[str, Any], outcome: list[Result]) -> str:
    lines = [f"{name}: {value}" for name, value in place.items()]
    pace = ", quick: not figures to quote" if options["quick"] else ""
    lines.append(f"run: {options['rounds']} interleaved rounds, generator {options['generator']}{pace}")
    lines.append("tools with no peer between them: {per_s:.0f} messages/s, {mb_s:.0f} MB/s".format(**limits))
    return "\n".join([*lines, "", render(outcome)])


def _rows(outcome: list[Result]) -> list[dict[str, Any]]:
    return [{**asdict(result), "verdict": result.verdict} for result in outcome]


if __name__ == "__main__":
    main()
