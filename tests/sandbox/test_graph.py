"""Graph's door: what requests sends it with real tokens, and every refusal in its place."""

import asyncio
import base64
from typing import Any

import pytest
import requests

from relay.sandbox.cloud import Cloud, CloudOptions, CloudSettings
from relay.sandbox.faults import Fault
from tests.sandbox.conftest import SCANNER, in_thread, msal_answer

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
    """One request to Graph; `body` is sent as text/plain."""
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    if "body" in more:
        headers = {"Content-Type": "text/plain", **headers}
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method,
            settings.graph_url + path,
            data=more.pop("body", None),
            headers=headers,
            verify=str(settings.ca_file),
            timeout=10,
            **more,
        )


async def send(
    settings: CloudSettings, token: str, mime: bytes = LETTER, mailbox: str = SCANNER, **more: Any
) -> requests.Response:
    """Send a message as Microsoft documents it for MIME."""
    given = {"body": base64.b64encode(mime), **more}
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


async def test_request_above_four_megabytes(cloud: Cloud, token: str) -> None:
    """Exactly 4 MiB of base64 is taken; four octets more are refused with the documented sentence."""
    head = b"From: scanner@contoso.test\r\nTo: ann@contoso.test\r\n\r\n"
    most = 4 * 1024 * 1024 * 3 // 4
    assert (await send(cloud.settings, token, head + b"x" * (most - len(head)))).status_code == 202
    answer = await send(cloud.settings, token, head + b"x" * (most - len(head) + 1))
    assert code(answer) == (413, "RequestEntityTooLarge")
    assert answer.json()["error"]["message"] == "The maximum request length supported is 4MB."
    assert len(cloud.arrivals) == 1


async def test_probe_with_invalid_base64_tells_permission_from_none(cloud: Cloud, token: str) -> None:
    """Who may send hears 400, who may not 403; nothing is sent either way."""
    assert code(await send(cloud.settings, token, body=b"!")) == (400, "ErrorMimeContentInvalidBase64String")
    cloud.revoke_mailbox(SCANNER)
    assert code(await send(cloud.settings, token, body=b"!")) == (403, "ErrorAccessDenied")
    assert not len(cloud.arrivals)


async def test_application_without_the_role() -> None:
    """Without Mail.Send there is no permission; with a scope of RBAC the role is not needed."""
    async with Cloud(CloudOptions(graph_roles=())) as cloud:
        token = await graph_token(cloud.settings)
        assert code(await send(cloud.settings, token)) == (403, "ErrorAccessDenied")


async def test_mailboxes_that_are_not_there(cloud: Cloud, token: str) -> None:
    """An unknown mailbox, one without REST, and /me without a person."""
    assert code(await send(cloud.settings, token, mailbox="nobody@contoso.test")) == (404, "ErrorInvalidUser")
    await cloud.switch({"without_rest": [SCANNER]})
    assert code(await send(cloud.settings, token)) == (404, "MailboxNotEnabledForRESTAPI")
    me = await ask(cloud.settings, "POST", "/me/sendMail", token, body=b"!")
    assert code(me) == (400, "BadRequest")


async def test_tokens_that_are_not_believed(cloud: Cloud, token: str) -> None:
    """Wrong audience, no token, not a token, signed by a key that is gone."""
    outlook = (await msal_answer(cloud.settings))["access_token"]
    for bad, said in ((outlook, "Invalid audience"), ("", "empty"), ("abc", "not well formed")):
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
    from relay.sandbox.exchange import Policy

    async with Cloud(CloudOptions(policy=Policy(mailbox_size=1000), recipients_per_day=5)) as cloud:
        token = await graph_token(cloud.settings)
        assert code(await send(cloud.settings, token, LETTER + b"x" * 1000)) == (400, "ErrorMessageSizeExceeded")
        assert (await send(cloud.settings, token)).status_code == 202
        assert code(await send(cloud.settings, token)) == (403, "ErrorExceededMessageLimit")


async def test_fifth_request_at_once(cloud: Cloud, token: str) -> None:
    """Four requests may be under way; the fifth is told when to come again."""
    cloud.faults.add(Fault(stage="graph", action="hang", count=4))
    first = [asyncio.ensure_future(send(cloud.settings, token)) for _ in range(4)]
    await cloud.faults.hit_at("graph", 4)
    answer = await send(cloud.settings, token)
    assert code(answer) == (429, "ApplicationThrottled")
    assert answer.headers["Retry-After"] == "10"
    assert (
        await send(cloud.settings, token, mailbox="erp@contoso.test")
    ).status_code == 403  # another mailbox, wrong From
    await cloud.stop()
    await asyncio.gather(*first, return_exceptions=True)
