"""Bare MSAL at the sandbox, and the relay's way to a token beside it."""

from __future__ import annotations

import asyncio
import json

import msal
import pytest
import requests

from relay.sandbox.faults import Fault
from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.source import TokenError


class Clock:
    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return 1_000_000.0 + self.ahead


class Http:
    """The least that MSAL needs to reach the sandbox: one CA, nothing from the environment, 10 s."""

    def __init__(self, ca_file):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(ca_file)

    def get(self, url, **more):
        return self.session.get(url, timeout=10, **more)

    def post(self, url, **more):
        return self.session.post(url, timeout=10, **more)

    def close(self):
        self.session.close()


def entra(cloud, **changes):
    at = cloud.settings
    usual = {"credential": Secret(lambda: at.client_secret), "route": Route(at.ca_file)}
    return Entra(at.client_id, at.authority, at.scope, **usual | changes)


def build(cloud, **changes):
    """A bare application; blocks."""
    at = cloud.settings
    usual = {"client_credential": at.client_secret, "authority": at.authority, "instance_discovery": False}
    usual["http_client"] = None if "verify" in changes else Http(at.ca_file)
    return msal.ConfidentialClientApplication(at.client_id, **usual | changes)


async def bare(cloud, **changes):
    return await asyncio.to_thread(build, cloud, **changes)


async def ask(application, cloud, **more):
    return await asyncio.to_thread(application.acquire_token_for_client, [cloud.settings.scope], **more)


def fault(cloud, action="http", stage="token", **more):
    return cloud.faults.add(Fault(stage=stage, action=action, **more))


def once(cloud, answer):
    """The token endpoint's next answer."""
    fault(cloud, status=200, body=json.dumps(answer), count=1)


def questions(cloud):
    return sum(name.endswith("/token") for _, name, _ in cloud.entra.requests)


AGING = {"token_type": "Bearer", "expires_in": 3600, "refresh_in": -60, "access_token": "aging"}
SHORT = {"token_type": "Bearer", "expires_in": 299, "access_token": "short"}


async def error_of(keeper):
    with pytest.raises(TokenError) as caught:
        await keeper.token()
    return caught.value
