"""People sign in at the pretend Entra, through MSAL, and Exchange believes their tokens for their own mailbox only."""

import base64
import hashlib
from urllib.parse import urlencode

import pytest

from relay.sandbox.faults import Fault
from tests.sandbox.browser import HOME, answer, fields, post, started, told, visit
from tests.sandbox.conftest import ANN, BOB
from tests.sandbox.keys import pair

DAY = 24 * 3600


@pytest.fixture
def cloud(tenant):
    """The cloud with people."""
    return tenant


@pytest.fixture
async def public(cloud):
    """A public client."""
    app = await started(cloud.settings)
    yield app
    app.http.close()


@pytest.fixture
async def confidential(cloud):
    """A client with a secret."""
    app = await started(cloud.settings, cloud.settings.client_secret)
    yield app
    app.http.close()


async def test_a_public_client_signs_a_person_in_with_pkce(cloud, public):
    """MSAL sends S256 and gets access, refresh and id token; the account is known afterwards."""
    flow = public.flow(login_hint=ANN)
    got = await public.redeem(flow, answer(await visit(cloud.settings, flow["auth_uri"])))
    claims = told(got["access_token"])

    assert "code_challenge_method=S256" in flow["auth_uri"]
    assert (claims["upn"], claims["scp"], claims["aud"]) == (ANN, "SMTP.Send", "https://outlook.office.com")
    assert (claims["tid"], claims["appid"], claims["appidacr"]) == (
        cloud.settings.tenant,
        cloud.settings.client_id,
        "0",
    )
    assert got["id_token_claims"]["preferred_username"] == ANN
    assert got["id_token_claims"]["oid"] == claims["oid"]
    assert (got["expires_in"], cloud.settings.delegated_scope in got["scope"]) == (3599, True)
    assert [account["username"] for account in public.app.get_accounts()] == [ANN]


@pytest.mark.parametrize("by", ["secret", "certificate"])
async def test_a_confidential_client_signs_a_person_in(cloud, by):
    """With a secret or an assertion beside the code."""
    own = pair()
    cloud.add_certificate(own.pem)
    certificate = {"private_key": own.key_pem, "thumbprint": own.sha1}
    app = await started(cloud.settings, cloud.settings.client_secret if by == "secret" else certificate)
    got = await app.sign_in(login_hint=BOB)

    assert told(got["access_token"])["appidacr"] == {"secret": "1", "certificate": "2"}[by]
    assert got["refresh_token"]


async def test_the_page_lists_the_people_and_signs_in_who_is_chosen(cloud, public):
    """Without the switch a person has to choose; what the application asked for travels in the form."""
    cloud.auto_sign_in("")
    flow = public.flow()
    page = await visit(cloud.settings, flow["auth_uri"])
    where = flow["auth_uri"].partition("?")[0]
    home = answer(await visit(cloud.settings, where, user=BOB, **fields(page.text)))

    assert (page.status_code, page.text.count('name="user"')) == (200, 3)
    assert told((await public.redeem(flow, home))["access_token"])["upn"] == BOB


async def test_who_declines_sends_the_application_home_with_an_error(cloud, public):
    """MSAL hands error and AADSTS65004 on."""
    cloud.auto_sign_in("")
    flow = public.flow()
    page = await visit(cloud.settings, flow["auth_uri"])
    where = flow["auth_uri"].partition("?")[0]
    home = answer(await visit(cloud.settings, where, decline="1", **fields(page.text)))
    got = await public.redeem(flow, home)

    assert (home["error"], home["error_subcode"], home["state"]) == ("access_denied", "cancel", flow["state"])
    assert got["error"] == "access_denied"
    assert "AADSTS65004: User declined to consent" in got["error_description"]


@pytest.mark.parametrize("mode", ["form_post", "fragment", "query"])
async def test_the_answer_comes_home_in_the_way_asked_for(cloud, public, mode):
    """By a form that posts itself, behind #, or behind ?."""
    flow = public.flow(response_mode=mode, login_hint=ANN)
    response = await visit(cloud.settings, flow["auth_uri"])
    home = fields(response.text) if mode == "form_post" else answer(response)

    assert "access_token" in await public.redeem(flow, home)
    assert mode == "form_post" or {"fragment": "#code=", "query": "?code="}[mode] in response.headers["Location"]


WRONG_ASKING = {
    "client": ({"client_id": "0"}, 700016),
    "redirect": ({"redirect_uri": "https://elsewhere.test/"}, 50011),
    "path of the redirect": ({"redirect_uri": "http://localhost:1/other"}, 50011),
    "no redirect": ({"redirect_uri": ""}, 50011),
}


def asking(cloud, tenant="", **changes):
    """The address of an authorization request."""
    asked = {
        "client_id": cloud.settings.client_id, "response_type": "code", "redirect_uri": HOME, "state": "s",
        "scope": "openid offline_access " + cloud.settings.delegated_scope, "login_hint": ANN, **changes,
    }  # fmt: skip
    authority = cloud.settings.authority if not tenant else cloud.settings.authority.rpartition("/")[0] + "/" + tenant
    return f"{authority}/oauth2/v2.0/authorize?{urlencode(asked)}"


@pytest.mark.parametrize("what", WRONG_ASKING)
async def test_what_is_wrong_with_the_application_is_told_on_a_page(cloud, what):
    """Nobody is sent to an address that is not registered."""
    changes, code = WRONG_ASKING[what]
    page = await visit(cloud.settings, asking(cloud, **changes))

    assert (page.status_code, f"AADSTS{code}" in page.text) == (400, True)


WRONG_REQUESTS = {
    "two resources": ({"scope": "https://outlook.office.com/SMTP.Send https://graph.microsoft.com/Mail.Send"}, 28000),
    "unknown resource": ({"scope": "https://x.test/SMTP.Send"}, 500011),
    "unknown permission": ({"scope": "https://outlook.office.com/Lunch"}, 650053),
    "broken scope": ({"scope": "https://SMTP.Send"}, 70011),
    "no scope": ({"scope": ""}, 900144),
    "implicit": ({"response_type": "token"}, 700054),
    "short challenge": ({"code_challenge": "abc"}, 50147),
    "stranger": ({"login_hint": "nobody@contoso.test"}, 50034),
}


@pytest.mark.parametrize("what", WRONG_REQUESTS)
async def test_other_refusals_go_home_with_the_state(cloud, what):
    """The application learns them from the redirect."""
    changes, code = WRONG_REQUESTS[what]
    home = answer(await visit(cloud.settings, asking(cloud, **changes)))

    assert f"AADSTS{code}" in home["error_description"]
    assert home["state"] == "s"


async def test_common_is_refused_for_an_application_of_one_tenant(cloud):
    """AADSTS50194, on a page."""
    assert "AADSTS50194" in (await visit(cloud.settings, asking(cloud, tenant="common"))).text


async def test_silent_sign_in_needs_a_session(cloud):
    """prompt=none with nobody signed in is login_required."""
    cloud.auto_sign_in("")

    assert answer(await visit(cloud.settings, asking(cloud, prompt="none")))["error"] == "login_required"


async def code_for(cloud, verifier="v" * 43, **changes):
    """A fresh code, and the form that redeems it."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = answer(await visit(cloud.settings, asking(cloud, **pkce, **changes)))["code"]
    return {
        "grant_type": "authorization_code", "code": code, "redirect_uri": HOME, "code_verifier": verifier,
    }  # fmt: skip


async def test_a_code_is_good_once(cloud):
    """The second time is AADSTS54005."""
    form = await code_for(cloud)
    first, second = await post(cloud.settings, **form), await post(cloud.settings, **form)

    assert first["refresh_token"]
    assert (second["error"], second["error_codes"]) == ("invalid_grant", [54005])


REDEMPTIONS = {
    "verifier": ({"code_verifier": "w" * 43}, 501481),
    "no verifier": ({"code_verifier": ""}, 501481),
    "redirect": ({"redirect_uri": HOME + "1"}, 500112),
    "code": ({"code": "made-up"}, 70000),
    "no code": ({"code": ""}, 900144),
    "scope": ({"scope": "https://graph.microsoft.com/Mail.Send https://outlook.office.com/SMTP.Send"}, 28000),
    "secret": ({"client_secret": "wrong"}, 7000215),
}


@pytest.mark.parametrize("what", REDEMPTIONS)
async def test_a_code_is_refused_with_a_wrong(cloud, what):
    """PKCE, redirect and credentials are really compared."""
    changes, code = REDEMPTIONS[what]
    got = await post(cloud.settings, **{**await code_for(cloud), **changes})

    assert got["error_codes"] == [code]


async def test_a_code_grows_old(cloud):
    """Ten minutes, then AADSTS70008."""
    form = await code_for(cloud)
    cloud.let_time_pass(601)

    assert (await post(cloud.settings, **form))["error_codes"] == [70008]


async def test_without_public_flows_a_secret_is_needed(cloud, public, confidential):
    """AADSTS7000218 for the public client, no change for the other."""
    await cloud.switch({"public_client": False})

    assert (await public.sign_in(login_hint=ANN))["error_codes"] == [7000218]
    assert "access_token" in await confidential.sign_in(login_hint=ANN)


async def test_a_refresh_token_is_replaced_and_the_old_one_stays_good(cloud, public):
    """As Microsoft says: the old one is not revoked, the client should forget it."""
    got = await public.sign_in(login_hint=ANN)
    renewed = await public.silently(force=True)
    [kept] = [entry["secret"] for entry in public.app.token_cache.find("RefreshToken")]
    old = await post(cloud.settings, grant_type="refresh_token", refresh_token=got["refresh_token"])

    assert told(renewed["access_token"])["upn"] == ANN
    assert kept != got["refresh_token"]
    assert "access_token" in old


async def test_a_refresh_token_for_smtp_is_good_for_graph_too(cloud, public):
    """Refresh tokens belong to the person and the application, not to a resource."""
    got = await public.sign_in(login_hint=ANN)
    form = {"grant_type": "refresh_token", "refresh_token": got["refresh_token"]}
    graph = await post(cloud.settings, **form, scope="https://graph.microsoft.com/Mail.Send")

    assert (told(graph["access_token"])["aud"], told(graph["access_token"])["scp"]) == (
        "https://graph.microsoft.com",
        "Mail.Send",
    )


ENDINGS = {
    "revocation": (lambda cloud: cloud.revoke_sessions(ANN), 50173, "bad_token"),
    "90 days": (lambda cloud: cloud.let_time_pass(91 * DAY), 700082, "bad_token"),
    "consent": (lambda cloud: cloud.withdraw_consent(ANN), 65001, "consent_required"),
}


@pytest.mark.parametrize("end", ENDINGS)
async def test_a_refresh_token_ends_by(cloud, public, end):
    """invalid_grant with its number and suberror, and a new sign-in mends it."""
    act, code, suberror = ENDINGS[end]
    await public.sign_in(login_hint=ANN)
    act(cloud)
    got = await public.silently(force=True)

    assert (got["error"], got["error_codes"], got["suberror"]) == ("invalid_grant", [code], suberror)
    assert "access_token" in await public.sign_in(login_hint=ANN)


async def test_a_disabled_account_is_refused(cloud, public):
    """AADSTS50057 on refresh and at sign-in."""
    await public.sign_in(login_hint=ANN)
    cloud.entra.people.get(ANN).enabled = False

    assert (await public.silently(force=True))["error_codes"] == [50057]
    assert "AADSTS50057" in answer(await visit(cloud.settings, asking(cloud)))["error_description"]


async def test_faults_stand_in_for_every_policy(cloud, public):
    """At the authorization endpoint the application is sent home with the number, elsewhere it gets a body."""
    cloud.faults.add(Fault(stage="authorize", action="aadsts", aadsts=53003, count=1))
    cloud.faults.add(Fault(stage="devicecode", action="http", status=503, count=1))
    blocked = answer(await visit(cloud.settings, asking(cloud)))
    after = await visit(cloud.settings, asking(cloud))
    form = {"client_id": cloud.settings.client_id, "scope": cloud.settings.delegated_scope}
    down = await visit(cloud.settings, f"{cloud.settings.authority}/oauth2/v2.0/devicecode", **form)

    assert "AADSTS53003" in blocked["error_description"]
    assert "code" in answer(after)
    assert down.status_code == 503
