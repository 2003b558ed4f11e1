"""Every answer of the catalogue, on demand and at its real stage: by fault, by recipient, by mailbox."""

import json
import re

import pytest

from relay.sandbox import aadsts, catalogue
from relay.sandbox.catalogue_smtp import OF_SMTP
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.faults import SMTP_STAGES
from relay.sandbox.graph_errors import REFUSALS
from tests.sandbox.browser import answer, post, visit
from tests.sandbox.conftest import ANN, MESSAGE, SCANNER, msal_answer, xoauth2
from tests.sandbox.test_graph import code, send
from tests.sandbox.test_management import ask
from tests.sandbox.test_people import asking
from tests.sandbox.wires import Talk

GOOD = {
    "greeting": "220", "ehlo": "250", "secured": "250", "auth": "235", "mail": "250", "rcpt": "250", "data": "354",
    "final": "250",
}  # fmt: skip


@pytest.fixture
async def cloud():
    """A cloud where nothing waits."""
    async with Cloud(CloudOptions(messages_per_minute=0, auto_sign_in="hint")) as running:
        yield running


async def answers(cloud, access_token, user=SCANNER, recipient=ANN):
    """What a whole submission is told, by stage, up to the first answer that is not the good one."""
    told: dict[str, str] = {}
    talk = await Talk.open(cloud.settings)
    steps = {
        "ehlo": "EHLO relay.test",
        "secured": "EHLO relay.test",
        "auth": "AUTH XOAUTH2 " + xoauth2(user, access_token),
        "mail": f"MAIL FROM:<{user}>",
        "rcpt": f"RCPT TO:<{recipient}>",
        "data": "DATA",
        "final": MESSAGE.decode().replace(SCANNER, user) + ".",
    }
    told["greeting"] = await talk.reply()
    for stage, command in steps.items():
        if not told[list(told)[-1]].startswith(GOOD[list(told)[-1]]):
            break
        if stage == "secured":
            await talk.start_tls(cloud.settings)
        told[stage] = await talk.ask(command)
    closed = await talk.ask("NOOP") == "" if _is_closing(told) else False
    talk.close()
    return told, closed


def _is_closing(told):
    return list(told.values())[-1].startswith("421")


def _form(reply):
    """The text of the catalogue as a pattern for what is really said."""
    stamp = r"\[\S+\.outlook\.sandbox\.test \d{4}-\d\d-\d\dT[\d:.]+Z [0-9A-F]{16}\]"
    pattern = re.escape(reply).replace(re.escape("{stamp}"), stamp)
    pattern = pattern.replace(re.escape("{host}"), r"\S+\.outlook\.sandbox\.test")
    pattern = pattern.replace(re.escape("{mailbox}"), r"\S+@contoso\.test")
    return pattern.replace(re.escape("{send_as_denied}"), r"554 5\.2\.252 SendAsDenied; .{1000,}")


@pytest.mark.parametrize("name", OF_SMTP)
async def test_an_answer_comes_at_its_stage_by_fault(cloud, access_token, name):
    """Everything before goes well, then the literal text is said; 421 ends the session."""
    wanted = OF_SMTP[name]
    cloud.faults.add(catalogue.fault(name, count=1))
    told, closed = await answers(cloud, access_token)

    assert list(told)[-1] == wanted.stage
    assert re.fullmatch(_form(wanted.reply), told[wanted.stage]), told[wanted.stage]
    assert closed == wanted.close == wanted.reply.startswith("421")
    assert len(cloud.arrivals) == 0


@pytest.mark.parametrize("name", [name for name, one in OF_SMTP.items() if one.stage in ("rcpt", "final")])
async def test_an_answer_is_asked_for_by_recipient(cloud, access_token, name):
    """The local part is the name, whatever the domain."""
    told, _ = await answers(cloud, access_token, recipient=f"{name}@fabrikam.test")

    assert list(told)[-1] == OF_SMTP[name].stage
    assert re.fullmatch(_form(OF_SMTP[name].reply), list(told.values())[-1])


@pytest.mark.parametrize("name", [name for name, one in OF_SMTP.items() if one.stage not in ("greeting", "secured")])
async def test_an_answer_is_asked_for_by_mailbox(cloud, access_token, name):
    """A mailbox of the name is there, and gets the answer at its stage."""
    told, _ = await answers(cloud, access_token, user=f"{name}@contoso.test")

    assert list(told)[-1] == OF_SMTP[name].stage
    assert re.fullmatch(_form(OF_SMTP[name].reply), list(told.values())[-1])


async def test_without_a_name_everything_goes_well(cloud, access_token):
    """The measure for the tests above."""
    told, _ = await answers(cloud, access_token)

    assert {stage: reply[:3] for stage, reply in told.items()} == GOOD


async def test_the_catalogue_is_listed_and_used_over_the_port(cloud, access_token):
    """By name, with the fields of a fault; a name that is not there is refused."""
    _, listed = await ask(cloud.settings, "GET", "/catalogue")
    status, _ = await ask(cloud.settings, "POST", "/faults", {"name": "mailbox-full", "count": 1, "mailbox": SCANNER})
    told, _ = await answers(cloud, access_token)
    wrong, _ = await ask(cloud.settings, "POST", "/faults", {"name": "no-such-answer"})

    assert {one["name"] for one in json.loads(listed)} == set(catalogue.CATALOGUE)
    assert {one["stage"] for one in json.loads(listed)} <= {*SMTP_STAGES, "graph", "token"}
    assert (status, wrong) == (201, 400)
    assert told["final"].startswith("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.")


@pytest.mark.parametrize("name", REFUSALS)
async def test_graph_refuses_on_demand(cloud, name):
    """By fault, and (where a token is looked at first) by mailbox and by recipient: status, code and message."""
    access_token = (await msal_answer(cloud.settings, scope=cloud.settings.graph_scope))["access_token"]
    cloud.faults.add(catalogue.fault(name, count=1))
    by_fault = await send(cloud.settings, access_token)
    by_mailbox = await send(cloud.settings, access_token, mailbox=f"{name}@contoso.test")
    refusal = REFUSALS[name]

    assert code(by_fault) == code(by_mailbox) == (refusal.status, refusal.code)
    assert ("Retry-After" in by_fault.headers) == (refusal.status in (429, 503))


@pytest.mark.parametrize("number", aadsts.SENTENCES)
async def test_entra_refuses_on_demand_with_every_number(cloud, number):
    """Status, OAuth word, number and ids in the body; suberror where Entra has one."""
    cloud.faults.add(catalogue.fault(f"aadsts-{number}", count=1))
    got = await post(cloud.settings, grant_type="client_credentials")
    told = aadsts.sentence(number)
    ids = r"Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"

    assert (got["error"], got["error_codes"], got.get("suberror", "")) == (told.error, [number], told.suberror)
    assert re.fullmatch(rf"AADSTS{number}: .+ {ids}", got["error_description"], re.DOTALL)
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= set(got)


async def test_a_number_acts_at_other_stages_too(cloud):
    """The same name at the authorization endpoint goes home to the application."""
    cloud.faults.add(catalogue.fault("aadsts-90094", stage="authorize", count=1))

    assert "AADSTS90094" in answer(await visit(cloud.settings, asking(cloud)))["error_description"]


async def test_throttling_of_entra_says_when_to_come_back(cloud):
    """429 with Retry-After, in Entra's own words."""
    cloud.faults.add(catalogue.fault("aadsts-90055", retry_after=17, count=1))
    got = await msal_answer(cloud.settings)

    assert (got["error"], got["error_codes"]) == ("temporarily_unavailable", [90055])
    assert "access_token" in await msal_answer(cloud.settings)


HTTPS = {
    "discovery": lambda cloud: visit(
        cloud.settings, f"{cloud.settings.authority}/v2.0/.well-known/openid-configuration"
    ),
    "keys": lambda cloud: visit(cloud.settings, f"{cloud.settings.authority}/discovery/v2.0/keys"),
    "authorize": lambda cloud: visit(cloud.settings, asking(cloud)),
    "devicecode": lambda cloud: visit(cloud.settings, f"{cloud.settings.authority}/oauth2/v2.0/devicecode", a="b"),
    "token": lambda cloud: visit(cloud.settings, f"{cloud.settings.authority}/oauth2/v2.0/token", a="b"),
    "graph": lambda cloud: visit(cloud.settings, f"{cloud.settings.graph_url}/me/sendMail", a="b"),
}


@pytest.mark.parametrize("by", ["https", "own stage"])
@pytest.mark.parametrize("endpoint", HTTPS)
async def test_every_https_endpoint_is_throttled_fails_or_is_a_portal(cloud, endpoint, by):
    """429 with Retry-After, 5xx, a guest network's page, a cut connection."""
    stage = "https" if by == "https" else endpoint
    for more in ({"action": "http", "status": 429, "retry_after": 5}, {"action": "http", "status": 502},
                 {"action": "portal"}, {"action": "drop", "count": 2}):  # fmt: skip
        cloud.faults.add(catalogue.from_json({"stage": stage, "count": 1, **more}))
    throttled, down, portal = [await HTTPS[endpoint](cloud) for _ in range(3)]
    with pytest.raises(OSError, match=r"reset|aborted"):
        await HTTPS[endpoint](cloud)

    assert (throttled.status_code, throttled.headers["Retry-After"], down.status_code) == (429, "5", 502)
    assert (portal.status_code, "<h1>Welcome</h1>" in portal.text) == (200, True)


def test_graphs_refusals_belong_to_graph():
    """Entra could not say them."""
    with pytest.raises(ValueError, match="belong to the stage graph"):
        catalogue.fault("graph-throttled", stage="token")
