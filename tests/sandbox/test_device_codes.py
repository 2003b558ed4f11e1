"""Device codes, and people managed over the port."""

import pytest

from tests.sandbox.browser import post, started, told, visit
from tests.sandbox.conftest import ANN, BOB
from tests.sandbox.test_management import ask


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


async def test_a_device_code_waits_for_somebody_to_type_it(cloud, public):
    """Pending, then approved on the page, then a token, and then used up."""
    flow = await public.device()
    pending = await public.poll(flow)
    page = await visit(cloud.settings, flow["verification_uri"], user_code=flow["user_code"].lower(), user=BOB)
    got = await public.poll(flow)
    again = await public.poll(flow)

    assert (pending["error"], pending["error_codes"]) == ("authorization_pending", [70016])
    assert (flow["expires_in"], len(flow["user_code"])) == (900, 9)
    assert page.status_code == 200
    assert told(got["access_token"])["upn"] == BOB
    assert again["error_codes"] == [54005]


async def test_a_device_that_asks_too_often_is_slowed_down(cloud, public):
    """Twice within half an interval."""
    cloud.entra.delegated.interval_s = 60
    flow = await public.device()

    assert (await public.poll(flow))["error"] == "authorization_pending"
    assert (await public.poll(flow))["error"] == "slow_down"


async def test_a_device_code_is_declined_or_expires(cloud, public):
    """authorization_declined and expired_token end the wait."""
    declined, late = await public.device(), await public.device()
    cloud.enter_device_code(declined["user_code"], ANN, decline=True)
    first = await post(
        cloud.settings,
        grant_type="urn:ietf:params:oauth:grant-type:device_code",
        device_code=declined["device_code"],
    )
    cloud.let_time_pass(901)
    second = await post(
        cloud.settings, grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=late["device_code"]
    )

    assert (first["error"], second["error"]) == ("authorization_declined", "expired_token")
    assert second["error_codes"] == [70019]


async def test_security_defaults_block_device_codes_only(cloud, public):
    """AADSTS530035 on the page and for the device; the browser's way stays open."""
    await cloud.switch({"security_defaults": True})
    flow = await public.device()
    page = await visit(cloud.settings, flow["verification_uri"], user_code=flow["user_code"], user=ANN)

    assert "AADSTS530035" in page.text
    assert (await public.poll(flow))["error_codes"] == [530035]
    assert "access_token" in await public.sign_in(login_hint=ANN)


async def test_a_wrong_user_code_is_told_on_the_page(cloud):
    """AADSTS70018; an empty one is AADSTS90119."""
    where = cloud.entra.base + "/devicelogin"

    assert 'name="user_code"' in (await visit(cloud.settings, where)).text
    assert "AADSTS70018" in (await visit(cloud.settings, where, user_code="WRONG", user=ANN)).text
    assert "AADSTS90119" in (await visit(cloud.settings, where, user_code="", user=ANN)).text


async def test_device_codes_need_public_flows(cloud, public):
    """AADSTS7000218 when the token is asked for."""
    flow = await public.device()
    await cloud.switch({"public_client": False})

    assert (await public.poll(flow))["error_codes"] == [7000218]


async def test_people_are_managed_over_the_port(cloud, public):
    """Another process adds a user, types a device's code, lets time pass and revokes sessions."""
    made, _ = await ask(cloud.settings, "POST", "/users", {"upn": "eve@contoso.test", "send_as": [BOB]})
    flow = await public.device()
    typed = {"user_code": flow["user_code"], "user": "eve@contoso.test"}
    status, _ = await ask(cloud.settings, "POST", "/device", typed)
    twice, _ = await ask(cloud.settings, "POST", "/device", typed)
    got = await public.poll(flow)
    await ask(cloud.settings, "POST", "/let-time-pass", {"seconds": 60})
    await ask(cloud.settings, "POST", "/revoke-sessions", {"user": "eve@contoso.test"})
    revoked = await public.silently(force=True)
    unknown = await ask(cloud.settings, "POST", "/revoke-sessions", {"user": "nobody"})

    assert (made, status, twice) == (201, 204, 400)
    assert told(got["access_token"])["upn"] == "eve@contoso.test"
    assert revoked["error_codes"] == [50173]
    assert unknown == (400, '{\n "error": "the tenant has no user nobody"\n}\n')
    assert "eve@contoso.test" in (await ask(cloud.settings, "GET", "/users"))[1]
