"""The configuration at the start and while the relay runs."""

from __future__ import annotations

import socket

import pytest
import yaml

from tests.e2e.configuration import COPIER, STRANGER, configuration, write
from tests.e2e.device import LETTER, queued_as
from tests.e2e.running import RunningRelay

MISTAKES = {
    "data_dir": "/var/lib/relay",
    "listeners": [{"listen": "127.0.0.1", "tls": "optinal"}],
    "apps": {"contoso": {"tenant": "contoso.test", "client_id": "x", "credential": {"secret": "hunter2-in-clear"}}},
    "profiles": {"box": {"app": "contosso", "mailbox": "no address"}},
    "devces": {},
}


def change(relay, edit):
    """Edits the configuration file of a running relay."""
    settings = yaml.safe_load(relay.config.read_text())
    edit(settings)
    write(relay.config, settings)


def ended_at_once(config):
    """Runs the relay on a configuration that must not start; returns its exit code and the process."""
    relay = RunningRelay(config)
    try:
        return relay.ended(), relay
    finally:
        relay.kill()


def test_a_broken_configuration_ends_with_78_and_every_mistake(tmp_path):
    """All mistakes at once, each with file, line and what to do; a secret in clear is not repeated."""
    config = write(tmp_path / "relay.yaml", MISTAKES)
    code, relay = ended_at_once(config)

    assert code == 78
    for word in ("127.0.0.1", "optinal", "contosso", "no address", "devces", "devices", "{env: NAME}"):
        assert word in relay.stderr
    assert relay.stderr.count(str(config)) >= 6
    assert "hunter2" not in relay.stderr


@pytest.mark.parametrize("text", [None, "listeners: [", "\tnot yaml", ""], ids=["missing", "cut", "tab", "empty"])
def test_a_file_that_is_no_configuration_ends_with_78(tmp_path, text):
    """The file is named, nobody sees a traceback."""
    config = tmp_path / "relay.yaml"
    if text is not None:
        config.write_text(text)
    code, relay = ended_at_once(config)

    assert code == 78
    assert str(config) in relay.stderr
    assert "Traceback" not in relay.stderr


def test_a_taken_port_ends_with_69_and_names_it(cloud, tmp_path):
    """The reason names the address, and the process does not linger."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = configuration(cloud, tmp_path, listeners=[{"listen": address}])
        code, relay = ended_at_once(write(tmp_path / "relay.yaml", settings))

    assert code == 69
    failed = relay.journal.seen("relay.failed")[0]
    assert address in failed["reason"]
    assert failed["remedy"]


def test_a_broken_reload_is_refused_and_the_old_configuration_goes_on(start, cloud, somebody):
    """Loud, with every mistake; the session in progress is not dropped and its message arrives."""
    relay = start()
    good = relay.config.read_text()
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(LETTER)
        write(relay.config, MISTAKES)
        refused = relay.journal.wait("config.refused", after=relay.hang_up())
        device.send(b".\r\n")
        queued_as(device.reply())
        device.deliver(f"next-{somebody}")

    assert refused["level"] == "error"
    assert len(refused["complaints"]) >= 5
    assert "relay check" in refused["remedy"]
    assert cloud.letter(somebody)
    assert cloud.letter(f"next-{somebody}")
    relay.config.write_text(good)
    assert relay.journal.wait("config.reloaded", after=relay.hang_up())


def test_a_good_reload_takes_effect_without_dropping_a_session(start, cloud, somebody):
    """A new device gets in, another From policy holds for the next message, in the session that was open all along."""
    relay = start()
    with relay.device(COPIER) as device, relay.device(STRANGER) as new:
        device.hello()
        new.hello()
        device.deliver(f"1-{somebody}")
        assert new.ask("MAIL FROM:<new@device.test>").startswith("530 ")
        cloud.letter(f"1-{somebody}")

        def edit(settings):
            settings["devices"]["new"] = {"address": STRANGER, "profile": "box"}
            settings["profiles"]["box"]["from"] = "person"

        change(relay, edit)
        relay.journal.wait("config.reloaded", after=relay.hang_up())
        device.deliver(f"2-{somebody}")
        new.deliver(f"new-{somebody}")

    assert [cloud.letter(f"{n}-{somebody}").header("From") for n in (1, 2)] == [
        "<box@contoso.test>",
        '"mfp@device.test" <box@contoso.test>',
    ]
    assert cloud.letter(f"new-{somebody}")


def test_a_device_taken_out_is_refused_in_its_open_session(start):
    """What a reload forbids is forbidden at the next MAIL."""
    relay = start()
    with relay.device(COPIER) as device:
        device.hello()
        device.address("ann@contoso.test")
        device.ask("RSET")
        change(relay, lambda settings: settings["devices"].pop("copier"))
        relay.journal.wait("config.reloaded", after=relay.hang_up())

        assert device.ask("MAIL FROM:<mfp@device.test>").startswith("530 ")


def test_a_new_mailbox_sends_after_a_reload(start, cloud, somebody):
    """A profile that did not exist at the start gets its own connections."""
    relay = start()

    def edit(settings):
        settings["profiles"]["late"] = {**settings["profiles"]["box"], "mailbox": "late@contoso.test"}
        settings["devices"]["copier"]["profile"] = "late"

    cloud.order(cloud.cloud.grant_mailbox, "late@contoso.test")
    change(relay, edit)
    relay.journal.wait("config.reloaded", after=relay.hang_up())
    with relay.device(COPIER) as device:
        device.hello()
        device.deliver(somebody)

    assert cloud.letter(somebody).mailbox == "late@contoso.test"


def test_what_a_reload_cannot_change_is_named(start):
    """Listeners and directories need a restart; the line says so, and the rest is in force."""
    relay = start()
    change(relay, lambda settings: settings["listeners"].pop())

    assert relay.journal.wait("config.reloaded", after=relay.hang_up())["needs_restart"] == ["listeners"]


def test_a_profile_taken_out_keeps_its_mail(start, cloud, somebody):
    """Mail of a profile that is gone waits and is named in the journal; with the profile back it goes."""
    cloud.wait(cloud.cloud.exchange_down())
    relay = start()
    good = relay.config.read_text()
    with relay.device(COPIER) as device:
        device.hello()
        name = device.deliver(somebody)
    relay.journal.wait("message.deferred", id=name)

    def edit(settings):
        del settings["profiles"]["box"]
        settings["devices"] = {"busy": settings["devices"]["busy"]}

    change(relay, edit)
    place = relay.hang_up()
    orphaned = relay.journal.wait("delivery.orphaned", after=place)
    cloud.wait(cloud.cloud.exchange_up())
    relay.config.write_text(good)
    relay.journal.wait("config.reloaded", count=1, after=relay.hang_up())

    assert orphaned["profile"] == "box"
    assert "put the profile back" in orphaned["remedy"]
    assert relay.journal.wait("message.delivered", id=name)
