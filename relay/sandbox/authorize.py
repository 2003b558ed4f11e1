"""The authorization endpoint (RFC 6749 §4.1.1, RFC 7636): a person signs in, the application gets a code.

GET shows whom one may sign in as, POST signs in or declines. With `auto_sign_in` GET answers at once: `hint` signs in
whom login_hint names, anything else is the sign-in name of who it is. What concerns the application itself is told on
a page; every other refusal goes home to the application, as Entra does it.
"""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from relay.sandbox import aadsts, pages
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.grants import Code, Grants
from relay.sandbox.httpd import Request, Response
from relay.sandbox.people import People, User
from relay.sandbox.registration import Registration
from relay.sandbox.scopes import wanted

BY_HINT = "hint"
_PKCE_SIZES = range(43, 129)
_ASKED = (
    "client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "response_mode", "code_challenge",
    "code_challenge_method", "login_hint", "prompt",
)  # fmt: skip


@dataclass(slots=True)
class Authorize:
    """Answers the browser. `last` keeps the requests, newest last."""

    app: Registration
    people: People
    grants: Grants
    auto_sign_in: str = ""
    last: list[dict[str, str]] = field(default_factory=list)

    def objection(self, asked: Mapping[str, str], facts: Mapping[str, str]) -> RefusalError | None:
        """What is wrong with the application's side of the request: nobody is sent home then."""
        if not asked.get("client_id"):
            return RefusalError(900144, {**facts, "parameter": "client_id"})
        if asked["client_id"].lower() != self.app.client_id.lower():
            return RefusalError(700016, {**facts, "client_id": asked["client_id"]})
        if not is_registered(asked.get("redirect_uri", ""), self.app.redirect_uris):
            named = {"redirect_uri": asked.get("redirect_uri", ""), "client_id": asked["client_id"]}
            return RefusalError(50011, {**facts, **named})
        return None

    def answer(self, request: Request, facts: Mapping[str, str]) -> Response:
        """The page, or the way home with a code."""
        asked = self.asked(request)
        facts = {**facts, "client_id": asked["client_id"]}
        self.last.append(asked)
        try:
            self._check(asked, facts)
            if request.method == "POST":
                return self._decided(asked, request.form(), facts)
            return self._at_once(asked, facts) or self._page(asked)
        except RefusalError as refusal:
            return self.refused(asked, refusal, facts)

    def asked(self, request: Request) -> dict[str, str]:
        """The parameters of the request, from its query or from the page's form."""
        given = {**request.query, **(request.form() if request.method == "POST" else {})}
        return {name: given[name] for name in _ASKED if name in given}

    def refused(self, asked: Mapping[str, str], refusal: RefusalError, facts: Mapping[str, str]) -> Response:
        """The way home with an error."""
        told = aadsts.fields(refusal.code, {**facts, **refusal.facts})
        answer = {name: str(told[name]) for name in ("error", "error_description", "error_uri")}
        if refusal.code == 65004:
            answer["error_subcode"] = "cancel"
        return _home(asked, answer)

    def _check(self, asked: Mapping[str, str], facts: Mapping[str, str]) -> None:
        if asked.get("response_type") != "code":
            raise RefusalError(700054, {**facts, "response_type": asked.get("response_type", "")})
        if not asked.get("scope"):
            raise RefusalError(900144, {**facts, "parameter": "scope"})
        wanted(asked["scope"], {**facts, "scope": asked["scope"]})
        if "code_challenge" in asked and len(asked["code_challenge"]) not in _PKCE_SIZES:
            raise RefusalError(50147, facts)

    def _at_once(self, asked: Mapping[str, str], facts: Mapping[str, str]) -> Response | None:
        if self.auto_sign_in:
            name = asked.get("login_hint", "") if self.auto_sign_in == BY_HINT else self.auto_sign_in
            return self._signed_in(asked, name, facts)
        if asked.get("prompt") == "none":
            raise RefusalError(50058, facts)
        return None

    def _page(self, asked: Mapping[str, str]) -> Response:
        return pages.choose(self.people, asked, hint=asked.get("login_hint", ""))

    def _decided(self, asked: Mapping[str, str], form: Mapping[str, str], facts: Mapping[str, str]) -> Response:
        if form.get("decline"):
            raise RefusalError(65004, facts)
        return self._signed_in(asked, form.get("user", ""), facts)

    def _signed_in(self, asked: Mapping[str, str], name: str, facts: Mapping[str, str]) -> Response:
        user = known_user(self.people, name, facts)
        user.consented = True
        code = Code(
            user=user,
            redirect_uri=asked["redirect_uri"],
            scope=asked["scope"],
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
            method=asked.get("code_challenge_method", "plain"),
            born=self.grants.now(),
        )
        return _home(asked, {"code": self.grants.new_code(code), "session_state": secrets.token_hex(16)})


def known_user(people: People, name: str, facts: Mapping[str, str]) -> User:
    """Who signs in; raise RefusalError when the tenant does not know the name, or the account is disabled."""
    user = people.find(name)
    if user is None:
        raise RefusalError(50034, {**facts, "user": name})
    if not user.enabled:
        raise RefusalError(50057, facts)
    return user


def is_registered(redirect_uri: str, registered: tuple[str, ...]) -> bool:
    """Whether an answer may go there: exactly a registered one, but on this machine with any port."""
    if not redirect_uri:
        return False
    return redirect_uri in registered or _without_port(redirect_uri) in map(_without_port, registered)


def _without_port(uri: str) -> str:
    parts = urlsplit(uri)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme == "http" and _is_here(host) else uri


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _home(asked: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    """Back to the application, in the way it asked for."""
    answer = {**answer, **({"state": asked["state"]} if "state" in asked else {})}
    target, mode = asked["redirect_uri"], asked.get("response_mode", "query")
    if mode == "form_post":
        return pages.post_home(target, answer)
    mark = "#" if mode == "fragment" else "&" if urlsplit(target).query else "?"
    return Response(302, b"", headers={"Location": f"{target}{mark}{urlencode(answer)}"})
