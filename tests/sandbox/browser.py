"""A person at a browser, and MSAL applications that ask for their tokens."""

import html
import re
import warnings
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import msal
import requests

from relay.sandbox.cloud import CloudSettings
from tests.sandbox.conftest import TrustingHttp, in_thread

HOME = "http://localhost:51234"


@in_thread
def visit(settings: CloudSettings, url: str, **form: str) -> requests.Response:
    """Open a page, or post a form to it; redirects are not followed."""
    http = TrustingHttp(str(settings.ca_file))
    try:
        if form:
            return http.session.post(url, data=form, allow_redirects=False, timeout=10)
        return http.session.get(url, allow_redirects=False, timeout=10)
    finally:
        http.close()


def answer(response: requests.Response) -> dict[str, str]:
    """What a redirect tells the application."""
    parts = urlsplit(response.headers["Location"])
    return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


class App:
    """One MSAL application; `secret` makes it a confidential one. Every method runs beside the loop."""

    def __init__(self, settings: CloudSettings, secret: Any = None) -> None:
        self.settings = settings
        self.http = TrustingHttp(str(settings.ca_file))
        self.secret = secret
        self.app: Any = None

    @in_thread
    def start(self) -> None:
        """Build it: MSAL looks the authority up."""
        more: dict[str, Any] = {
            "authority": self.settings.authority, "instance_discovery": False, "http_client": self.http,
        }  # fmt: skip
        if self.secret is None:
            self.app = msal.PublicClientApplication(self.settings.client_id, **more)
        else:
            credential = {"client_credential": self.secret}
            self.app = msal.ConfidentialClientApplication(self.settings.client_id, **credential, **more)

    def flow(self, **more: Any) -> dict[str, Any]:
        """Begin a sign-in."""
        scopes = more.pop("scopes", [self.settings.delegated_scope])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # MSAL prefers form_post, which has a test of its own
            return self._begin(scopes, more)

    def _begin(self, scopes: list[str], more: dict[str, Any]) -> dict[str, Any]:
        return self.app.initiate_auth_code_flow(scopes, redirect_uri=more.pop("redirect_uri", HOME), **more)

    @in_thread
    def redeem(self, flow: dict[str, Any], told: dict[str, str], **more: Any) -> dict[str, Any]:
        """End a sign-in."""
        return self.app.acquire_token_by_auth_code_flow(flow, told, **more)

    async def sign_in(self, **more: Any) -> dict[str, Any]:
        """A whole sign-in, where the cloud signs in by itself."""
        flow = self.flow(**more)
        return await self.redeem(flow, answer(await visit(self.settings, flow["auth_uri"])))

    @in_thread
    def silently(self, *, force: bool = False) -> dict[str, Any] | None:
        """A token of the cache, or by the refresh token."""
        [account] = self.app.get_accounts()
        scopes = [self.settings.delegated_scope]
        return self.app.acquire_token_silent_with_error(scopes, account, force_refresh=force)

    @in_thread
    def device(self) -> dict[str, Any]:
        """Begin a device flow."""
        return self.app.initiate_device_flow([self.settings.delegated_scope])

    @in_thread
    def poll(self, flow: dict[str, Any]) -> dict[str, Any]:
        """Ask once."""
        return self.app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)


@in_thread
def post(settings: CloudSettings, **form: str) -> dict[str, Any]:
    """One bare request for a token."""
    http = TrustingHttp(str(settings.ca_file))
    try:
        return http.post(
            f"{settings.authority}/oauth2/v2.0/token", data={"client_id": settings.client_id, **form}
        ).json()
    finally:
        http.close()


async def started(settings: CloudSettings, secret: Any = None) -> App:
    """An application that is ready."""
    app = App(settings, secret)
    await app.start()
    return app


def told(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    return jwt.decode(token, options={"verify_signature": False})
