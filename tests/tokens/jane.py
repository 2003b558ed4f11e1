"""Jane, who signs in to the authority of these tests, and what it answers her."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from relay.config.aeskey import new_key
from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.delegated import Delegated
from relay.tokens.person import PersonsApp
from relay.tokens.signin import BrowserSignIn
from relay.tokens.vault import Vault
from tests.tokens.conftest import said

if TYPE_CHECKING:
    from pathlib import Path

    from relay.tokens.signin import Signed
    from relay.tokens.vault import Place
    from tests.tokens.conftest import Answer, Authority

SCOPE = "https://outlook.office.com/SMTP.Send"
KEY = new_key()


def granted(refresh_token: str, /, **more: Any) -> Answer:
    """What Entra answers to a code or a refresh token."""
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": 3599,
        "access_token": f"access-{refresh_token}",
        "refresh_token": refresh_token,
        "client_info": _b64({"uid": "o-1", "utid": "t-1"}),
    }
    return said(200, {name: value for name, value in (body | more).items() if value is not None})


def id_token(**claims: Any) -> str:
    """Who signed in; MSAL takes it unsigned, because it came over TLS."""
    body = {"sub": "1", "oid": "o-1", "tid": "t-1", "preferred_username": "jane@contoso.com"} | claims
    return f"{_b64({'alg': 'none'})}.{_b64({name: value for name, value in body.items() if value})}."


def _b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def query(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Jane:
    """Her app at the authority, and the place of her tokens."""

    authority: Authority
    directory: Path
    secret: str = "s3cr3t"

    @property
    def app(self) -> PersonsApp:
        credential = Secret(lambda: self.secret) if self.secret else None
        return PersonsApp("app-1", self.authority.url, credential, Route(self.authority.ca_file))

    @property
    def place(self) -> Place:
        return Vault(self.directory, lambda: KEY).place("app-1", "jane@contoso.com")

    def delegated(self, scope: str = SCOPE, **settings: Any) -> Delegated:
        return Delegated(self.app, scope, self.place, **settings)

    def begins(self) -> BrowserSignIn:
        return BrowserSignIn([self.app], SCOPE, redirect_uri="http://localhost:8400", login_hint="jane@contoso.com")

    def signs_in(self, refresh_token: str = "first", **claims: Any) -> Signed:
        """As `relay authorize` does it, with the code that her browser brings back."""
        sign_in = self.begins()
        asked = query(sign_in.url)
        answer = granted(refresh_token, id_token=id_token(nonce=asked["nonce"], **claims))
        self.authority.tokens.insert(0, answer)
        signed = sign_in.finish({"code": "the code", "state": asked["state"]})
        self.place.write(signed.kept)
        return signed

    def used(self) -> list[str]:
        """The refresh tokens that Entra was shown, in order."""
        return [form["refresh_token"][0] for form in self.authority.forms if "refresh_token" in form]
