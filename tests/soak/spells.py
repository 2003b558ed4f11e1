"""What goes wrong in a soak. Each spell breaks one thing, lets it be so for a while, and mends it; one group has one
spell at a time, groups run side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from relay.telemetry.faults import POINTS
from tests.crash.devices import Connection, Typist, head_of
from tests.crash.proxy import Cut, without_starttls
from tests.soak.place import PROFILES

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from tests.soak.place import Place

    Spell = Callable[[Place, random.Random], Awaitable[None]]

BUSY = "421 4.3.2 Service not available, closing transmission channel"
UNKNOWN = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
RATE = "421 4.4.2 Message submission rate for this client has exceeded the configured limit"
SESSIONS = (
    "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information."
)
JUMPS_S = (7_200, 3 * 86_400, 20 * 86_400, -7_200, -93_600)

# -- Exchange


async def exchange_says_421(place: Place, dice: random.Random) -> None:
    stage = dice.choice(("greeting", "mail", "rcpt", "data", "final"))
    async with place.fault(stage=stage, action="reply", reply=BUSY, close=True, probability=0.5):
        await place.hold(dice)


async def exchange_loses_answers(place: Place, dice: random.Random) -> None:
    async with place.fault(stage="final", action="drop", keep=True, probability=0.3):
        await place.hold(dice)


async def exchange_resets(place: Place, dice: random.Random) -> None:
    stage = dice.choice(("connect", "greeting", "ehlo", "starttls", "secured", "auth", "mail", "data", "final"))
    async with place.fault(stage=stage, action="drop", probability=0.5):
        await place.hold(dice)


async def exchange_is_silent(place: Place, dice: random.Random) -> None:
    stage = dice.choice(("greeting", "secured", "auth", "mail", "final"))
    async with place.fault(stage=stage, action="hang", count=3):
        await asyncio.sleep(3)


async def exchange_is_down(place: Place, dice: random.Random) -> None:
    async with place.switched({"exchange": "down"}, {"exchange": "up"}):
        await place.hold(dice)


async def exchange_refuses_recipients(place: Place, dice: random.Random) -> None:
    async with place.fault(stage="rcpt", action="reply", reply=UNKNOWN, count=3):
        await place.hold(dice)


async def exchange_limits_the_rate(place: Place, dice: random.Random) -> None:
    async with place.fault(stage="mail", action="reply", reply=RATE, close=True, count=1):
        await place.hold(dice)


async def exchange_limits_connections(place: Place, dice: random.Random) -> None:
    async with place.fault(stage="auth", action="reply", reply=SESSIONS, close=True, count=1):
        await place.hold(dice)


# -- the wire


async def wire_is_cut(place: Place, dice: random.Random) -> None:
    for name in PROFILES:
        how = dice.choice(("reset", "reset", "silence"))
        place.wires[name].cuts.append(Cut(dice.choice(("up", "down")), dice.randrange(9000), how))  # type: ignore[arg-type]
    await place.hold(dice)


async def wire_loses_its_connections(place: Place, dice: random.Random) -> None:
    for wire in place.wires.values():
        wire.reset_all()
    await place.hold(dice)


async def wire_strips_starttls(place: Place, dice: random.Random) -> None:
    wire = place.wires[dice.choice(PROFILES)]
    wire.rewrite = without_starttls
    try:
        wire.reset_all()
        await place.hold(dice)
    finally:
        wire.rewrite = bytes


async def wire_leads_to_somebody_else(place: Place, dice: random.Random) -> None:
    """Another CA's certificate; no letter may ever arrive there."""
    wire = place.wires[dice.choice(PROFILES)]
    wire.lead_to(int(place.false_cloud.settings["smtp_port"]))
    try:
        wire.reset_all()
        await place.hold(dice)
    finally:
        wire.lead_to(place.port)


# -- Entra


async def entra_fails(place: Place, dice: random.Random) -> None:
    fault = dice.choice(
        (
            {"action": "http", "status": 500}, {"action": "http", "status": 429, "retry_after": 1},
            {"action": "portal"}, {"action": "hang"}, {"action": "drop"}, {"action": "delay", "seconds": 1.0},
            {"action": "http", "status": 200, "body": "<html>no</html>"},
        )
    )  # fmt: skip
    async with place.fault(stage="token", **fault):
        await place.cloud.order("POST", "/revoke-tokens")
        await place.hold(dice)


async def entra_is_down(place: Place, dice: random.Random) -> None:
    async with place.switched({"entra": "down"}, {"entra": "up"}):
        await place.cloud.order("POST", "/revoke-tokens")
        await place.hold(dice)


async def secret_expires(place: Place, dice: random.Random) -> None:
    async with place.switched({"secret": "expired"}, {"secret": "valid"}):
        await place.cloud.order("POST", "/revoke-tokens")
        await place.hold(dice)


async def secret_is_rotated(place: Place, dice: random.Random) -> None:
    """A new secret, in the file after a while; then the old one is taken away."""
    old = [secret["id"] for secret in (await place.cloud.order("GET", "/application"))["secrets"]]
    new = await place.cloud.order("POST", "/secrets", {})
    await place.hold(dice)
    place.secret_file.write_text(new["value"] + "\n")
    for name in old:
        await place.cloud.order("DELETE", f"/credentials/{name}")
    await place.cloud.order("POST", "/revoke-tokens")


async def signing_key_is_rotated(place: Place, dice: random.Random) -> None:
    await place.cloud.order("POST", "/rotate-keys")
    await place.hold(dice)


# -- the process


async def killed_at_a_random_moment(place: Place, dice: random.Random) -> None:
    await place.hold(dice)
    place.strike("a random moment", signal.SIGKILL)


async def killed_at_a_fault_point(place: Place, dice: random.Random) -> None:
    place.next_fault = f"{dice.choice(POINTS)}:kill:{dice.randint(1, 20)}"
    place.strike("a random moment", signal.SIGKILL)
    await place.hold(dice)


async def restarted_in_order(place: Place, dice: random.Random) -> None:
    place.strike("SIGTERM", signal.SIGTERM)
    await place.hold(dice)


async def frozen(place: Place, dice: random.Random) -> None:
    place.signal(signal.SIGSTOP)
    try:
        await place.hold(dice)
    finally:
        place.signal(signal.SIGCONT)


# -- the disk and the clock


async def disk_is_full(place: Place, dice: random.Random) -> None:
    if not place.disk.is_own:
        await disk_fails(place, dice)
        return
    place.disk.fill()
    try:
        await place.hold(dice)
    finally:
        place.disk.free()


async def disk_fails(place: Place, dice: random.Random) -> None:
    """One write of the next life fails from some hit on; the life after that has a good disk."""
    point = dice.choice([point for point in POINTS if point.endswith(("written", "synced", "before-commit"))])
    place.next_fault = f"{point}:{dice.choice(('ENOSPC', 'EIO', 'EROFS'))}:{dice.randint(1, 20)}"
    place.strike("SIGTERM", signal.SIGTERM)
    await place.hold(dice)
    place.strike("SIGTERM", signal.SIGTERM)


async def clock_jumps(place: Place, dice: random.Random) -> None:
    if place.clock is None:
        return
    place.clock.set(dice.choice(JUMPS_S))
    try:
        await asyncio.sleep(dice.uniform(2, 4))
    finally:
        place.clock.set(0)


# -- people and devices


async def configuration_is_mistaken(place: Place, dice: random.Random) -> None:
    good = place.lives.config.read_text()
    try:
        place.lives.config.write_text(good.replace("profile: pipes}", "profile: pies}"))
        place.signal(signal.SIGHUP)
        await place.hold(dice)
    finally:
        place.lives.config.write_text(good)
        place.signal(signal.SIGHUP)


async def doubtful_mail_is_held(place: Place, dice: random.Random) -> None:
    good = place.lives.config.read_text()
    try:
        place.lives.config.write_text(good.replace("delivery: {", "delivery: {uncertain: hold, "))
        place.signal(signal.SIGHUP)
        await exchange_loses_answers(place, dice)
    finally:
        place.lives.config.write_text(good)
        place.signal(signal.SIGHUP)


async def configuration_is_read_again(place: Place, dice: random.Random) -> None:
    place.signal(signal.SIGHUP)
    await place.hold(dice)


async def operator_gives_orders(place: Place, dice: random.Random) -> None:
    """Through the control socket while the relay runs, on the spool itself in the moments when it does not."""
    await place.order(
        dice.choice(("hold", "hold", "retry", "drop")), "--limit", str(dice.randint(1, 3)), "--all", "--yes"
    )
    await place.hold(dice)
    await place.order("release", "--state", "held", "--all")


async def device_vanishes(place: Place, dice: random.Random) -> None:
    """In the middle of its data: what it began must never arrive."""
    typist = Typist(f"vanishing-{dice.getrandbits(40):x}", 1)
    letter, body = typist.write()
    place.begun.append(letter)
    with contextlib.suppress(OSError):
        connection = await Connection.to(place.lives.port)
        for command in (b"MAIL FROM:<a@plant.test>\r\n", b"RCPT TO:<ann@contoso.test>\r\n", b"DATA\r\n"):
            await connection.say(command)
        octets = head_of(letter.token, letter.recipients) + body.replace(b"\r\n.", b"\r\n..")
        connection.write(octets[: len(octets) // 2])
        connection.close()
    await place.hold(dice)


GROUPS: dict[str, tuple[Spell, ...]] = {
    "exchange": (
        exchange_says_421, exchange_loses_answers, exchange_resets, exchange_is_silent, exchange_is_down,
        exchange_refuses_recipients,
    ),
    "wire": (wire_is_cut, wire_loses_its_connections, wire_strips_starttls, wire_leads_to_somebody_else),
    "entra": (entra_fails, entra_is_down, secret_expires, secret_is_rotated, signing_key_is_rotated),
    "process": (killed_at_a_random_moment, killed_at_a_fault_point, restarted_in_order, frozen, disk_fails),
    "disk": (disk_is_full,),
    "clock": (clock_jumps,),
    "people": (
        configuration_is_mistaken, doubtful_mail_is_held, configuration_is_read_again, device_vanishes,
        operator_gives_orders,
    ),
}  # fmt: skip
THROTTLES = (exchange_limits_the_rate, exchange_limits_connections)  # a mailbox rests a minute: for long soaks
