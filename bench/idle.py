"""`python -m bench.idle`: the relay at rest; exit status 1 when a target is missed.

How long it takes to greet, what it holds in memory before and after somebody has opened every page of the dashboard,
and how often it wakes when nothing happens. Pages are found as a person finds them: by the links of the first one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import click

from bench.certificates import make_certificates
from bench.document import write_figures
from bench.machine import PROJECT, describe, make_work_folder
from bench.measure import cpu_seconds, pss_octets
from bench.peer import PeerError, Surroundings
from bench.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "<!-- idle: printed by `python -m bench.idle --write-docs` -->\n"
_START_S, _IDLE_MB = 1.0, 70.0
_REST_S = 3.0
_LINK = re.compile(r'href="(/[^"#]*)"')
_MOST_PAGES = 100
_LATER_PAGES = ("/sign-out",)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `target` is the most it may be, 0 where there is none."""

    name: str
    unit: str
    value: float
    target: float = 0.0

    @property
    def missed(self) -> bool:
        return bool(self.target) and self.value > self.target


def measured(folder: Path, rounds: int) -> list[Row]:
    """Starts it so often, then looks at the last one. Raises `PeerError`."""
    certificates = make_certificates(folder)
    begun = [_started(Surroundings(folder, 9, 9, certificates)) for _ in range(rounds)]
    relay = Relay(Surroundings(folder, 9, 9, certificates))
    try:
        time.sleep(_REST_S)
        before = pss_octets(relay.pid) / 1e6
        pages = len(list(_opened(f"http://127.0.0.1:{relay.http_port}", _token(folder))))
        time.sleep(_REST_S)
        return [
            Row("start to first 220", "s", median(seconds for seconds, _ in begun), _START_S),
            Row("  processor time until then", "s", median(cpu for _, cpu in begun)),
            Row("PSS, no page opened yet", "MB", before),
            Row(f"PSS after {pages} pages of the dashboard", "MB", pss_octets(relay.pid) / 1e6, _IDLE_MB),
            Row("wakes a second when nothing happens", "", _wakes(relay.pid)),
        ]
    finally:
        relay.stop()


def _started(surroundings: Surroundings) -> tuple[float, float]:
    relay = Relay(surroundings)
    cpu = cpu_seconds(relay.pid)
    relay.stop()
    return relay.start_s, cpu


def _token(folder: Path) -> str:
    command = [sys.executable, "-m", "relay", "admin", "token", "new", "bench", "--role", "operator"]
    command += ["--config", str(folder / "relay.yaml")]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT).stdout
    return str(re.findall(r"relay_\S+", said)[0])


def _opened(site: str, token: str) -> Iterator[str]:
    """Every page that links lead to. Raises `PeerError` where one fails."""
    waiting, seen = ["/"], {"/", *_LATER_PAGES}
    while waiting and len(seen) < _MOST_PAGES:
        path = waiting.pop(0)
        text = _read(Request(site + path, headers={"Authorization": f"Bearer {token}"}))
        found = dict.fromkeys(_LINK.findall(text))
        waiting += [link for link in found if link not in seen]
        seen.update(found)
        yield path


def _read(request: Request) -> str:
    try:
        with urlopen(request, timeout=30) as answer:
            return str(answer.read().decode(errors="replace"))
    except HTTPError as error:
        if error.code >= 500:
            raise PeerError(f"{request.full_url}: {error}") from error
        return ""  # what a link offers, and this visit may not have


def _wakes(pid: int) -> float:
    """Context switches that all its threads asked for, a second."""
    before = _switches(pid)
    time.sleep(_REST_S)
    return (_switches(pid) - before) / _REST_S


def _switches(pid: int) -> int:
    states = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[0]) for text in states)


def render(rows: list[Row], place: dict[str, str]) -> str:
    """The table, with where it was taken."""
    facts = [f"{name}: {place[name]}" for name in ("processors", "load before", "kernel", "python")]
    lines = []
    for row in rows:
        target = f"  <= {row.target:g}{'  MISSED' if row.missed else ''}" if row.target else ""
        lines.append(f"{row.name:42}{row.value:>8.3g} {row.unit:2}{target}".rstrip())
    return "\n".join([*facts, "", *lines])


@click.command()
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1), help="How often it is started.")
@click.option("--write-docs", is_flag=True, help="Put the figures into docs/performance.md.")
def main(rounds: int, *, write_docs: bool) -> None:
    """Measures start, memory at rest and wakes."""
    folder = make_work_folder(None)
    try:
        place = describe(folder, None)
        rows = measured(folder, rounds)
    except PeerError as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(folder)
    printed = render(rows, place)
    click.echo(printed)
    if write_docs:
        write_figures(printed, mark=MARK)
    sys.exit(any(row.missed for row in rows))


if __name__ == "__main__":
    main()
