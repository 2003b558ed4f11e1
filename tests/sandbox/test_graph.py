"""Graph's door: what requests sends it with real tokens, and every refusal in its place."""

import asyncio
import base64
from datetime import datetime
from typing import Any

import pytest
import requests

from relay.sandbox.cloud import Cloud, CloudOptions, CloudSettings
from relay.sandbox.exchange import Policy
from relay.sandbox.faults import Fault
from relay.sandbox.graph_errors import REFUSALS, SENTENCES
from relay.sandbox.graph_limits import GraphPolicy
from tests.sandbox.browser import post, started
from tests.sandbox.conftest import ANN, BOB, LEE, SCANNER, in_thread, msal_answer
from tests.sandbox.keys import pair

GRAPH = "https://graph.microsoft.com/.default"
LETTER = (
    b"From: scanner@contoso.test\r\nTo: Ann <ann@contoso.test>, bob@x.test\r\nCc: ANN@contoso.test\r\n"
    b"Bcc: eve@x.test,\r\n zoe@x.test\r\nSubject: scan\r\n\r\nHello\r\n"
)


async def graph_token(settings: CloudSettings) -> str:
    """A token for Graph, by MSAL."""
    return (await msal_answer(settings, scope=GRAPH))["access_token"]


@in_thread
def ask(settings: CloudSettings, method: str, path: str, token: str, **more: Any) -> requests.Response:
    """One request to Graph; what has a body is sent as text/plain."""
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    if "data" in more:
        headers = {"Content-Type": "text/plain", **headers}
    with requests.Session() as session:
        session.trust_env = False
        url = settings.graph_url + path
        return session.request(method, url, headers=headers, verify=str(settings.ca_file), **{"timeout": 10, **more})


async def send(
    settings: CloudSettings, token: str, mime: bytes = LETTER, mailbox: str = SCANNER, **more: Any
) -> requests.Response:
    """Send a message as Microsoft documents it for MIME."""
    given = {"data": base64.b64encode(mime), **more}
    return await ask(settings, "POST", f"/users/{mailbox}/sendMail", token, **given)


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and error code; the body's form is checked on the way."""
    error = answer.json()["error"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    return answer.status_code, error["code"]


@pytest.fixture
async def token(cloud: Cloud) -> str:
    """A valid token for Graph."""
    return await graph_token(cloud.settings)


async def test_message_arrives_at_all_recipients_of_its_header(cloud: Cloud, token: str) -> None:
    """202 and nothing else; To, Cc and Bcc get it once each, and the Bcc field does not arrive."""
    answer = await send(cloud.settings, token, headers={"client-request-id": "mine"})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["request-id"]
    assert answer.headers["client-request-id"] == "mine"
    arrived = cloud.arrivals[0]
    assert arrived.rcpt_to == ("ann@contoso.test", "bob@x.test", "eve@x.test", "zoe@x.test")
    assert arrived.raw == LETTER.replace(b"Bcc: eve@x.test,\r\n zoe@x.test\r\n", b"")
    assert (arrived.via, arrived.mailbox, arrived.mail_from) == ("graph", SCANNER, SCANNER)
    assert arrived.claims["roles"] == ["Mail.Send"]
    assert cloud.stats()["sent_items"] == {SCANNER: 1}


async def test_message_without_author_gets_the_mailbox(cloud: Cloud, token: str) -> None:
    """As the service fills it in; lines that end in LF alone are understood."""
    await send(cloud.settings, token, b"To: ann@contoso.test\nBcc: eve@x.test\n\nBcc: stays\n")
    assert cloud.arrivals[0].raw == b"From: scanner@contoso.test\r\nTo: ann@contoso.test\n\nBcc: stays\n"
    assert cloud.arrivals[0].rcpt_to == ("ann@contoso.test", "eve@x.test")


async def test_request_above_four_megabytes(cloud: Cloud, token: str) -> None:
    """Exactly 4 MiB of base64 is taken; more is refused with the documented sentence, whoever asks."""
    head = b"From: scanner@contoso.test\r\nTo: ann@contoso.test\r\n\r\n"
    most = 4 * 1024 * 1024 * 3 // 4
    assert (await send(cloud.settings, token, head + b"x" * (most - len(head)))).status_code == 202
    answer = await send(cloud.settings, token, head + b"x" * (most - len(head) + 1))
    assert code(answer) == (413, "RequestEntityTooLarge")
    assert answer.json()["error"]["message"] == "The maximum request length supported is 4MB."
    assert code(await send(cloud.settings, "", data=b"A" * (4 * 1024 * 1024 + 1)))[0] == 413
    assert len(cloud.arrivals) == 1


async def test_probe_with_invalid_base64_tells_permission_from_none(cloud: Cloud, token: str) -> None:
    """Who may send hears 400, who may not 403; nothing is sent either way."""
    assert code(await send(cloud.settings, token, data=b"!")) == (400, "ErrorMimeContentInvalidBase64String")
    cloud.revoke_mailbox(SCANNER)
    assert code(await send(cloud.settings, token, data=b"!")) == (403, "ErrorAccessDenied")
    assert not len(cloud.arrivals)


async def test_application_without_the_role() -> None:
    """Without Mail.Send there is no permission; with a scope of RBAC the role is not needed."""
    async with Cloud(CloudOptions(graph_roles=())) as cloud:
        token = await graph_token(cloud.settings)
        assert code(await send(cloud.settings, token)) == (403, "ErrorAccessDenied")
    async with Cloud(CloudOptions(graph_roles=(), policy=Policy(rbac=True))) as cloud:
        token = await graph_token(cloud.settings)
        assert (await send(cloud.settings, token)).status_code == 202
        assert code(await send(cloud.settings, token, by(ANN), ANN)) == (403, "ErrorAccessDenied")


async def test_mailboxes_that_are_not_there(cloud: Cloud, token: str) -> None:
    """An unknown mailbox, one without REST, and /me without a person."""
    assert code(await send(cloud.settings, token, mailbox="nobody@contoso.test")) == (404, "ErrorInvalidUser")
    await cloud.switch({"without_mailbox": [SCANNER]})
    assert code(await send(cloud.settings, token)) == (404, "MailboxNotEnabledForRESTAPI")
    me = await ask(cloud.settings, "POST", "/me/sendMail", token, data=b"!")
    assert code(me) == (400, "BadRequest")


async def test_tokens_that_are_not_believed(cloud: Cloud, token: str) -> None:
    """Wrong audience, no token, not a token, signed by a key that is gone."""
    outlook = (await msal_answer(cloud.settings))["access_token"]
    for bad, said in ((outlook, "Invalid audience"), ("", "empty"), ("abc", "no dots")):
        answer = await send(cloud.settings, bad)
        assert code(answer) == (401, "InvalidAuthenticationToken")
        assert said in answer.json()["error"]["message"]
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    cloud.entra.revoke_tokens()
    assert code(await send(cloud.settings, token)) == (401, "InvalidAuthenticationToken")


async def test_expired_token(cloud: Cloud) -> None:
    """A token whose life is over is refused, and the sentence says so."""
    cloud.entra.registration.lifetime_s = -60
    claims = await graph_token(cloud.settings)
    answer = await send(cloud.settings, claims)
    assert code(answer) == (401, "InvalidAuthenticationToken")
    assert answer.json()["error"]["message"] == "Lifetime validation failed, the token is expired."


async def test_author_the_mailbox_may_not_send_as(cloud: Cloud, token: str) -> None:
    """SendAs is needed for another author, as with SMTP."""
    mime = LETTER.replace(b"From: scanner", b"From: erp")
    assert code(await send(cloud.settings, token, mime)) == (403, "ErrorSendAsDenied")
    cloud.grant_send_as(SCANNER, "erp@contoso.test")
    assert (await send(cloud.settings, token, mime)).status_code == 202


@pytest.mark.parametrize("to", [b"", b"To: undisclosed-recipients:;\r\n", b"To: bad\r\n"])
async def test_no_recipient(cloud: Cloud, token: str, to: bytes) -> None:
    """Without a recipient in the header, or with one that is no address, nothing is sent."""
    answer = await send(cloud.settings, token, b"From: scanner@contoso.test\r\n" + to + b"\r\nHello\r\n")
    assert code(answer) == (400, "ErrorInvalidRecipients")


async def test_limits_of_the_mailbox() -> None:
    """Size and recipients of a day are the mailbox's own, whatever the way."""
    async with Cloud(CloudOptions(policy=Policy(mailbox_size=1000), recipients_per_day=5)) as cloud:
        token = await graph_token(cloud.settings)
        assert code(await send(cloud.settings, token, LETTER + b"x" * 1000)) == (400, "ErrorMessageSizeExceeded")
        assert (await send(cloud.settings, token)).status_code == 202
        assert code(await send(cloud.settings, token)) == (403, "ErrorExceededMessageLimit")


async def test_fifth_request_at_once(cloud: Cloud, token: str) -> None:
    """Four requests may be under way in a mailbox; the fifth is told when to come again."""
    cloud.faults.add(Fault(stage="graph", action="hang", mailbox=SCANNER, id="four"))
    first = [asyncio.ensure_future(send(cloud.settings, token)) for _ in range(4)]
    await cloud.faults.hit_at("graph", 4)
    answer = await send(cloud.settings, token)
    other = await send(cloud.settings, token, LETTER.replace(b"scanner", b"erp"), "erp@contoso.test")
    cloud.faults.remove("four")

    assert code(answer) == (429, "ApplicationThrottled")
    assert answer.headers["Retry-After"] == "1"
    assert other.status_code == 202
    assert [answer.status_code for answer in await asyncio.gather(*first)] == [202] * 4


@pytest.mark.parametrize(("limit", "value"), [("requests", 2), ("upload", 2 * len(base64.b64encode(LETTER)))])
async def test_requests_and_octets_of_some_minutes(limit: str, value: int) -> None:
    """What is above the limit is told to wait until the window has passed."""
    async with Cloud(CloudOptions(graph=GraphPolicy(**{limit: value}))) as cloud:
        token = await graph_token(cloud.settings)
        answers = [await send(cloud.settings, token) for _ in range(3)]
        assert [answer.status_code for answer in answers[:2]] == [202, 202]
        assert code(answers[2]) == (429, "TooManyRequests")
        assert 0 < int(answers[2].headers["Retry-After"]) <= 600


async def test_request_in_another_form(cloud: Cloud, token: str) -> None:
    """JSON is not taken here, a body without a type nowhere; chunks are a body like any other."""
    mime = base64.b64encode(LETTER)
    assert (await send(cloud.settings, token, headers={"Content-Type": "application/json"})).status_code == 415
    assert code(await send(cloud.settings, token, headers={"Content-Type": ""})) == (400, "BadRequest")
    assert (await send(cloud.settings, token, data=iter([mime[:100], mime[100:]]))).status_code == 202
    assert code(await ask(cloud.settings, "GET", "/nothing", token)) == (400, "BadRequest")


# faults


@pytest.mark.parametrize("word", SENTENCES)
async def test_every_refusal_on_demand(cloud: Cloud, token: str, word: str) -> None:
    """A fault gives the usual status and sentence of any code, and Retry-After; what it names itself goes first."""
    usual = SENTENCES[word]
    cloud.faults.add(Fault(stage="graph", action="graph", code=word, retry_after=7, count=1))
    answer = await send(cloud.settings, token)
    assert (code(answer), answer.headers["Retry-After"]) == ((usual.status, word), "7")
    assert answer.json()["error"]["message"] == usual.text


@pytest.mark.parametrize("name", REFUSALS)
async def test_every_refusal_by_its_name(cloud: Cloud, token: str, name: str) -> None:
    """The names of graph_errors.py: by a fault, as a recipient, as a mailbox."""
    usual = REFUSALS[name]
    cloud.faults.add(Fault(stage="graph", action="graph", graph=name, count=1))
    by_fault = await send(cloud.settings, token)
    by_recipient = await send(cloud.settings, token, LETTER.replace(b"bob@", name.encode() + b"@"))
    by_mailbox = await send(cloud.settings, token, mailbox=f"{name}@contoso.test")
    for answer in (by_fault, by_recipient, by_mailbox):
        assert (code(answer), answer.json()["error"]["message"]) == ((usual.status, usual.code), usual.message)


async def test_refusals_nobody_has_heard_of(cloud: Cloud, token: str) -> None:
    """A code of one's own with a status and a sentence; a gateway's page; a captive portal."""
    cloud.faults.add(Fault(stage="graph", action="graph", code="ErrorOdd", status=418, body="Tea.", count=1))
    odd = await send(cloud.settings, token)
    cloud.faults.add(Fault(stage="graph", action="http", status=502, body="<html>Bad Gateway</html>", count=1))
    page = await send(cloud.settings, token)
    cloud.faults.add(Fault(stage="https", action="portal", count=1))
    portal = await send(cloud.settings, token)

    assert (code(odd), odd.json()["error"]["message"]) == ((418, "ErrorOdd"), "Tea.")
    assert (page.status_code, page.headers["Content-Type"]) == (502, "text/html")
    assert (portal.status_code, "Guest Wi-Fi" in portal.text) == (200, True)
    assert not len(cloud.arrivals)


@pytest.mark.parametrize("keep", [True, False])
async def test_connection_is_cut_before_the_answer(cloud: Cloud, token: str, keep: bool) -> None:
    """The sender cannot know whether the message was taken; the sandbox does."""
    cloud.faults.add(Fault(stage="graph", action="drop", keep=keep, count=1))
    with pytest.raises(requests.ConnectionError):
        await send(cloud.settings, token)
    assert len(cloud.arrivals) == keep


async def test_answer_of_a_gateway_after_the_message_was_taken(cloud: Cloud, token: str) -> None:
    """504 says nothing of the message either."""
    cloud.faults.add(Fault(stage="graph", action="http", status=504, keep=True, count=1))
    assert (await send(cloud.settings, token)).status_code == 504
    assert len(cloud.arrivals) == 1


async def test_client_that_leaves_while_graph_hangs(cloud: Cloud, token: str) -> None:
    """Nothing is sent for who has gone, and its place is free again."""
    cloud.faults.add(Fault(stage="graph", action="hang", count=4))
    for _ in range(4):
        with pytest.raises(requests.Timeout):
            await send(cloud.settings, token, timeout=0.2)
    assert (await send(cloud.settings, token)).status_code == 202
    assert len(cloud.arrivals) == 1


async def test_graph_down_and_up(cloud: Cloud, token: str) -> None:
    """The port refuses connections, and serves again; the other doors stay open."""
    await cloud.graph_down()
    with pytest.raises(requests.ConnectionError):
        await send(cloud.settings, token)
    assert cloud.doors().items() >= {"entra": True, "exchange": True, "graph": False}.items()
    await cloud.switch({"graph": "up"})
    assert (await send(cloud.settings, token)).status_code == 202


# people


async def graph_token_of(cloud: Cloud, upn: str, *permissions: str) -> str:
    """A token for Graph in a person's name, by MSAL."""
    app = await started(cloud.settings)
    try:
        got = await app.sign_in(login_hint=upn)
        form = {"grant_type": "refresh_token", "refresh_token": got["refresh_token"]}
        scope = " ".join(f"https://graph.microsoft.com/{permission}" for permission in permissions)
        return (await post(cloud.settings, **form, scope=scope))["access_token"]
    finally:
        app.http.close()


def by(author: str) -> bytes:
    """A message of this author."""
    return LETTER.replace(SCANNER.encode(), author.encode())


async def me(cloud: Cloud, token: str, author: str) -> requests.Response:
    """Send as the person who has signed in."""
    return await ask(cloud.settings, "POST", "/me/sendMail", token, data=base64.b64encode(by(author)))


async def test_person_sends_from_the_own_mailbox(tenant: Cloud) -> None:
    """By /me, by sign-in name; under any address of the mailbox; not from somebody else's."""
    token = await graph_token_of(tenant, LEE, "Mail.Send")
    assert (await me(tenant, token, "lee.parker@contoso.test")).status_code == 202
    assert (await send(tenant.settings, token, by("lp@contoso.test"), LEE)).status_code == 202
    assert code(await send(tenant.settings, token, by(BOB), BOB)) == (403, "ErrorAccessDenied")
    assert code(await me(tenant, token, BOB)) == (403, "ErrorSendAsDenied")
    assert [arrived.mailbox for arrived in tenant.arrivals] == ["lee.parker@contoso.test"] * 2
    assert tenant.arrivals[0].claims["upn"] == LEE


async def test_person_sends_as_a_shared_mailbox(tenant: Cloud) -> None:
    """It takes SendAs and the permission Mail.Send.Shared, by either way."""
    office = "office@contoso.test"
    own = await graph_token_of(tenant, ANN, "Mail.Send")
    shared = await graph_token_of(tenant, ANN, "Mail.Send", "Mail.Send.Shared")
    assert code(await me(tenant, own, office)) == (403, "ErrorAccessDenied")
    assert (await me(tenant, shared, office)).status_code == 202
    assert code(await send(tenant.settings, own, by(office), office)) == (403, "ErrorAccessDenied")
    assert (await send(tenant.settings, shared, by(office), office)).status_code == 202


async def test_person_without_mail_send(tenant: Cloud) -> None:
    """A token for reading sends nothing."""
    assert code(await me(tenant, await graph_token_of(tenant, ANN, "User.Read"), ANN)) == (403, "ErrorAccessDenied")


async def test_application_sends_from_a_persons_mailbox(tenant: Cloud) -> None:
    """It takes the permission for it; Graph looks for the sign-in name, and an alias is unknown."""
    token = await graph_token(tenant.settings)
    mime = by("lee.parker@contoso.test")
    assert code(await send(tenant.settings, token, mime, LEE)) == (403, "ErrorAccessDenied")
    tenant.grant_mailbox("lee.parker@contoso.test")
    assert (await send(tenant.settings, token, mime, LEE)).status_code == 202
    assert code(await send(tenant.settings, token, mime, "lp@contoso.test")) == (404, "ErrorInvalidUser")
    assert code(await send(tenant.settings, token, mime, "office@contoso.test")) == (403, "ErrorAccessDenied")


async def test_fault_of_one_persons_mailbox(tenant: Cloud) -> None:
    """By /me too a fault may be meant for one mailbox alone."""
    tenant.faults.add(Fault(stage="graph", action="graph", code="ErrorQuotaExceeded", mailbox=ANN))
    assert code(await me(tenant, await graph_token_of(tenant, ANN, "Mail.Send"), ANN)) == (507, "ErrorQuotaExceeded")
    assert (await me(tenant, await graph_token_of(tenant, BOB, "Mail.Send"), BOB)).status_code == 202


# the registration


async def listed(cloud: Cloud, path: str) -> requests.Response:
    """What Graph answers to an application that asks about itself."""
    token = await graph_token(cloud.settings)
    return await ask(cloud.settings, "GET", path.format(client_id=cloud.settings.client_id), token)


async def test_end_dates_of_credentials() -> None:
    """Secrets by their first characters, certificates by their thumbprint; no value of a secret."""
    own = pair()
    async with Cloud(CloudOptions(graph_roles=("Application.Read.All",), certificates=(own.pem,))) as cloud:
        secret = cloud.add_secret("abc-second", days=10)
        path = "/applications(appId='{client_id}')"
        some = (await listed(cloud, path + "?$select=passwordCredentials,keyCredentials")).json()
        whole = (await listed(cloud, path)).json()
        wrong = await listed(cloud, path + "?$select=secrets")
        other = await listed(cloud, "/applications(appId='0')")
        all_of_them = (await listed(cloud, "/applications?$filter=appId eq '{client_id}'&$select=id")).json()
        none = (await listed(cloud, "/applications?$filter=appId eq 'x'")).json()
        by_id = (await listed(cloud, f"/applications/{whole['id']}?$select=appId")).json()

    assert set(some) == {"@odata.context", "passwordCredentials", "keyCredentials"}
    second = some["passwordCredentials"][1]
    assert (second["keyId"], second["hint"], second["secretText"]) == (secret.id, "abc", None)
    assert datetime.fromisoformat(second["endDateTime"]) == secret.end.replace(
        microsecond=secret.end.microsecond // 1000 * 1000
    )
    key = some["keyCredentials"][0]
    assert (key["customKeyIdentifier"], key["type"], bool(key["key"])) == (own.sha1.upper(), "AsymmetricX509Cert", True)
    assert whole["keyCredentials"][0]["key"] is None
    assert (all_of_them["value"], none["value"]) == ([{"id": whole["id"]}], [])
    assert by_id["appId"] == cloud.entra.registration.client_id
    assert (code(wrong), code(other)) == ((400, "BadRequest"), (404, "Request_ResourceNotFound"))
    assert "abc-second" not in str(whole)


async def test_end_dates_need_a_permission(cloud: Cloud) -> None:
    """Mail.Send alone does not read the registration."""
    answer = await listed(cloud, "/applications(appId='{client_id}')?$select=passwordCredentials")
    assert code(answer) == (403, "Authorization_RequestDenied")
    assert answer.json()["error"]["message"] == "Insufficient privileges to complete the operation."
