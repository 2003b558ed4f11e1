"""`relay doctor` beside a relay that runs, and for people who signed in."""

from __future__ import annotations

import json

import pytest

from relay.tokens.vault import DIRECTORY
from tests import forked
from tests.e2e.configuration import COPIER, configuration, write
from tests.e2e.delegated import ANN, DESK, USERS, configured, signed_in
from tests.e2e.device import LETTER, queued_as
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay


@pytest.fixture(scope="module")
def cloud():
    with PretendCloud(users=USERS) as running:
        yield running


def doctor(config, *arguments):
    """The command to its end."""
    return forked.run(["doctor", "-c", str(config), *arguments])


def on_disk(directory):
    """Every file with what is in it."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_it_works_while_the_relay_runs(cloud, tmp_path):
    """Neither disturbs the other: no lock is asked for, and mail goes on."""
    config = write(tmp_path / "relay.yaml", configuration(cloud, tmp_path))
    with RunningRelay(config) as relay:
        ended = doctor(config, "box")
        with relay.device(COPIER) as device:
            device.hello()
            device.address("somebody@contoso.test")
            assert relay.journal.outcome(queued_as(device.pour(LETTER)))["event"] == "message.delivered"

        assert ended.returncode == 0, ended.stdout
        assert relay.stop() == 0


def test_a_running_relay_warns_of_ends_at_its_start(cloud, tmp_path):
    """Of a secret that ended yesterday, with the remedy, as an error; and it serves all the same."""
    whole = configuration(cloud, tmp_path)
    whole["apps"]["contoso"]["credential"]["expires"] = "2020-01-31"
    with RunningRelay(write(tmp_path / "relay.yaml", whole)) as relay:
        event = relay.journal.wait("credential.expiring")

        assert (event["app"], event["credential"], event["ends"]) == ("contoso", "credential", "2020-01-31")
        assert event["days_left"] < 0
        assert "next_credential" in event["remedy"]
        assert relay.stop() == 0


def test_a_person_who_signed_in_is_examined_and_nothing_is_changed(cloud, tmp_path):
    """What is kept is used and stays as it is; who may be sent as is proved by sending."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config)
    before = on_disk(tmp_path)
    ended = doctor(config, "ann", "--json", "--send-to", "somebody@contoso.test")
    steps = {step["name"]: step for step in json.loads(ended.stdout)["profiles"][0]["steps"]}

    assert ended.returncode == 0, ended.stdout
    assert f"{ANN}'s token (delegated)" in steps["token"]["result"]
    assert f"sent as {DESK}" in steps["mail"]["result"]
    assert on_disk(tmp_path) == before


def test_nobody_has_signed_in_yet(cloud, tmp_path):
    """It says so and how, and makes no place for what nobody has."""
    config = configured(cloud, tmp_path)
    ended = doctor(config, "ann")

    assert ended.returncode == 1
    assert "relay authorize ann" in ended.stdout
    assert not (tmp_path / "data" / DIRECTORY).exists()
