"""A running cloud, and clients nobody here wrote: MSAL, smtplib and bare sockets."""

import asyncio
import base64
import functools
import smtplib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import msal
import pytest
import requests

from relay.sandbox.cloud import Cloud, CloudOptions, CloudSettings
from tests.sandbox.wires import Talk

P = ParamSpec("P")
T = TypeVar("T")

SCANNER = "scanner@contoso.test"
MESSAGE = b"From: scanner@contoso.test\r\nTo: ann@contoso.test\r\nSubject: scan\r\nMessage-ID: <1@dev>\r\n\r\nHello\r\n"


class TrustingHttp:
    """An HTTP client for MSAL that trusts one CA, whatever the environment says."""

    def __init__(self, ca_file: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file

    def get(self, url: str, **more: Any) -> requests.Response:
        return self.session.get(url, timeout=10, **more)

    def post(self, url: str, **more: Any) -> requests.Response:
        return self.session.post(url, timeout=10, **more)

    def close(self) -> None:
        self.session.close()


def in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Run a blocking client beside the cloud's loop."""

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(function, *args, **kwargs)

    return run


@in_thread
def msal_answer(settings: CloudSettings, **changes: Any) -> dict[str, Any]:
    """What MSAL gets for a client-credentials request; `changes` replace authority, client_id, secret or scope."""
    http = TrustingHttp(str(settings.ca_file))
    try:
        app = msal.ConfidentialClientApplication(
            changes.get("client_id", settings.client_id),
            client_credential=changes.get("secret", settings.client_secret),
            authority=changes.get("authority", settings.authority),
            instance_discovery=False,
            http_client=http,
        )
        return app.acquire_token_for_client([changes.get("scope", settings.scope)])
    finally:
        http.close()


async def token(settings: CloudSettings) -> str:
    """An access token, by MSAL."""
    return (await msal_answer(settings))["access_token"]


def xoauth2(user: str, access_token: str) -> str:
    """The XOAUTH2 response in base64."""
    return base64.b64encode(f"user={user}\x01auth=Bearer {access_token}\x01\x01".encode()).decode()


def secured(settings: CloudSettings) -> smtplib.SMTP:
    """A session behind STARTTLS and EHLO."""
    client = smtplib.SMTP(settings.smtp_host, settings.smtp_port, local_hostname="relay.test", timeout=10)
    client.starttls(context=ssl.create_default_context(cafile=str(settings.ca_file)))
    client.ehlo()
    return client


def signed_in(settings: CloudSettings, access_token: str, user: str = SCANNER) -> smtplib.SMTP:
    """A session that has signed in by the two-step form."""
    client = secured(settings)
    assert client.docmd("AUTH", "XOAUTH2")[0] == 334
    code, text = client.docmd(xoauth2(user, access_token))
    assert code == 235, text
    return client


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    """A cloud without the limit per minute."""
    async with Cloud(CloudOptions(messages_per_minute=0)) as running:
        yield running


@pytest.fixture
async def access_token(cloud: Cloud) -> str:
    """A valid token of the cloud."""
    return await token(cloud.settings)


@pytest.fixture
async def talk(cloud: Cloud, access_token: str) -> AsyncIterator[Talk]:
    """A bare session that has signed in as the scanner."""
    session = await enter(cloud.settings, access_token)
    yield session
    session.close()


async def enter(settings: CloudSettings, access_token: str, user: str = SCANNER) -> Talk:
    """A new bare session, signed in."""
    session = await Talk.secured(settings)
    assert (await session.ask("AUTH XOAUTH2 " + xoauth2(user, access_token))).startswith("235")
    return session


ANN, BOB, LEE = "ann@contoso.test", "bob@contoso.test", "lee@corp.contoso.test"


@pytest.fixture
async def tenant() -> AsyncIterator[Cloud]:
    """A cloud of three people; Lee's sign-in name is not the mailbox's address, and Ann may send as the office."""
    users = {
        ANN: {"send_as": ["office@contoso.test"]},
        BOB: {},
        LEE: {"mailbox": "lee.parker@contoso.test", "aliases": ["lp@contoso.test"]},
    }
    options = CloudOptions(users=users, auto_sign_in="hint", messages_per_minute=0, device_interval_s=1)
    async with Cloud(options) as running:
        yield running
