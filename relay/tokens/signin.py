"""A person signs in to an app: with the browser (authorization code and PKCE) or, where that is not to be had, a code.

State, nonce and PKCE are MSAL's. Nothing is kept here: whoever asked looks first who it was that signed in.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.tokens.person import scopes
from relay.tokens.rotation import refuses_credential
from relay.tokens.source import TokenError
from relay.tokens.vault import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relay.tokens.person import Conversation, PersonsApp


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed in, by every name the ID token gives, and what is to be kept."""

    names: tuple[str, ...]
    kept: Kept


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person types where, and until when (epoch seconds)."""

    url: str
    code: str
    expires_at: float


class BrowserSignIn:
    """Authorization code and PKCE (RFC 6749 §4.1, RFC 7636)."""

    def __init__(self, apps: Sequence[PersonsApp], scope: str, *, redirect_uri: str, login_hint: str) -> None:
        """`apps`: one app with each of its credentials. Talks to the authority; raises `TokenError`."""
        self._apps = apps
        self._conversation = apps[0].conversation()
        begin = self._conversation.msal.initiate_auth_code_flow
        with warnings.catch_warnings():
            # MSAL asks for form_post; a pasted address needs query, and the code in it is of no use without PKCE
            warnings.simplefilter("ignore")
            self._flow: dict[str, Any] = self._conversation.ask(
                lambda: begin(
                    scopes(scope), redirect_uri=redirect_uri, login_hint=login_hint or None, response_mode="query"
                )
            )

    @property
    def url(self) -> str:
        """Where the person's browser goes."""
        return str(self._flow["auth_uri"])

    @property
    def state(self) -> str:
        """What the answer must carry to be the answer to this sign-in."""
        return str(self._flow["state"])

    def finish(self, answer: Mapping[str, str]) -> Signed:
        """What came of the browser's answer. Raises `TokenError`."""
        return _signed(*self.traded(answer))

    def traded(self, answer: Mapping[str, str]) -> tuple[Conversation, dict[str, Any]]:
        """Trades the code in the browser's answer for tokens, by the first credential Entra takes.

        Raises `TokenError`; the first one's when there are several.
        """
        try:
            return self._traded(self._conversation, answer)
        except TokenError as error:
            for app in self._apps[1:] if refuses_credential(error) else ():
                with contextlib.suppress(TokenError):  # a refused proof does not use up the code
                    return self._traded(app.conversation(), answer)
            raise

    def _traded(self, conversation: Conversation, answer: Mapping[str, str]) -> tuple[Conversation, dict[str, Any]]:
        trade = conversation.msal.acquire_token_by_auth_code_flow
        return conversation, conversation.granted(conversation.ask(lambda: trade(self._flow, dict(answer))))


class DeviceSignIn:
    """The device authorization grant (RFC 8628), always as a public client: MSAL and Entra know it no other way."""

    def __init__(self, app: PersonsApp, scope: str) -> None:
        """Talks to the authority; raises `TokenError`."""
        self._conversation = app.conversation(public=True)
        begin = self._conversation.msal.initiate_device_flow
        self._flow: dict[str, Any] = self._conversation.ask(lambda: begin(scopes(scope)))
        if "user_code" not in self._flow:
            raise self._conversation.refusal(self._flow)

    @property
    def code(self) -> DeviceCode:
        """What the person needs."""
        flow = self._flow
        return DeviceCode(str(flow["verification_uri"]), str(flow["user_code"]), float(flow["expires_at"]))

    def finish(self, given_up: Callable[[], bool]) -> Signed:
        """Asks until the person has signed in, the code has expired, or `given_up`. Raises `TokenError`."""
        poll = self._conversation.msal.acquire_token_by_device_flow
        over = lambda flow: given_up() or flow["expires_at"] < time.time()  # noqa: E731
        said = self._conversation.ask(lambda: poll(self._flow, exit_condition=over))
        return _signed(self._conversation, self._conversation.granted(said))


def _signed(conversation: Conversation, answer: dict[str, Any]) -> Signed:
    if not answer.get("refresh_token"):
        raise TokenError("bad_answer", "there is no refresh token in the answer: the app may not ask offline_access")
    claims = answer.get("id_token_claims") or {}
    names = [str(claims[name]) for name in ("preferred_username", "upn") if claims.get(name)]
    now = time.time()
    kept = Kept(conversation.kept(), names[0] if names else "", now, now, conversation.public)
    return Signed(tuple(dict.fromkeys(names)), kept)
