"""Mail at rest is encrypted: what a device hands in arrives as ever, and is never on the relay's disk in plain."""

from __future__ import annotations

import pytest

from relay.config.aeskey import new_key
from relay.sandbox.faults import Fault
from tests.e2e.configuration import COPIER
from tests.e2e.device import LETTER, scan
from tests.e2e.test_ways import by_graph

AWAY = Fault(stage="mail", action="reply", mailbox="box@contoso.test")  # it answers, and takes no mail
MARK = b"no word of this is kept in plain"
MARKED = b"From: a@b.test\r\nSubject: " + MARK + b"\r\n\r\n" + MARK + b"\r\n"
LARGE = MARKED + (MARK + b"\r\n") * 30_000
RAW = MARKED + (MARK + " für Größe\r\n".encode()) * 10_000


@pytest.fixture
def sealing(tmp_path):
    """The options of a relay that encrypts."""
    key = tmp_path / "spool-key"
    key.write_text(new_key() + "\n")
    return {"min_free_bytes": 0, "encryption": {"key": {"file": str(key)}, "old_keys": []}}


def sent(relay, *recipients, message):
    """Hands in a message; its id."""
    with relay.device(COPIER) as device:
        device.hello()
        return device.deliver(*recipients, message=message)


def data_of(relay):
    return relay.config.parent / "data"


def plain(relay):
    """The files of the data directory in which the marked content can be read."""
    return [path.name for path in data_of(relay).rglob("*") if path.is_file() and MARK in path.read_bytes()]


@pytest.mark.parametrize("way", ["smtp", "graph"])
def test_mail_arrives_octet_for_octet(start, cloud, somebody, sealing, way):
    """Small and large, by SMTP and by Graph."""
    relay = start(spool=sealing, profiles={"box": by_graph(cloud)} if way == "graph" else {})
    large = scan(2_000_000)
    for recipient, message in ((somebody, LETTER), (f"large-{somebody}", large)):
        relay.journal.wait("message.delivered", id=sent(relay, recipient, message=message))
        assert cloud.letter(recipient).raw.endswith(b"\r\n\r\n" + message.partition(b"\r\n\r\n")[2])
    assert relay.stop() == 0


def test_a_waiting_message_is_nowhere_in_plain(start, cloud, somebody, sealing):
    """Small, large, mended: with Exchange away they lie in the spool, and the next life of the relay delivers them."""
    away = cloud.add(AWAY)
    relay = start(spool=sealing)
    names = [sent(relay, f"{n}-{somebody}", message=message) for n, message in enumerate((MARKED, LARGE, RAW))]
    relay.journal.wait("message.deferred", id=names[0])
    assert plain(relay) == []
    assert sorted(path.name for path in (data_of(relay) / "spool/bodies").iterdir()) == sorted(names[1:])
    assert relay.stop() == 0

    cloud.remove(away)
    relay = start(spool=sealing)
    for n, body in enumerate((MARKED, LARGE)):
        assert cloud.letter(f"{n}-{somebody}").raw.endswith(b"\r\n\r\n" + body.partition(b"\r\n\r\n")[2])
    assert MARK in cloud.letter(f"2-{somebody}").raw
    assert plain(relay) == []


def test_an_altered_message_is_shown_and_the_next_one_goes(start, cloud, somebody, sealing):
    """One bit on the disk: `corrupt`, named with what to do; nobody gets it, and the queue goes on."""
    away = cloud.add(AWAY)
    relay = start(spool=sealing)
    name = sent(relay, somebody, message=LARGE)
    relay.journal.wait("message.deferred", id=name)
    assert relay.stop() == 0
    file = data_of(relay) / "spool/bodies" / name
    octets = bytearray(file.read_bytes())
    octets[300_000] ^= 1
    file.write_bytes(octets)

    cloud.remove(away)
    relay = start(spool=sealing)
    held = relay.journal.wait("message.corrupt", id=name)
    relay.journal.wait("message.delivered", id=sent(relay, f"next-{somebody}", message=LETTER))
    assert held["rule"] == "spool.altered"
    assert name in held["answer"]
    assert "backup" in held["remedy"]
    assert cloud.has(somebody) == 0


def test_mail_without_its_key_waits_for_it(start, cloud, somebody, sealing, tmp_path):
    """The relay starts, says which key is missing, goes on with other mail, and sends it when the key is back."""
    away = cloud.add(AWAY)
    relay = start(spool=sealing)
    name = sent(relay, somebody, message=LETTER)
    relay.journal.wait("message.deferred", id=name)
    assert relay.stop() == 0

    cloud.remove(away)
    lost, sealing["encryption"]["key"] = sealing["encryption"]["key"], None
    relay = start(spool=sealing)
    told = relay.journal.wait("spool.key_missing")
    relay.journal.wait("message.delivered", id=sent(relay, f"next-{somebody}", message=LETTER))
    assert told["held"] == 1
    assert "spool.encryption.old_keys" in told["remedy"]
    assert cloud.has(somebody) == 0
    assert relay.stop() == 0

    sealing["encryption"]["old_keys"] = [lost]
    relay = start(spool=sealing)
    relay.journal.wait("message.delivered", id=name)
    assert cloud.letter(somebody).body == b"Hello\r\n"


def test_a_key_that_is_none_stops_the_start(start, sealing, tmp_path):
    """The reason names the option and how to make a key, never what was found."""
    (tmp_path / "spool-key").write_text("not a key\n")
    with pytest.raises(pytest.fail.Exception) as caught:
        start(spool=sealing)
    assert "spool.encryption.key" in str(caught.value)
    assert "relay queue new-key" in str(caught.value)
    assert "not a key" not in str(caught.value)
