"""What the demo says: a message's way as a person reads it, and how to go on from there. Text only, in colours."""

from __future__ import annotations

import shutil
import sys
from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relay.cli.demo_cast import LOGIN, NICE_PORT
from relay.cli.demo_ways import at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from relay.cli.demo_cast import Part
    from relay.cli.demo_stage import Stage
    from relay.cli.demo_ways import Trouble, Way
    from relay.sandbox.devices import Sent

_LABEL = 11


def size(octets: int) -> str:
    """Octets as a person says them; decimal units, as disks and mail limits are given."""
    if octets < 1000:
        return f"{octets} B"
    return f"{octets / 1000:.1f} KB" if octets < 1_000_000 else f"{octets / 1_000_000:.1f} MB"


def opening(stage: Stage) -> str:
    """What stands, before the first message."""
    cloud = stage.cloud.settings
    return "\n".join(
        [
            _heading("A pretend Microsoft 365, and a relay between it and three devices; all of it on this machine."),
            _row("Entra", cloud.authority),
            _row(
                "Exchange", f"{cloud.smtp_host}:{cloud.smtp_port}, STARTTLS and XOAUTH2; own CA, keys, secret: made now"
            ),
            _row("relay", f"{', '.join(stage.listening)}; process {stage.pid}, configured by {stage.config}"),
        ]
    )


def entrance(number: int, part: Part) -> str:
    """A device begins."""
    title = _heading(f"{number}  {part.title[0].upper()}{part.title[1:]}")
    return f"\n{title}, {click.style(f'{part.known_by}; sends {part.sends}', dim=True)}"


def way(one: Way, *, sent: Sent | None = None, verdict: str = "") -> str:
    """A message's way, step by step; `sent` is what the device meant, `verdict` what came of comparing it."""
    return "\n".join([*_steps(one, verdict), *_differences(one, sent)])


def _steps(one: Way, verdict: str) -> Iterator[str]:
    start, clock = at(one.received), f"{at(one.received).astimezone():%H:%M:%S.%f}"[:-3]
    known = f"{one.received['device']} at {one.received['client']}, {_greeted(one)}"
    yield _row("received", f"{clock:<14} {size(one.received['size'])} from {known}")
    yield _step("stored", at(one.stored), start, f"on disk; then the device heard 250 Ok: queued as {one.id}")
    yield _token(one, start)
    if one.arrived is None:
        yield _row("submitted", f'"{one.delivered["answer"]}"')
        return
    arrived = one.arrived
    how = f"as {arrived.mailbox}, {arrived.tls_version}, XOAUTH2, {arrived.via}"
    yield _step("submitted", arrived.time, start, f'{how}; answer "{_short(arrived.answer, 24)}"')
    where = f"for {', '.join(arrived.rcpt_to)}"
    yield _step("arrived", at(one.delivered), start, f"{where}{'; ' if verdict else ''}{verdict}", good=True)


def _greeted(one: Way) -> str:
    helo = one.received.get("helo")
    return f"which called itself {helo}" if helo else "which gave no name"


def _token(one: Way, start: datetime) -> str:
    if one.token is None:
        return _row("token", "kept from before")
    if one.fetched_for_it:
        minutes = round(one.token["expires_in"] / 60)
        return _step("token", at(one.token), start, f"fetched in {one.token['ms']:.0f} ms, good for {minutes} min")
    left = at(one.token) + timedelta(seconds=one.token["expires_in"]) - at(one.delivered)
    return _row("token", f"{'in hand':<14} good for {round(left.total_seconds() / 60)} more min")


def _differences(one: Way, sent: Sent | None) -> Iterator[str]:
    """From before and after, and the sizes."""
    arrived = one.arrived
    if arrived is None:
        return
    after = arrived.header("From") or ""
    before = _from_of(sent.message) if sent else arrived.header("X-Original-From") or after
    yield _row("From", f"{readable(before)}  →  {readable(after)}" + ("  (kept)" if before == after else ""))
    if reply_to := arrived.header("Reply-To"):
        yield _row("Reply-To", readable(reply_to))
    came, changes = one.received["size"], ("trace field", *one.received.get("changes", ()))
    yield _row("octets", f"{came:,}  →  {arrived.size:,}  ({arrived.size - came:+,}: {', '.join(changes)})")


def readable(value: str) -> str:
    """A header's value with its encoded words decoded (RFC 2047); as it is when they are broken."""
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value


def trouble(one: Trouble) -> str:
    """What went wrong, with what to do."""
    return click.style(str(one), fg="red" if one.hopeless else "yellow")


def closing(stage: Stage, count: int) -> str:
    """All has arrived, and how to go on."""
    here, lines = stage.listening[0], [click.style(f"\nAll {count} arrived, byte for byte.", fg="green", bold=True)]
    lines += [
        "The demo stays up and shows whatever else comes. Ctrl-C ends it and removes all it made.",
        _heading("\nSend to it from this machine"),
        f"  swaks --server {here} --from me@example.test --to you@contoso.test --header 'Subject: hello'",
        "  printf 'From: me@example.test\\nSubject: hello\\n\\nhello\\n' |",
        f"    curl -sS --crlf smtp://{here} --mail-from me@example.test --mail-rcpt you@contoso.test --upload-file -",
        f"  swaks --server {here} --from me@example.test --to you@contoso.test \\",
        f"    --auth LOGIN --auth-user {LOGIN} --auth-password {stage.password}",
        _heading("\nPoint a real device at it"),
        *_for_real_devices(stage),
        _heading("\nRead what arrived"),
        f"  {stage.cloud.settings.management_url}/               the list; a message: /messages/000001",
        f"  {stage.cloud.settings.directory / 'arrived'}   the same as .eml files",
        _heading("\nLook at the relay"),
        f"  {program()} queue list --config {stage.config} --state delivered",
        f"  {stage.log}",
    ]
    return "\n".join(lines)


def program() -> str:
    """How this very program is called from here."""
    called = Path(sys.argv[0])
    if called.name != "relay":
        return f"{sys.executable} -m relay"
    return "relay" if shutil.which("relay") == str(called) else str(called)


def _for_real_devices(stage: Stage) -> Iterator[str]:
    if len(stage.listening) == 1:
        yield "  Only this machine can reach the demo now. Open it to the network, to one device known by its address:"
        yield f"    {program()} demo --listen 0.0.0.0:{NICE_PORT} --device ADDRESS-OF-THE-DEVICE"
        yield "  (Ctrl-C here first; more --device for more devices; a device that signs in needs none.)"
        return
    for listening in stage.listening[1:]:
        yield f"  SMTP server: this machine's address; it listens on {listening}; encryption none or STARTTLS"
    yield f"  Login: none where --device named its address, else user {LOGIN}, password {stage.password}"


def _heading(text: str) -> str:
    return click.style(text, bold=True)


def _row(label: str, text: str) -> str:
    return f"   {click.style(f'{label:<{_LABEL}}', fg='cyan')}{text}"


def _step(label: str, when: datetime, start: datetime, text: str, *, good: bool = False) -> str:
    ms = (when - start).total_seconds() * 1000
    return _row(label, f"{f'+{max(ms, 0):.0f} ms':>9}      {click.style(text, fg='green') if good else text}")


def _from_of(message: bytes) -> str:
    head = message.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return next((line[5:].strip() for line in head if line.lower().startswith("from:")), "")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
