"""sendMail at the pretend Graph: what arrives, and what is refused in which order."""

import asyncio
import base64
import json

import jwt
import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.exchange import Policy
from relay.sandbox.faults import Fault
from tests.sandbox.browser import started
from tests.sandbox.conftest import ANN, BOB, SCANNER, TrustingHttp, in_thread, msal_answer
from tests.sandbox.keys import pair

BCC = b"Bcc: eve@contoso.test,\r\n\tmax@contoso.test\r\n"
MESSAGE = (
    b"From: scanner@contoso.test\r\nTo: Ann <ann@contoso.test>, ann@contoso.test\r\nCc: bob@contoso.test\r\n"
    + BCC
    + b"Subject: scan\r\nMessage-ID: <1@dev>\r\n\r\nBcc: stays\r\n"
)


@pytest.fixture
def cloud(tenant):
    """The cloud with people."""
    return tenant


@pytest.fixture
async def graph_token(cloud):
    """An application's token for Graph."""
    return (await msal_answer(cloud.settings, scope=cloud.settings.graph_scope))["access_token"]


@in_thread
def ask(settings, access_token, path=f"/v1.0/users/{SCANNER}/sendMail", *, method="POST", body=None, **headers):
    """One request: status, headers, error code, and the JSON (or None)."""
    http = TrustingHttp(str(settings.ca_file))
    given = {"Content-Type": "text/plain", "Authorization": f"Bearer {access_token}", **headers}
    try:
        got = http.session.request(
            method, settings.graph_url + path, data=body if body is not None else base64.encodebytes(MESSAGE),
            headers={name: value for name, value in given.items() if value}, timeout=20,
        )  # fmt: skip
    finally:
        http.close()
    told = json.loads(got.text) if got.text.startswith("{") else None
    return got.status_code, got.headers, (told or {}).get("error", {}).get("code"), told


async def test_a_message_arrives_at_everyone_in_its_header_without_bcc(cloud, graph_token):
    """202 and an empty body; the rest of the message is untouched."""
    status, headers, _, _ = await ask(cloud.settings, graph_token)
    [arrived] = cloud.arrivals

    assert (status, headers["Content-Length"], bool(headers["request-id"])) == (202, "0", True)
    assert arrived.rcpt_to == ("ann@contoso.test", "bob@contoso.test", "eve@contoso.test", "max@contoso.test")
    assert (arrived.via, arrived.mailbox, arrived.mail_from) == ("graph", SCANNER, SCANNER)
    assert arrived.raw == MESSAGE.replace(BCC, b"")
    assert arrived.to_json()["via"] == "graph"


async def test_a_body_in_chunks_is_taken(cloud, graph_token):
    """A client that streams sends no length."""
    pieces = iter([base64.b64encode(MESSAGE)[:100], base64.b64encode(MESSAGE)[100:]])

    assert (await ask(cloud.settings, graph_token, body=pieces))[0] == 202
    assert len(cloud.arrivals) == 1


async def test_a_message_without_from_gets_the_mailbox(cloud, graph_token):
    """As the service fills it in."""
    await ask(cloud.settings, graph_token, body=base64.b64encode(b"To: ann@contoso.test\r\n\r\nHi\r\n"))

    assert cloud.arrivals[0].raw == b"From: scanner@contoso.test\r\nTo: ann@contoso.test\r\n\r\nHi\r\n"


def resigned(cloud, access_token, **changes):
    """The token with other claims, signed by Entra."""
    claims = jwt.decode(access_token, options={"verify_signature": False})
    return cloud.entra.key.sign({**claims, **changes})


TOKENS = {
    "nothing": (lambda cloud, token: "", "empty"),
    "no token": (lambda cloud, token: "nonsense", "not well formed"),
    "another audience": (lambda cloud, token: resigned(cloud, token, aud="https://outlook.office365.com"), "audience"),
    "an old token": (lambda cloud, token: resigned(cloud, token, exp=1_700_000_000), "is expired"),
    "a forged token": (lambda cloud, token: token[:-8] + "AAAAAAAA", "validation failure"),
    "another issuer": (lambda cloud, token: resigned(cloud, token, iss="https://x.test/"), "validation failure"),
}


@pytest.mark.parametrize("what", TOKENS)
async def test_graph_refuses_with_401(cloud, graph_token, what):
    """InvalidAuthenticationToken, and a sentence that says why."""
    made, sentence = TOKENS[what]
    status, headers, code, told = await ask(cloud.settings, made(cloud, graph_token))

    assert (status, code) == (401, "InvalidAuthenticationToken")
    assert sentence in told["error"]["message"]
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert told["error"]["innerError"]["request-id"] == headers["request-id"]


async def test_permission_comes_before_the_body(cloud, graph_token):
    """An invalid body is the probe that sends nothing: 400 where one may send, 403 where not."""
    allowed = await ask(cloud.settings, graph_token, body=b"no base64!")
    canary = await ask(cloud.settings, graph_token, f"/v1.0/users/{ANN}/sendMail", body=b"no base64!")
    cloud.revoke_mailbox(SCANNER)
    revoked = await ask(cloud.settings, graph_token, body=b"no base64!")

    assert (allowed[0], allowed[2]) == (400, "ErrorMimeContentInvalidBase64String")
    assert allowed[3]["error"]["message"] == "Invalid base64 string for MIME content."
    assert [(one[0], one[2]) for one in (canary, revoked)] == [(403, "ErrorAccessDenied")] * 2
    assert len(cloud.arrivals) == 0


async def test_a_token_without_the_role_is_refused_unless_rbac_scopes_it(cloud, graph_token):
    """RBAC for Applications needs no role in the token."""
    bare = resigned(cloud, graph_token, roles=[])
    before = await ask(cloud.settings, bare)
    async with Cloud(CloudOptions(graph_roles=(), policy=Policy(rbac=True))) as scoped:
        access_token = (await msal_answer(scoped.settings, scope=scoped.settings.graph_scope))["access_token"]
        after = await ask(scoped.settings, access_token)

    assert (before[2], after[0]) == ("ErrorAccessDenied", 202)
    assert "roles" not in jwt.decode(access_token, options={"verify_signature": False})


async def test_mailboxes_that_are_not_there_are_404(cloud, graph_token):
    """Nobody of that name, and a user without a mailbox."""
    await cloud.switch({"without_mailbox": ["desk@contoso.test"]})
    nobody = await ask(cloud.settings, graph_token, "/v1.0/users/nobody@contoso.test/sendMail")
    without = await ask(cloud.settings, graph_token, "/v1.0/users/desk@contoso.test/sendMail")

    assert (nobody[0], nobody[2]) == (404, "ErrorInvalidUser")
    assert nobody[3]["error"]["message"] == "The requested user 'nobody@contoso.test' is invalid."
    assert (without[0], without[2]) == (404, "MailboxNotEnabledForRESTAPI")


BODIES = {
    "From": (MESSAGE.replace(b"From: scanner", b"From: boss"), 403, "ErrorSendAsDenied"),
    "recipients": (b"From: scanner@contoso.test\r\nSubject: x\r\n\r\nHi\r\n", 400, "ErrorInvalidRecipients"),
    "content": (b"", 400, "ErrorMimeContentInvalidBase64String"),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_message_is_refused_for_its(cloud, graph_token, what):
    """What the header says is looked at."""
    raw, status, code = BODIES[what]
    got = await ask(cloud.settings, graph_token, body=base64.b64encode(raw))

    assert (got[0], got[2], len(cloud.arrivals)) == (status, code, 0)


async def test_send_as_is_granted_like_for_smtp(cloud, graph_token):
    """The same permission opens both ways."""
    cloud.grant_send_as(SCANNER, "boss@contoso.test")
    raw = MESSAGE.replace(b"From: scanner", b"From: boss")

    assert (await ask(cloud.settings, graph_token, body=base64.b64encode(raw)))[0] == 202


async def test_a_request_above_four_mebibytes_is_refused_before_the_token(cloud):
    """413, as the gateway does it."""
    status, _, code, told = await ask(cloud.settings, "", body=b"A" * (4 * 1024 * 1024 + 1))

    assert (status, code) == (413, "RequestEntityTooLarge")
    assert told["error"]["message"] == "The maximum request length supported is 4MB."


async def test_four_mebibytes_are_taken(cloud, graph_token):
    """Exactly the limit."""
    room = 4 * 1024 * 1024 // 4 * 3
    raw = MESSAGE + b"x" * (room - len(MESSAGE))
    got = await ask(cloud.settings, graph_token, body=base64.b64encode(raw))

    assert (got[0], cloud.arrivals[0].size) == (202, room - len(BCC))


async def test_a_mailbox_takes_messages_up_to_its_own_limit():
    """ErrorMessageSizeExceeded, however small the mailbox is set."""
    async with Cloud(CloudOptions(policy=Policy(mailbox_size=100))) as small:
        access_token = (await msal_answer(small.settings, scope=small.settings.graph_scope))["access_token"]
        got = await ask(small.settings, access_token)

    assert got[2] == "ErrorMessageSizeExceeded"


async def test_the_fifth_request_at_once_is_throttled(cloud, graph_token):
    """Four of one application and mailbox may be under way."""
    hanging = cloud.faults.add(Fault(stage="graph", action="hang"))
    under_way = [asyncio.ensure_future(ask(cloud.settings, graph_token)) for _ in range(4)]
    async with asyncio.timeout(20):
        await cloud.faults.hit_at("graph", 4)
    fifth = await ask(cloud.settings, graph_token)
    cloud.faults.remove(hanging)

    assert (fifth[0], fifth[2], fifth[1]["Retry-After"]) == (429, "ApplicationThrottled", "1")
    assert [(await one)[0] for one in under_way] == [202] * 4


async def test_faults_act_at_graph(cloud, graph_token):
    """Any status with Retry-After, a captive portal, a cut connection."""
    cloud.faults.add(Fault(stage="graph", action="http", status=429, retry_after=9, body="{}", count=1))
    cloud.faults.add(Fault(stage="graph", action="portal", count=1))
    cloud.faults.add(Fault(stage="graph", action="drop", count=2))
    throttled = await ask(cloud.settings, graph_token)
    portal = await ask(cloud.settings, graph_token)
    with pytest.raises(OSError, match=r"reset|aborted"):
        await ask(cloud.settings, graph_token)

    assert (throttled[0], throttled[1]["Retry-After"]) == (429, "9")
    assert (portal[0], portal[1]["Content-Type"]) == (200, "text/html; charset=utf-8")


async def test_a_person_sends_by_me_and_from_their_mailbox_only(cloud):
    """Mail.Send is for one's own mailbox; SMTP.Send is nothing for Graph."""
    app = await started(cloud.settings)
    got = await app.sign_in(login_hint=ANN, scopes=["https://graph.microsoft.com/Mail.Send"])
    smtp = await app.sign_in(login_hint=ANN, scopes=["https://graph.microsoft.com/SMTP.Send"])
    raw = MESSAGE.replace(b"From: scanner@contoso.test", b"From: office@contoso.test")
    mine = await ask(cloud.settings, got["access_token"], "/v1.0/me/sendMail", body=base64.b64encode(raw))
    other = await ask(cloud.settings, got["access_token"], f"/v1.0/users/{BOB}/sendMail")
    wrong = await ask(cloud.settings, smtp["access_token"], "/v1.0/me/sendMail")

    assert (mine[0], cloud.arrivals[0].mailbox, cloud.arrivals[0].header("From")) == (202, ANN, "office@contoso.test")
    assert (other[2], wrong[2]) == ("ErrorAccessDenied", "ErrorAccessDenied")


async def test_me_is_for_people(cloud, graph_token):
    """An application has no mailbox of its own."""
    assert (await ask(cloud.settings, graph_token, "/v1.0/me/sendMail"))[2] == "BadRequest"


async def test_an_application_reads_its_end_dates_if_it_may(cloud, graph_token):
    """Application.Read.All, otherwise 403 Authorization_RequestDenied; never a value."""
    path = f"/v1.0/applications(appId='{cloud.settings.client_id}')?$select=passwordCredentials,keyCredentials"
    cloud.add_certificate(pair(days=20).pem)
    secret = cloud.add_secret(days=10)
    denied = await ask(cloud.settings, graph_token, path, method="GET", body=b"")
    allowed = resigned(cloud, graph_token, roles=["Mail.Send", "Application.Read.All"])
    status, _, _, told = await ask(cloud.settings, allowed, path, method="GET", body=b"")
    other = await ask(cloud.settings, allowed, "/v1.0/applications(appId='0')", method="GET", body=b"")

    assert (denied[0], denied[2]) == (403, "Authorization_RequestDenied")
    assert (status, set(told)) == (200, {"passwordCredentials", "keyCredentials"})
    assert secret.value not in json.dumps(told)
    found = {one["keyId"]: one["endDateTime"] for one in told["passwordCredentials"]}
    assert found[secret.id] == secret.end.isoformat().replace("+00:00", "Z")
    assert (len(told["keyCredentials"]), other[2]) == (1, "Request_ResourceNotFound")


async def test_graph_goes_down_and_comes_back_on_its_port(cloud, graph_token):
    """A switch of its own."""
    await cloud.switch({"graph": "down"})
    with pytest.raises(OSError, match="refused"):
        await ask(cloud.settings, graph_token)
    await cloud.switch({"graph": "up"})

    assert (await ask(cloud.settings, graph_token))[0] == 202
    assert cloud.stats()["graph_requests"] == 1
