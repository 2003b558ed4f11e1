"""What goes wrong around the relay: the device hears 250, the log names the remedy, the mail waits and then goes."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.configuration import BUSY, COPIER, STRANGER
from tests.e2e.device import LETTER, scan


@pytest.fixture(autouse=True)
def whole_again(cloud):
    """Whatever a test broke in the pretend cloud is mended behind it."""
    yield
    everything = {"entra": "up", "exchange": "up", "secret": "valid", "revoked": []}
    cloud.wait(cloud.cloud.switch(everything))
    cloud.order(cloud.cloud.faults.clear)


def hand_in(relay, *recipients, address=COPIER, message=LETTER):
    """One message that the device is told is stored; returns its id."""
    with relay.device(address) as device:
        device.hello()
        return device.deliver(*recipients, message=message)


def kept(relay, name):
    """The message waits in the spool, its recipients untouched."""
    item = relay.queue("show", name)
    return item["state"] in ("queued", "leased") and {row["state"] for row in item["recipients"]} == {"pending"}


def secret_file(relay):
    return relay.config.parent / "app-secret"


# -- Entra


def test_a_wrong_secret_pauses_the_profile_until_the_file_is_mended(start, cloud, somebody, tmp_path):
    """The secret is corrected in its file: the mail goes without a restart and without a reload."""
    (tmp_path / "app-secret").write_text("wrong\n")
    relay = start()
    name = hand_in(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="box")
    assert kept(relay, name)
    secret_file(relay).write_text(cloud.settings.client_secret + "\n")
    relay.journal.wait("profile.resumed", profile="box")

    assert "AADSTS7000215" in paused["answer"]
    assert "secret" in paused["remedy"].lower()
    assert paused["recheck_s"] == 0.2
    assert relay.journal.wait("message.delivered", id=name)
    assert cloud.has(somebody) == 1


def test_an_expired_secret_pauses_and_recovers(relay, cloud, somebody):
    """AADSTS7000222 while the relay runs, no token left: paused with the remedy, back when a secret is valid again."""
    cloud.order(cloud.cloud.entra.revoke_tokens)
    cloud.order(cloud.cloud.set_secret, "expired")
    place = len(relay.journal.events)
    name = hand_in(relay, somebody)
    paused = relay.journal.wait("profile.paused", after=place, profile="box")
    assert kept(relay, name)
    cloud.order(cloud.cloud.set_secret, "valid")

    assert "AADSTS7000222" in paused["answer"]
    assert paused["remedy"]
    assert relay.journal.wait("message.delivered", id=name)


def test_a_secret_file_that_is_gone_pauses_and_recovers(start, cloud, somebody):
    """The file is missing for a while, as when a volume is not mounted: the log names the file."""
    relay = start(apps={"contoso": {"token_grace_s": 100_000}})
    file = secret_file(relay)
    aside = file.rename(file.with_name("aside"))
    name = hand_in(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="box")
    assert kept(relay, name)
    aside.rename(file)

    assert str(file) in paused["answer"] + paused["remedy"]
    assert relay.journal.wait("message.delivered", id=name)


def test_a_relay_starts_and_accepts_while_everything_is_down(start, cloud, somebody):
    """Neither Entra nor Exchange answers: 220, 250, a log line with the remedy; both come back and the mail goes."""
    cloud.wait(cloud.cloud.switch({"entra": "down", "exchange": "down"}))
    relay = start()
    name = hand_in(relay, somebody)
    deferred = relay.journal.wait("message.deferred", id=name)
    assert kept(relay, name)
    cloud.wait(cloud.cloud.exchange_up())
    entra = relay.journal.wait("message.deferred", id=name, stage="token")
    cloud.wait(cloud.cloud.entra_up())

    assert deferred["remedy"]
    assert entra["remedy"]
    assert relay.journal.wait("message.delivered", id=name)
    assert not relay.journal.seen("profile.paused")


def test_entra_down_stops_nothing_while_the_token_lives(relay, cloud, somebody):
    """The token at hand is used to its end."""
    hand_in(relay, f"before-{somebody}")
    cloud.letter(f"before-{somebody}")
    cloud.wait(cloud.cloud.entra_down())
    name = hand_in(relay, somebody)

    assert relay.journal.outcome(name)["event"] == "message.delivered"


# -- Exchange


def test_exchange_down_keeps_the_mail_and_its_return_is_noticed(relay, cloud, somebody):
    """Five messages while it is down, five letters when it is back; the remedy names host and port to look at."""
    cloud.wait(cloud.cloud.exchange_down())
    names = [hand_in(relay, somebody) for _ in range(5)]
    deferred = relay.journal.wait("message.deferred", mailbox="box@contoso.test", after=_place_of(relay, names[0]))
    cloud.wait(cloud.cloud.exchange_up())

    assert "localhost" in deferred["remedy"]
    assert len(cloud.letters(somebody, 5)) == 5


def test_a_wrong_mailbox_pauses_its_profile_alone(relay, cloud, somebody):
    """535 for one mailbox: its mail waits with the remedy, other profiles send on; granted, it goes by itself."""
    cloud.order(cloud.cloud.revoke_mailbox, "busy@contoso.test")
    name = hand_in(relay, somebody, address=BUSY)
    paused = relay.journal.wait("profile.paused", profile="busy")
    other = hand_in(relay, f"other-{somebody}")
    assert relay.journal.outcome(other)["event"] == "message.delivered"
    assert kept(relay, name)
    cloud.order(cloud.cloud.grant_mailbox, "busy@contoso.test")

    assert paused["answer"].startswith("535 5.7.3 Authentication unsuccessful")
    assert "busy@contoso.test" in paused["remedy"]
    assert relay.journal.wait("profile.resumed", profile="busy")
    assert relay.journal.wait("message.delivered", id=name)
    assert cloud.has(somebody) == 1


def test_a_pause_outlives_a_restart(start, cloud, somebody):
    """Stopped while paused, started while still broken: the mail is still there, and goes when the cause is gone."""
    cloud.order(cloud.cloud.revoke_mailbox, "busy@contoso.test")
    relay = start()
    name = hand_in(relay, somebody, address=BUSY)
    relay.journal.wait("profile.paused", profile="busy")
    assert relay.stop() == 0
    again = start()
    again.journal.wait("profile.paused", profile="busy")
    cloud.order(cloud.cloud.grant_mailbox, "busy@contoso.test")

    assert again.journal.wait("message.delivered", id=name)


def test_a_certificate_that_is_not_trusted_stops_the_mail_not_the_devices(start, cloud, somebody):
    """Nothing is sent past a box that breaks TLS open; the log says how to trust it, and a reload takes it up."""
    profiles = {"box": {"endpoint": {"ca_file": None}}}
    relay = start(profiles=profiles)
    name = hand_in(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="box")
    assert kept(relay, name)
    _rewrite(relay, lambda text: text.replace("ca_file: null", f"ca_file: {cloud.settings.ca_file}"))
    relay.hang_up()

    assert paused["rule"] == "lost.certificate"
    assert "profiles.box.endpoint.ca_file" in paused["remedy"]
    assert relay.journal.wait("message.delivered", id=name)


# -- this machine


def test_a_device_password_that_cannot_be_read_is_the_relays_trouble(start):
    """451, not 535: the device shall try again; the journal names the file."""
    relay = start()
    file = relay.config.parent / "device-password"
    file.unlink()
    with relay.device(STRANGER) as device:
        device.hello()
        reply = device.ask("AUTH PLAIN AGVycAB4")

    assert reply.startswith("451 4.3.0 The relay can't read this device's password now")
    assert str(file) in relay.journal.wait("client.refused", client=STRANGER)["reason"]


def test_below_the_low_water_mark_new_mail_is_refused_at_mail(start, cloud, somebody, small_disk):
    """452 before the scan travels, the journal says where room is needed; with room again, mail is taken again."""
    relay = start(prefix=small_disk, spool={"min_free_bytes": 2 << 20})
    with relay.device(COPIER) as device:
        device.hello()
        _fill(relay)
        assert _until(device, "452 4.3.1 ")
        refused = relay.journal.wait("client.refused", device="copier")
        (_disk_of(relay) / "filler").unlink()
        assert _until(device, "250 2.1.0 ")
        device.ask("RSET")
        device.deliver(somebody)

    assert refused["reason"].startswith("less than 2097152 bytes free at ")
    assert refused["remedy"] == "free room on that disk, or lower spool.min_free_bytes"
    assert cloud.letter(somebody)


def _until(device, reply):
    """Asks MAIL until it is answered so: the relay looks at its disk once a second."""
    deadline = time.monotonic() + 10
    while not device.ask("MAIL FROM:<a@b.test>").startswith(reply) and time.monotonic() < deadline:
        device.ask("RSET")
        time.sleep(0.05)
    return time.monotonic() < deadline


def test_a_message_that_fills_the_disk_is_refused_and_leaves_room_again(start, cloud, somebody, small_disk):
    """452 at the end of data and the remedy in the journal; the next message of the same session is taken."""
    relay = start(prefix=small_disk)
    with relay.device(COPIER) as device:
        device.hello()
        device.address(f"large-{somebody}")
        refused = device.pour(scan(36_000_000))
        device.deliver(somebody)
    failed = relay.journal.wait("intake.failed")

    assert refused.startswith("452 4.3.1 ")
    assert failed["remedy"].startswith("free room on the disk of ")
    assert cloud.letter(somebody)
    assert cloud.has(f"large-{somebody}") == 0
    assert relay.stop() == 0


def test_on_a_full_disk_accepted_mail_still_leaves(start, cloud, somebody, small_disk):
    """New mail hears 452, what was accepted is delivered out of the reserve; with room again, mail is taken again."""
    cloud.wait(cloud.cloud.exchange_down())
    relay = start(prefix=small_disk, spool={"min_free_bytes": 9 << 20})  # above the 8 MiB of the reserve
    name = hand_in(relay, somebody)
    with relay.device(COPIER) as device:
        device.hello()
        _fill(relay)
        assert _until(device, "452 4.3.1 ")
        cloud.wait(cloud.cloud.exchange_up())
        relay.journal.wait("message.delivered", id=name)
        (_disk_of(relay) / "filler").unlink()
        assert _until(device, "250 2.1.0 ")
        device.ask("RSET")
        device.deliver(f"after-{somebody}")

    assert cloud.has(somebody) == 1
    assert cloud.letter(f"after-{somebody}")
    assert relay.stop() == 0


@pytest.fixture
def small_disk(tmp_path, lacking):
    """What to put before a command so that the relay's data directory is a disk of 24 MB, for that process alone."""
    data = tmp_path / "data"
    data.mkdir()
    command = ("unshare", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o size=24m none {data} && "$@"')
    tried = subprocess.run([*command, "sh", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        lacking(f"no mount namespace here: {tried.stderr.strip()}")
    return (*command[:-1], command[-1].replace('"$@"', 'exec "$@"'), "sh")


def _disk_of(relay):
    """The data directory as the relay sees it."""
    return Path(f"/proc/{relay.pid}/root{relay.config.parent}/data")


def _fill(relay):
    """Not an octet more fits. The relay stands still meanwhile, or the filler would take the reserve it gives free."""
    relay.process.send_signal(signal.SIGSTOP)
    with (_disk_of(relay) / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(1 << 20)):
            pass
    relay.process.send_signal(signal.SIGCONT)


def _rewrite(relay, change):
    text = relay.config.read_text()
    changed = change(text)
    assert changed != text
    relay.config.write_text(changed)


def _place_of(relay, name):
    return next(n for n, event in enumerate(relay.journal.events) if event.get("id") == name)
