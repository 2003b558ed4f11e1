"""`relay demo`: three pretend devices, a real relay and a pretend Microsoft 365, all on this machine."""

from __future__ import annotations

import asyncio

import click

from relay.cli.options import ExitCode


@click.command
@click.option("--once", is_flag=True, help="End when everything has arrived; 1 if it has not.")
@click.option("--listen", metavar="HOST:PORT", default="", help="Let real devices in here too, such as 0.0.0.0:2525.")
@click.option("--device", "guests", metavar="ADDRESS", multiple=True, help="A real device's address; may be repeated.")
def demo(once: bool, listen: str, guests: tuple[str, ...]) -> int:
    """See it work, without a tenant.

    A copier, a legacy application and a PLC send through a real relay to a pretend Microsoft 365, all on this machine;
    each message's way is shown. Then it stays up for whatever else comes, until Ctrl-C. Listens on loopback only,
    unless --listen says otherwise.
    """
    from relay.cli.demo_play import until_told
    from relay.cli.demo_stage import DemoError

    try:
        return asyncio.run(until_told(once=once, listen=listen, guests=guests))
    except DemoError as error:
        click.secho(f"\nThe demo failed: {error}", fg="red", err=True)
        return ExitCode.FAILED
