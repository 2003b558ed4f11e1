"""What a running relay remembers of each device, and the list that is made of it."""

from __future__ import annotations

import pytest
import yaml

from relay.config.example import EXAMPLE
from relay.config.loader import parse
from relay.control.device_log import MOST_DEVICES, MOST_NAMELESS, MOST_REFUSALS, DeviceLog
from relay.control.device_status import DeviceQuestion, Sort, device_list
from relay.control.devices import Stranger, unknown
from relay.control.look import Volumes
from relay.spool.volumes import Volume

RECEIVED = {
    "id": "1", "device": "copier", "client": "10.0.2.17", "helo": "mfp", "listener": "0.0.0.0:25", "tls": "TLSv1.2",
    "cipher": "AES128-SHA", "changes": ["line-ends", "date-added"],
}  # fmt: skip
STORED = {"id": "1", "device": "copier", "size": 1000}


def settings(**devices):
    """The example with these devices."""
    return parse(yaml.safe_dump(EXAMPLE | {"devices": devices}, sort_keys=False))


COPIERS = settings(
    copier={"address": "10.0.2.0/24", "profile": "scans"},
    erp={"login": {"username": "erp", "password": "env:ERP"}, "address": "10.0.9.9", "profile": "scans"},
)
NOTHING = Volumes()


def told(log: DeviceLog, volumes: Volumes = NOTHING, **question):
    """The devices as they are told, by name."""
    return {one.name: one for one in device_list(COPIERS, log, volumes, DeviceQuestion(**question)).devices}


def test_a_device_is_known_by_its_last_mail_and_what_was_mended_adds_up() -> None:
    """What was left out this time was empty; a message that was not stored is no mail."""
    log = DeviceLog(lambda: 100.0)
    for fields in (RECEIVED, {**RECEIVED, "changes": ["date-added"]}):
        log.heard("message.received", fields)
        log.heard("message.stored", STORED)
    log.heard("message.received", {"id": "2", "device": "copier", "client": "10.0.2.18"})
    copier = told(log)["copier"]
    assert (copier.messages, copier.bytes, copier.last, copier.last_id) == (2, 2000, "1970-01-01T00:01:40Z", "1")
    assert (copier.client, copier.tls, copier.cipher) == ("10.0.2.18", "", "")
    assert [(one.kind, one.count) for one in copier.repairs] == [("date-added", 2), ("line-ends", 1)]


def test_a_refusal_before_the_device_was_known_belongs_to_who_has_the_address() -> None:
    """A handshake that failed, or a login that was missing; of strangers nobody hears here."""
    now = [100.0]
    log = DeviceLog(lambda: now[0])
    log.heard("session.broken", {"client": "10.0.2.17", "reason": "TLS handshake failed", "remedy": "use legacy"})
    log.heard("client.refused", {"client": "10.0.9.9", "reply": "530 no", "option": "listener.auth"})
    log.heard("client.refused", {"client": "192.0.2.1", "reply": "530 no"})
    now[0] = 200.0
    log.heard("client.refused", {"client": "10.0.2.17", "device": "copier", "reply": "550 no", "option": "x"})
    found = told(log)
    assert [(one.reply, one.reason) for one in found["copier"].refusals] == [
        ("550 no", ""), ("", "TLS handshake failed"),
    ]  # fmt: skip
    assert found["copier"].refused == 2
    assert [one.remedy for one in found["erp"].refusals] == ["look at listener.auth in the configuration"]


def test_what_is_remembered_is_bounded() -> None:
    """Names, refusals and kinds of repair, whatever is sent."""
    log = DeviceLog()
    for number in range(MOST_DEVICES + 5):
        log.heard("message.stored", {**STORED, "device": f"device-{number}"})
    for number in range(MOST_NAMELESS + 5):
        log.heard("client.refused", {"client": "10.0.2.17", "reply": f"550 {number}"})
        log.heard("client.refused", {"client": "10.0.2.17", "device": "copier", "reply": f"551 {number}"})
        log.heard("message.received", {**RECEIVED, "changes": [f"kind-{number}"], "helo": "x" * 5000})
    assert log.habits("device-0").messages == 0
    assert log.habits(f"device-{MOST_DEVICES + 4}").messages == 1
    habits = log.habits("copier")
    assert (len(habits.refusals), len(habits.repairs), len(habits.helo)) == (MOST_REFUSALS, 40, 300)
    assert habits.refused == MOST_NAMELESS + 5
    copier = told(log)["copier"]
    assert len(copier.refusals) == MOST_REFUSALS


def test_the_spool_knows_what_was_before_the_start() -> None:
    """The later of both is the last mail; a damaged row says nothing."""
    log = DeviceLog(lambda: 50.0)
    volumes = Volumes({"copier": Volume(100_000, "old", 9, 3, 30, 7, 70)})
    copier = told(log, volumes)["copier"]
    assert (copier.last_id, copier.messages_day, copier.bytes_day, copier.messages_week) == ("old", 3, 30, 7)
    log.heard("message.stored", STORED)
    assert told(log, volumes)["copier"].last_id == "old"
    damaged = Volumes({"copier": Volume("what", "old", 9, 3, 30, 7, 70)})  # type: ignore[arg-type]
    assert told(log, damaged)["copier"].last_id == "1"


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ({"text": "ERP"}, ["erp"]),
        ({"text": "10.0.2"}, ["copier"]),
        ({"name": "cop"}, []),
        ({"sort": Sort.NAME, "descending": True}, ["erp", "copier"]),
        ({"sort": Sort.WEEK, "descending": True}, ["erp", "copier"]),
    ],
)
def test_devices_are_chosen_and_sorted(question, names) -> None:
    """By a text in what is configured of them, or exactly by name."""
    volumes = Volumes({"erp": Volume(1, "1", 1, 0, 0, 5, 50)})
    assert list(told(DeviceLog(), volumes, **question)) == names


def test_who_was_let_in_since_is_unknown_no_more() -> None:
    """What was refused before the configuration in force counts no longer; what is refused after it is told."""
    let_in = Stranger("10.0.2.17", last=100.0)
    foreign = Stranger("192.0.2.1", last=100.0)
    guessing = Stranger("10.0.9.9", login="erp", last=300.0)
    found = unknown([let_in, foreign, guessing], COPIERS, since=200.0).sources
    assert [one.address for one in found] == ["192.0.2.1", "10.0.9.9"]
    assert found[1].devices == ["erp"]
    assert "192.0.2.1" in found[0].adoption
    assert found[0].adoption.startswith("  # under devices:")
