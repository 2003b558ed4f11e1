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
from bench.machine import PlaceError, describe, make_work_folder
from bench.peer import PeerError
from bench.rounds import Plan, Samples, run
from bench.scenarios import SCENARIOS
from bench.table import Result, render, results

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peer import Peer, Surroundings

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
def main(json_file: Path | None, work: Path | None, without: tuple[str, ...], **options: Any) -> None:
    """Measures the relay against Postfix, in one run on this machine, interleaved."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: peers are stopped, directories removed
    peers = {name: peer for name, peer in _PEERS.items() if name not in without}
    try:
        version = postfix.ensure_installed() if postfix.NAME in peers else None
        folder = make_work_folder(work)
        place = describe(folder, version)
        samples = _measure(folder, peers, **options)
    except (PeerError, PlaceError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    outcome = results(samples)
    click.echo("\n" + " | ".join(f"{name}: {value}" for name, value in place.items()))
    click.echo(f"medians of {options['rounds']} interleaved rounds; generator: {options['generator']}\n")
    click.echo(render(outcome))
    if json_file:
        json_file.write_text(json.dumps(_document(place, options, samples, outcome), indent=2) + "\n")
    sys.exit(any(result.verdict == "MISSED" for result in outcome))


def _measure(folder: Path, peers: dict[str, Callable[[Surroundings], Peer]], **options: Any) -> Samples:
    scenarios = list(options["only"] or SCENARIOS)
    send = _GENERATORS[options["generator"]]
    plan = Plan(peers, scenarios, options["rounds"], options["quick"], send, folder)
    try:
        certificates = make_certificates(folder)
        with Cloud(certificates.server) as cloud:
            return run(plan, cloud, certificates)
    finally:
        shutil.rmtree(folder)


def _document(
    place: dict[str, str], options: dict[str, Any], samples: Samples, outcome: list[Result]
) -> dict[str, Any]:
    rows = [{**asdict(result), "verdict": result.verdict} for result in outcome]
    return {"machine": place, "options": options, "rows": rows, "samples": samples}


if __name__ == "__main__":
    main()
