"""Notifications of a running relay: a webhook hears what an operator has to know, and a dead one disturbs nothing."""

from __future__ import annotations

import pytest

from tests.e2e.configuration import COPIER
from tests.e2e.device import LETTER
from tests.hook import Hook

ABOUT = ["profile_paused", "relay_started", "relay_stopped"]


@pytest.fixture
def hook():
    with Hook() as hook:
        yield hook


def channels(directory, *urls):
    """The options of channels whose addresses are kept in files."""
    files = [directory / f"channel-{number}" for number in range(len(urls))]
    for file, url in zip(files, urls, strict=True):
        file.write_text(url + "\n")
    return {"channels": [{"url": {"file": str(file)}, "about": ABOUT} for file in files]}


def sent(relay, recipient):
    with relay.device(COPIER) as device:
        device.hello()
        return device.deliver(recipient, message=LETTER)


def test_a_pause_is_told_once_in_two_lives_and_its_end_too(start, cloud, somebody, hook, tmp_path):
    """A wrong secret pauses the profile: one note, none again after a restart, one when mail flows."""
    secret = tmp_path / "app-secret"
    secret.write_text("not the secret\n")
    options = channels(tmp_path, hook.url)
    relay = start(notifications=options)
    hook.wait(1, "The relay has started")
    name = sent(relay, somebody)
    relay.journal.wait("profile.paused", profile="box")
    (note,) = hook.wait(1, "Profile box is paused")
    assert "AADSTS7000215" in note["message"]
    assert "What to do: " in note["message"]
    assert relay.stop() == 0
    hook.wait(1, "The relay stops")

    relay = start(notifications=options)
    relay.journal.wait("profile.paused", count=2, profile="box")
    secret.write_text(cloud.settings.client_secret + "\n")
    relay.journal.wait("message.delivered", id=name)
    (note,) = hook.wait(1, "Profile box sends mail again")
    assert note["type"] == "success"
    assert len([title for title in hook.titles if "is paused" in title]) == 1
    assert relay.stop() == 0


def test_a_dead_channel_disturbs_neither_mail_nor_the_stop(start, cloud, somebody, hook, tmp_path):
    """The one that works hears at once; the failure is in the journal, the address nowhere."""
    relay = start(notifications=channels(tmp_path, "json://127.0.0.1:9/t0ken-of-it", hook.url))
    hook.wait(1, "The relay has started")
    relay.journal.wait("message.delivered", id=sent(relay, somebody))
    assert relay.stop() == 0
    failed = relay.journal.seen("notification.failed")
    assert {event["alert"] for event in failed} == {"relay_started", "relay_stopped"}
    assert "t0ken-of-it" not in relay.journal.tail() + relay.stderr
    hook.wait(1, "The relay stops")
