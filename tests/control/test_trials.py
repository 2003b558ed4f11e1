"""Tests of settings as they run: how many, how long, for whom, and what is kept of a typed secret."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import yaml

from relay.config.loader import parse
from relay.config.secret import TypedSecret
from relay.control.caller import Refused
from relay.control.doctor import Doctor
from relay.control.trials import KEPT_S, MOST_AT_ONCE, Plan, Trials
from relay.control.typed import MistypedError, Typed, drafted, filled
from tests.control.conftest import MAILBOX, configuration, tenant


class Ear:
    """A journal that is only heard."""

    def __init__(self):
        self.events = []

    def service(self, event, **fields):
        self.events.append((event, fields))


@asynccontextmanager
async def mute():
    """Settings whose submission host takes connections and never says a word."""

    async def silent(reader, writer):
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    app = {"tenant": "contoso.test", "client_id": "x", "credential": {"secret": {"env": "NOWHERE"}},
           "authority": f"https://127.0.0.1:{port}"}  # fmt: skip
    profile = {"app": "contoso", "mailbox": MAILBOX, "from": "mailbox", "endpoint": {"host": "127.0.0.1", "port": port}}
    whole = {"listeners": [{"listen": "127.0.0.1:25"}], "apps": {"contoso": app}, "profiles": {"scans": profile}}
    async with server:
        yield parse(yaml.safe_dump(whole))


def settings_of(cloud):
    return parse(yaml.safe_dump(configuration(cloud)))


async def ended(trials, trial_id):
    """The trial once it is over."""
    async with asyncio.timeout(20):
        while not trials.of(trial_id).ended:  # noqa: ASYNC110  (as whoever looks again does)
            await asyncio.sleep(0.01)
    return trials.of(trial_id)


async def test_no_more_than_a_few_run_at_once_and_a_stop_ends_them():
    """The next one is refused with what to do; at a stop those that run end, and say why."""
    ear = Ear()
    async with mute() as settings:
        trials = Trials(ear)
        begun = [trials.begin(Plan(settings, "scans"), "ada") for _ in range(MOST_AT_ONCE)]
        with pytest.raises(Refused) as refused:
            trials.begin(Plan(settings, "scans"), "ada")
        assert refused.value.remedy
        await trials.stop()
        assert [trials.of(one.id).trouble for one in begun] == ["the relay stopped"] * MOST_AT_ONCE
    assert [event for event, _ in ear.events] == ["profile.tested"] * MOST_AT_ONCE


async def test_one_that_takes_too_long_is_ended():
    """It says so, with the steps that had ended."""
    async with mute() as settings:
        trials = Trials(Ear(), within_s=0.2)
        found = await ended(trials, trials.begin(Plan(settings, "scans"), "ada").id)
    assert (found.good, "longer than 0.2 s" in found.trouble) == (False, True)
    names = [step.name for step in found.steps]
    assert names == ["dns", "tcp"][: len(names)]


async def test_what_was_found_is_forgotten_after_ten_minutes():
    """Until then it can be asked for."""
    now = [1000.0]
    async with mute() as settings:
        trials = Trials(Ear(), within_s=0.05, clock=lambda: now[0])
        found = await ended(trials, trials.begin(Plan(settings, "scans"), "ada").id)
    now[0] += KEPT_S - 1
    assert trials.of(found.id) == found
    now[0] += 2
    with pytest.raises(LookupError, match="begin another"):
        trials.of(found.id)


async def test_a_server_that_repeats_the_secret_gives_it_to_nobody():
    """It is cut out of whatever an answer holds."""
    secret = "no-such-host"
    async with tenant() as cloud:
        typed = Typed(based_on="scans", secret=secret, canary="")
        draft = drafted(typed, settings_of(cloud))
        whole = configuration(cloud, endpoint={"host": f"{secret}.invalid"})
        plan = Plan(parse(yaml.safe_dump(whole)), "scans", typed=typed, yaml=draft.yaml)
        trials = Trials(Ear())
        found = await ended(trials, trials.begin(plan, "ada").id)
        assert trials.typed(found.id) == Typed(based_on="scans", canary="")
    told = str(found.steps)
    assert "(the secret that was typed).invalid" in told
    assert secret not in told


async def test_a_mistake_of_the_relay_gives_the_secret_to_nobody(monkeypatch):
    """Not even where it stands in what went wrong."""
    secret = "s3cret~typed"

    def broken(*_):
        raise RuntimeError(f"no way for {secret}")

    monkeypatch.setattr(Doctor, "ways", broken)
    async with tenant() as cloud:
        plan = Plan(settings_of(cloud), "scans", typed=Typed(based_on="scans", secret=secret, canary=""))
        trials = Trials(Ear())
        found = await ended(trials, trials.begin(plan, "ada").id)
    assert found.trouble == "the relay could not do this: RuntimeError('no way for (the secret that was typed)')"


async def test_a_typed_secret_is_in_no_repr_dump_or_yaml():
    """It is read where the credential is, and shows nowhere else."""
    secret = "s3cret-of-contoso"
    async with tenant() as cloud:
        draft = drafted(Typed(based_on="scans", secret=secret), settings_of(cloud))
    app = draft.settings.apps["contoso"]
    assert isinstance(app.credential.secret, TypedSecret)
    assert app.credential.secret.read() == secret
    plan = Plan(draft.settings, "scans", typed=Typed(secret=secret))
    dumped = json.dumps(draft.settings.model_dump(mode="json"))
    for text in (repr(draft), repr(draft.settings), dumped, draft.yaml, str(app.credential.secret), repr(plan)):
        assert secret not in text
    assert yaml.safe_load(draft.yaml)["apps"]["contoso"]["credential"] == {
        "secret": {"file": "/etc/relay/contoso.secret"}
    }


async def test_a_new_profile_is_typed_from_nothing():
    """What is typed is the whole of it, and it can be saved as it is."""
    typed = Typed(
        name="desk", tenant="contoso.onmicrosoft.com", client_id="11111111-2222-3333-4444-555555555555",
        secret="s3cret-of-contoso", mailbox="desk@contoso.com", from_policy="mailbox", host="", port="",
    )  # fmt: skip
    async with tenant() as cloud:
        draft = drafted(typed, settings_of(cloud))
    saved = yaml.safe_load(draft.yaml)
    assert saved["profiles"] == {"desk": {"app": "desk", "mailbox": "desk@contoso.com", "from": "mailbox"}}
    assert draft.settings.endpoint_of("desk").host == "smtp.office365.com"
    parse(yaml.safe_dump(saved | {"listeners": [{"listen": "127.0.0.1:25"}]}))


async def test_what_was_not_typed_stays_as_it_is_saved():
    """null leaves an option, empty takes it away; the form shows both."""
    async with tenant() as cloud:
        settings = settings_of(cloud)
        draft = drafted(Typed(based_on="scans", transport="smtp", host=""), settings)
        shown = filled(Typed(based_on="scans", mailbox="other@contoso.test"), settings)
    assert draft.settings.profiles["scans"].mailbox == MAILBOX
    assert draft.settings.profiles["scans"].endpoint.host == ""
    assert draft.settings.profiles["scans"].endpoint.ca_file is not None
    assert (shown.mailbox, shown.client_id) == ("other@contoso.test", settings.apps["contoso"].client_id)
    assert shown.host == "localhost"


async def test_the_relays_own_credentials_go_to_no_host_that_is_only_typed():
    """A reference to a file is the relay's as much as a saved one is; a connector shows no token."""
    strange = {"host": "mx.example.net", "port": "587"}
    async with tenant() as cloud:
        settings = settings_of(cloud)
        for more in ({}, {"secret_reference": f"file:{cloud.settings.secret_file}"}, {"transport": "hve"}):
            with pytest.raises(MistypedError) as mistyped:
                drafted(Typed(based_on="scans", **strange, **more), settings)
            assert mistyped.value.slips[0].field == "host"
        drafted(Typed(based_on="scans", secret="typed-by-somebody", **strange), settings)
        drafted(Typed(based_on="scans", transport="connector", **strange), settings)
