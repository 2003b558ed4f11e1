"""What Exchange makes of a token in a person's name."""

import asyncio

import pytest

from tests.sandbox.browser import started
from tests.sandbox.conftest import ANN, BOB, LEE, enter, secured, token, xoauth2


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


async def signs_in(cloud, access_token, user):
    """The code Exchange answers to a person's token for a mailbox."""
    client = await in_loop(secured, cloud.settings)
    try:
        return (await in_loop(client.docmd, "AUTH", "XOAUTH2 " + xoauth2(user, access_token)))[0]
    finally:
        client.close()


async def in_loop(function, *given):
    """Run a blocking call beside the loop."""
    return await asyncio.to_thread(function, *given)


@pytest.mark.parametrize(
    ("person", "user", "code"),
    [
        (ANN, ANN, 235),
        (ANN, "office@contoso.test", 535),
        (ANN, BOB, 535),
        (ANN, "scanner@contoso.test", 535),
        (LEE, LEE, 235),
        (LEE, "lee.parker@contoso.test", 235),
        (LEE, "LP@contoso.test", 235),
    ],
)
async def test_exchange_takes_a_persons_token_for_their_own_mailbox(cloud, public, person, user, code):
    """user= is who signed in, by sign-in name or address; a shared mailbox there is 535 5.7.3."""
    got = await public.sign_in(login_hint=person)

    assert await signs_in(cloud, got["access_token"], user) == code


async def test_exchange_wants_the_permission_for_smtp(cloud, public):
    """A token for IMAP or for Graph does not open SMTP."""
    imap = await public.sign_in(login_hint=ANN, scopes=["https://outlook.office.com/IMAP.AccessAsUser.All"])
    graph = await public.sign_in(login_hint=ANN, scopes=["https://graph.microsoft.com/SMTP.Send"])

    assert await signs_in(cloud, imap["access_token"], ANN) == 535
    assert await signs_in(cloud, graph["access_token"], ANN) == 535


@pytest.mark.parametrize(("sender", "code"), [(ANN, "250"), ("office@contoso.test", "250"), (BOB, "554")])
async def test_a_person_sends_as_themselves_and_as_whom_they_may(cloud, public, sender, code):
    """From is looked at after the body; Send As is granted by address."""
    got = await public.sign_in(login_hint=ANN)
    talk = await enter(cloud.settings, got["access_token"], ANN)
    await talk.ask(f"MAIL FROM:<{sender}>")
    await talk.ask("RCPT TO:<x@example.test>")
    await talk.ask("DATA")
    told_at_last = await talk.ask(f"From: {sender}\r\nSubject: hello\r\n\r\nText\r\n.")
    talk.close()

    assert told_at_last[:3] == code


async def test_an_application_has_no_way_into_a_persons_mailbox(cloud):
    """Its permission covers its mailboxes only, until it is granted."""
    app_token = await token(cloud.settings)
    before = await signs_in(cloud, app_token, ANN)
    cloud.grant_mailbox(ANN)

    assert (before, await signs_in(cloud, app_token, ANN)) == (535, 235)
