"""A relay's device side in this process, with a real spool, for one dialogue; and the comparison after it."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.config.settings import Settings
from relay.smtpd.desk import House, Rules
from relay.smtpd.listener import Server
from relay.spool.sqlite import SqliteStore
from relay.spool.store import Claim, Seat
from relay.telemetry.journal import Journal
from tests.dialogues.player import Player
from tests.dialogues.script import unescaped

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from relay.config.settings import TlsFloor
    from tests.dialogues.script import Script

    Contexts = Mapping[TlsFloor, ssl.SSLContext]

MAILBOX = "scanner@contoso.test"
PASSWORD = "secret"
ADDRESSES: dict[str, Any] = {
    "copier": {"address": "127.0.0.1", "profile": "scans"},
    "narrow": {"address": "127.0.0.4", "profile": "scans", "recipients": ["*@contoso.test"]},
    "modern": {"address": "::1", "profile": "scans"},
}
LOGINS: dict[str, Any] = {"erp": {}, "both": {"address": "127.0.0.5"}}
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """One stored message as delivery would get it."""

    sender: str
    recipients: tuple[str, ...]
    head: bytes
    body: bytes


class Recorder:
    """What the relay told its journal."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append(f"{event} {fields}")

    warning = error = info


def settings(script: Script, directory: Path) -> Settings:
    """The configuration of a dialogue: the file's listener and limits, and devices that it may be."""
    (directory / "password").write_text(PASSWORD)
    secret = {"file": str(directory / "password")}
    host = "[::1]" if ":" in script.one("Client") else "127.0.0.1"
    listener = {"listen": f"{host}:0", "tls": "none", "auth": "optional", **script.options("Listener")}
    return Settings.model_validate({
        "data_dir": directory,
        "hostname": "relay.test",
        "listeners": [listener],
        "apps": {"contoso": {"tenant": "contoso.test", "client_id": "x", "credential": {"secret": secret}}},
        "profiles": {"scans": {"app": "contoso", "mailbox": MAILBOX, "from": "keep"}},
        "devices": _devices(listener["auth"], secret),
        "intake": script.options("Intake"),
        "spool": {"min_free_bytes": 0},
    })  # fmt: skip


def _devices(auth: str, secret: dict[str, str]) -> dict[str, Any]:
    """Those that the listener can know: `relay check` refuses the others."""
    logins = {
        name: {"login": {"username": name, "password": secret}, "profile": "scans", **more}
        for name, more in LOGINS.items()
    }
    return {"none": ADDRESSES, "optional": ADDRESSES | logins, "required": logins}[auth]


async def run(script: Script, directory: Path, tls: Contexts) -> None:
    """Plays a dialogue and checks what came of it. Raises `AssertionError`."""
    recorder = Recorder()
    configured = settings(script, directory)
    store = SqliteStore(directory / "spool", configured.spool, lambda *_: None)
    await store.open()
    try:
        async with _listening(configured, store, recorder, tls) as address:
            await asyncio.to_thread(_play, script, address)
        arrived = await _arrived(store)
    finally:
        await store.close()
    compare(script, arrived, recorder.events)


@asynccontextmanager
async def _listening(
    configured: Settings, store: SqliteStore, recorder: Recorder, tls: Contexts
) -> AsyncIterator[tuple[str, int]]:
    journal = Journal(recorder)  # type: ignore[arg-type]
    house = House(Rules(configured, tls), store, journal, configured.hostname)
    server = Server(house)
    host, _, port = (await server.open(configured.listeners))[0].rpartition(":")
    try:
        yield host.strip("[]"), int(port)
        async with asyncio.timeout(WAIT_S):
            while house.sessions:  # noqa: ASYNC110  (the product counts sessions, it tells nobody)
                await asyncio.sleep(0.002)
    finally:
        cut = await server.close(WAIT_S)
    assert cut == 0, "a session had to be cut"


def _play(script: Script, address: tuple[str, int]) -> None:
    listener = script.options("Listener")
    implicit = listener.get("tls") == "implicit"
    encrypted = implicit and script.one("Connects") != "in clear"
    Player(script, address, script.one("Client", "127.0.0.1"), implicit=encrypted).play()
    # Connections are accepted in order: once this one is greeted, all of the dialogue were. And the relay still greets.
    with socket.create_connection(address, timeout=WAIT_S) as after:
        assert implicit or after.recv(4) == b"220 "


async def _arrived(store: SqliteStore) -> list[Arrived]:
    """All messages, taken out as delivery takes them."""
    await store.open_mailbox(MAILBOX)
    seat = Seat("tests", MAILBOX, ("scans",), 3, 0)
    arrived = []
    while isinstance(claim := await store.claim(seat, lambda _attempt: 60_000), Claim):
        arrived.append(_message(claim))
    return arrived


def _message(claim: Claim) -> Arrived:
    parcel = claim.parcel
    body = parcel.body if isinstance(parcel.body, bytes) else parcel.body.read_bytes()
    return Arrived(parcel.sender, tuple(parcel.recipients), parcel.head, body)


def compare(script: Script, arrived: list[Arrived], events: list[str]) -> None:
    """What arrived and what the journal says, against the file."""
    assert len(arrived) == int(script.one("Arrives")), arrived
    for wanted, message in zip(script.many("Body"), arrived, strict=False):
        assert message.body == unescaped(wanted)
    if script.many("Body"):
        assert len(script.many("Body")) == len(arrived)
    if script.fields.get("Sender"):
        assert {message.sender for message in arrived} == {script.one("Sender")}
    if script.fields.get("Recipients"):
        assert {", ".join(message.recipients) for message in arrived} == {script.one("Recipients")}
    _compare_heads(script, [message.head for message in arrived])
    for wanted in script.many("Journal"):
        pattern = ".*".join(re.escape(part) for part in wanted.split("~"))
        assert any(re.search(pattern, event) for event in events), f"no {wanted} in {events}"
    assert not [event for event in events if event.startswith("session.failed")], events


def _compare_heads(script: Script, heads: list[bytes]) -> None:
    for wanted in script.many("Header"):
        assert any(unescaped(wanted) + b"\r\n" in head for head in heads), f"no {wanted} in {heads}"
    if script.fields.get("Protocol"):
        assert all(f" with {script.one('Protocol')} id ".encode() in head for head in heads), heads
