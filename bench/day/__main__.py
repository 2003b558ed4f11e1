"""`python -m bench.day`: simulates the day, prints what Exchange's books say; status 1 when a limit was exceeded."""

from __future__ import annotations

import sys

import click

from bench.day.figures import books, table
from bench.day.office import Scenario
from bench.day.plot import svg
from bench.day.run import simulate
from bench.machine import PROJECT

_PAGE = PROJECT / "docs" / "simulated-day.md"
_BEGIN, _END = "<!-- figures: printed by `python -m bench.day --write-docs` -->\n", "<!-- end of figures -->"


@click.command()
@click.option("--seed", default=1, show_default=True, help="Another seed is another day.")
@click.option("--devices", default=300, show_default=True, type=click.IntRange(1))
@click.option("--mailboxes", default=40, show_default=True, type=click.IntRange(3))
@click.option("--write-docs", is_flag=True, help="Put figures and plot into docs/.")
def main(seed: int, devices: int, mailboxes: int, *, write_docs: bool) -> None:
    """Lets the relay's delivery live through a working day, in virtual time."""
    day = simulate(Scenario(seed=seed, devices=devices, mailboxes=mailboxes))
    printed = f"seed {seed}, {devices} devices, {mailboxes} mailboxes\n{table(day)}"
    click.echo(printed)
    if write_docs:
        before, _, rest = _PAGE.read_text().partition(_BEGIN)
        after = rest.partition(_END)[2]
        _PAGE.write_text(f"{before}{_BEGIN}```\n{printed}\n```\n{_END}{after}")
        _PAGE.with_suffix(".svg").write_text(svg(day))
    sys.exit(not books(day).kept)


if __name__ == "__main__":
    main()
