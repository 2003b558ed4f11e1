"""A person signs in for a delegated profile, and the relay keeps the sign-in: only that of the profile's own person.

A running relay needs no word of it: it reads what is kept anew for each token.
"""

from __future__ import annotations

import hmac
from enum import Enum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from relay.config.aeskey import new_key
from relay.config.settings import SignIn
from relay.policy.verdicts import Class, judge_token
from relay.tokens.signin import BrowserSignIn, DeviceCode, DeviceSignIn
from relay.tokens.source import TokenError
from relay.tokens.vault import VaultError
from relay.upstream.facts import facts_of
from relay.upstream.people import person_issuer, person_of, persons_apps, place_of, scopes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config.settings import Settings
    from relay.policy.verdicts import Verdict
    from relay.tokens.signin import Signed

__all__ = ["Authorization", "AuthorizeError", "DeviceCode", "Why", "new_key"]

T = TypeVar("T")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_IN_TIME = frozenset({"authorization_pending", "slow_down", "expired_token"})
_NO_ANSWER = frozenset({"unreachable", "timeout", "bad_answer"})


class Why(Enum):
    """Why nobody was signed in."""

    REFUSED = "refused"
    LATER = "later"
    UNREACHABLE = "unreachable"
    CONFIGURATION = "configuration"


class AuthorizeError(Exception):
    """Nobody was signed in, and nothing was kept; the text says what was answered and what to do."""

    def __init__(self, why: Why, text: str, *, answer: str = "", meaning: str = "", remedy: str = "") -> None:
        """What Entra said, what that means and what to do, where it said something."""
        super().__init__(text)
        self.why, self.answer, self.meaning, self.remedy = why, answer, meaning, remedy


class Authorization:
    """One sign-in for one profile; its questions to Entra block, and raise `AuthorizeError`."""

    def __init__(self, settings: Settings, profile_name: str) -> None:
        """Raises `AuthorizeError` for a profile that nobody signs in for, and when a sign-in could not be kept."""
        self._settings = settings
        self._name = profile_name
        self._profile = settings.profiles[profile_name]
        if self._profile.sign_in is not SignIn.DELEGATED:
            raise AuthorizeError(
                Why.CONFIGURATION,
                f"profile {profile_name} signs in as its app alone: nobody has to; for a person set sign_in: delegated",
            )
        self.person = person_of(self._profile)
        self._registration = settings.apps[self._profile.app]
        self._scopes = scopes_of(settings, profile_name)
        if not self._scopes:
            raise AuthorizeError(Why.CONFIGURATION, f"profile {profile_name} leaves without a token: nobody signs in")
        self._browser: BrowserSignIn | None = None
        self._device: DeviceSignIn | None = None
        self._place = place_of(settings, profile_name)
        self._try_place()

    @property
    def redirect_uri(self) -> str:
        """Where the browser returns to, as registered."""
        return self._registration.redirect_uri

    @property
    def returns_here(self) -> bool:
        """Whether the redirect address is this machine's own: then the relay can catch the answer by itself."""
        address = urlsplit(self.redirect_uri)
        return address.scheme == "http" and (address.hostname or "") in _LOOPBACK

    @property
    def returns_to_port(self) -> int:
        """The port of a redirect address on this machine; 0: any, for Entra does not compare it there."""
        return urlsplit(self.redirect_uri).port or 0

    def redirect_at(self, port: int) -> str:
        """That redirect address with the port where somebody listens."""
        address = urlsplit(self.redirect_uri)
        host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
        return urlunsplit(address._replace(netloc=f"{host}:{port}"))

    # -- with a browser

    def begin(self, redirect_uri: str) -> str:
        """The address for the person's browser."""
        apps = [app for _, app in persons_apps(self._settings, self._registration)]
        self._browser = self._ask(
            lambda: BrowserSignIn(apps, self._scopes[0], redirect_uri=redirect_uri, login_hint=self.person)
        )
        return self._browser.url

    def is_mine(self, answer: Mapping[str, str]) -> bool:
        """Whether this came back for this very sign-in, not for another tab's or an attacker's."""
        assert self._browser is not None
        return hmac.compare_digest(answer.get("state", "").encode(), self._browser.state.encode())

    def finish(self, answer: Mapping[str, str]) -> list[str]:
        """The browser came back with this: the sign-in is kept. Returns what to tell."""
        browser = self._browser
        assert browser is not None
        return self._keep(self._ask(lambda: browser.finish(answer)))

    # -- with a code typed elsewhere

    def begin_device(self) -> DeviceCode:
        """What the person types where."""
        _, app = persons_apps(self._settings, self._registration)[0]
        self._device = self._ask(lambda: DeviceSignIn(app, self._scopes[0]))
        return self._device.code

    def finish_device(self, given_up: Callable[[], bool]) -> list[str]:
        """Waits until the person has signed in: the sign-in is kept. Returns what to tell."""
        device = self._device
        assert device is not None
        return self._keep(self._ask(lambda: device.finish(given_up)))

    # -- keeping it

    def _try_place(self) -> None:
        """Before a person takes the trouble: can it be kept at all?"""
        try:
            self._place.probe()
        except VaultError as error:
            raise AuthorizeError(Why.CONFIGURATION, str(error)) from error

    def _keep(self, signed: Signed) -> list[str]:
        self._is_the_person(signed)
        try:
            with self._place.locked():
                self._place.write(signed.kept)
        except VaultError as error:
            raise AuthorizeError(Why.UNREACHABLE, f"signed in, but it could not be kept: {error}") from error
        return [*self._told(signed.kept.username), *self._other_scopes()]

    def _is_the_person(self, signed: Signed) -> None:
        if self.person.lower() in (name.lower() for name in signed.names):
            return
        who = " / ".join(signed.names) or "somebody Entra gave no name of"
        raise AuthorizeError(
            Why.REFUSED,
            f"{who} signed in, but profile {self._name} is for {self.person}: nothing was kept. Sign in as "
            f"{self.person} (in a private window, if the browser knows the other account). If {who} is the user "
            f"principal name of the person whose mailbox is {self._profile.mailbox}, set profiles.{self._name}.upn to "
            "it. A shared mailbox has no sign-in of its own: mailbox is the person's, the shared one stands under "
            "send_as",
        )

    @property
    def sharing(self) -> list[str]:
        """The other profiles that this sign-in serves too."""
        return [
            name for name, other in self._settings.profiles.items()
            if name != self._name and other.sign_in is SignIn.DELEGATED
            and place_of(self._settings, name).path == self._place.path
        ]  # fmt: skip

    def _told(self, username: str) -> list[str]:
        lines = [f"signed in  {username}, for profile {self._name}", f"kept       {self._place.path} (encrypted)"]
        if self.person.lower() != self._profile.mailbox.lower():
            lines.append(f"mailbox    {self._profile.mailbox} is what Exchange is told; {username} is its owner's name")
        return lines + [f"also for   profile {name}: the same app and person" for name in self.sharing]

    def _other_scopes(self) -> list[str]:
        """A second way needs consent too; whether it is there shows in a token for it."""
        told = []
        for scope in self._scopes[1:]:
            try:
                person_issuer(self._settings, self._name, scope).acquire()
            except TokenError as error:
                told.append(f"warning    no token for {scope}, which the fallback needs: {error.description}")
        return told

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except TokenError as error:
            verdict = judge_token(
                error.error, error.description, error.codes, error.status, facts_of(self._settings, self._name)
            )
            answer = f"{error.error}: {error.description}"
            raise AuthorizeError(
                _why(error, verdict), f"{answer}\n{verdict.meaning}\nWhat to do: {verdict.remedy}",
                answer=answer, meaning=verdict.meaning, remedy=verdict.remedy,
            ) from error  # fmt: skip


def _why(error: TokenError, verdict: Verdict) -> Why:
    if error.error in _NO_ANSWER and error.status < 300:
        return Why.UNREACHABLE
    if error.error == "secret_unreadable":
        return Why.CONFIGURATION
    passing = error.error in _NOT_IN_TIME or verdict.cls in (Class.TRANSIENT, Class.THROTTLE)
    return Why.LATER if passing else Why.REFUSED
