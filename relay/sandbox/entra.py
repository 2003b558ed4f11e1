"""The pretend Entra of one tenant with one application: discovery, keys, sign-in, device codes and tokens.

Works with MSAL (`authority=..., instance_discovery=False`). Every refusal is an AADSTS body (`aadsts.py`), on a page
where a browser asks; faults of the stages of Entra act before anything is looked at.
"""

import re
import time
import uuid
from collections.abc import Mapping

from relay.sandbox import aadsts, pages, trouble
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.authorize import Authorize, known_user
from relay.sandbox.claims import app_claims
from relay.sandbox.delegated import KINDS, Delegated
from relay.sandbox.entra_client import BY_NOTHING, authenticate
from relay.sandbox.faults import Faults
from relay.sandbox.grants import Grants
from relay.sandbox.httpd import Request, Response, json_response
from relay.sandbox.people import People
from relay.sandbox.registration import Registration
from relay.sandbox.scopes import GRAPH, resource_for_app, wanted
from relay.sandbox.signing import KeyRing

_DNS_NAME = re.compile(r"(?=.*\.)[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_COMMON = ("common", "organizations", "consumers")


class Entra:
    """Answers the HTTPS requests of token clients and browsers. `issued` counts the tokens handed out."""

    def __init__(self, registration: Registration, faults: Faults, people: People | None = None) -> None:
        self.registration = registration
        self.people = people or People()
        self.base = ""
        self.key = KeyRing()
        self.grants = Grants()
        self.authorize = Authorize(registration, self.people, self.grants)
        self.delegated = Delegated(registration, self.key, self.grants)
        self.issued = 0
        self.requests: list[tuple[float, str, int]] = []
        self._faults = faults

    def live_at(self, base: str) -> None:
        """Where it is reached: https://host:port."""
        self.base = self.delegated.base = base

    def revoke_tokens(self) -> None:
        """Make every token handed out so far worthless: all keys change."""
        self.key.replace()

    def rotate_keys(self) -> None:
        """Sign with a new key from now on; the old ones stay published and their tokens good."""
        self.key.rotate()

    async def answer(self, request: Request) -> Response:
        """The reply to one request."""
        tenant, _, endpoint = request.path.lstrip("/").partition("/")
        facts = {"tenant": tenant, "correlation_id": request.headers.get("client-request-id", "")}
        try:
            response = await self._route(request, endpoint.lower(), facts)
        except RefusalError as refusal:
            response = aadsts.body(refusal.code, {**facts, **refusal.facts})
        self.requests.append((time.time(), f"{request.method} {request.path}", response.status))
        return response

    async def _route(self, request: Request, endpoint: str, facts: dict[str, str]) -> Response:
        match request.method, endpoint:
            case "GET", "v2.0/.well-known/openid-configuration":
                return await self._trouble("discovery", facts) or self._discovery(facts["tenant"])
            case "GET", "discovery/v2.0/keys":
                return await self._trouble("keys", facts) or self._published(facts["tenant"])
            case "POST", "oauth2/v2.0/token":
                return await self._trouble("token", facts) or self._token(request.form(), facts)
            case "POST", "oauth2/v2.0/devicecode":
                return await self._trouble("devicecode", facts) or self._device(request.form(), facts)
            case "GET" | "POST", "oauth2/v2.0/authorize":
                return await self._sign_in(request, facts)
            case "GET" | "POST", "" if facts["tenant"] == "devicelogin":
                return self._device_login(request, facts)
        return Response(404, b"no such page in this pretend Entra\n")

    async def _trouble(self, stage: str, facts: Mapping[str, str]) -> Response | None:
        return await trouble.suffer(self._faults, stage, facts)

    def _published(self, tenant: str) -> Response:
        self._check_tenant(tenant)
        return json_response({"keys": self.key.jwks()})

    def _discovery(self, tenant: str) -> Response:
        self._check_tenant(tenant)
        here = f"{self.base}/{tenant}"
        of = "{tenantid}" if tenant.lower() in _COMMON else self.registration.tenant_id
        return json_response(
            {
                "issuer": f"{self.base}/{of}/v2.0",
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{here}/oauth2/v2.0/logout",
                "jwks_uri": f"{here}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": None,
                "cloud_instance_name": "sandbox",
            }
        )

    def _token(self, form: Mapping[str, str], facts: Mapping[str, str]) -> Response:
        self._check_tenant(facts["tenant"])
        is_delegated = form.get("grant_type") in KINDS
        for parameter in ("grant_type", "client_id", *(() if is_delegated else ("scope",))):
            if not form.get(parameter):
                raise RefusalError(900144, {"parameter": parameter})
        facts = {**facts, "client_id": form["client_id"], "scope": form.get("scope", "")}
        answer = self._for_person(form, facts) if is_delegated else self._for_app(form, facts)
        self.issued += 1
        return json_response(answer)

    def _for_person(self, form: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, object]:
        proof = self._proof(form, facts)
        if proof == BY_NOTHING and not self.registration.public_client:
            raise RefusalError(7000218, facts)
        return self.delegated.token(form, proof, facts)

    def _for_app(self, form: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, object]:
        if form["grant_type"] != "client_credentials":
            raise RefusalError(70003, {"grant_type": form["grant_type"]})
        if facts["tenant"].lower() in _COMMON:
            raise RefusalError(9001023, facts)
        proof = self._proof(form, facts)
        if proof == BY_NOTHING:
            raise RefusalError(7000216, facts)
        return self._grant(resource_for_app(form["scope"], facts), proof)

    def _proof(self, form: Mapping[str, str], facts: Mapping[str, str]) -> str:
        return authenticate(form, self.registration, self._own_names(facts["tenant"]), facts)

    async def _sign_in(self, request: Request, facts: Mapping[str, str]) -> Response:
        """A browser at the authorization endpoint."""
        asked = self.authorize.asked(request)
        try:
            self._check_single_tenant(facts)
            if objection := self.authorize.objection(asked, facts):
                raise objection
        except RefusalError as refusal:
            return _error_page(refusal, facts)
        try:
            if answer := await self._trouble("authorize", facts):
                return answer
        except RefusalError as refusal:
            return self.authorize.refused(asked, refusal, facts)
        return self.authorize.answer(request, facts)

    def _device(self, form: Mapping[str, str], facts: Mapping[str, str]) -> Response:
        self._check_single_tenant(facts)
        for parameter in ("client_id", "scope"):
            if not form.get(parameter):
                raise RefusalError(900144, {"parameter": parameter})
        facts = {**facts, "client_id": form["client_id"], "scope": form["scope"]}
        if form["client_id"].lower() != self.registration.client_id.lower():
            raise RefusalError(700016, facts)
        wanted(form["scope"], facts)
        return json_response(self.delegated.device(form["scope"]))

    def _device_login(self, request: Request, facts: Mapping[str, str]) -> Response:
        """A browser at the page for device codes."""
        form = request.form()
        if request.method == "GET":
            return pages.device(self.people, request.query.get("user_code", ""))
        try:
            user = None if form.get("decline") else known_user(self.people, form.get("user", ""), facts)
            self.delegated.decide(form.get("user_code", ""), user, facts)
        except RefusalError as refusal:
            return _error_page(refusal, facts)
        return pages.told("Done", "You may close this window and go back to your device.")

    def _grant(self, audience: str, proof: str) -> dict[str, object]:
        app = self.registration
        roles = app.graph_roles if audience == GRAPH else app.roles
        token = self.key.sign(app_claims(app, audience=audience, roles=roles, proof=proof))
        # Entra says one second less than it means
        life = max(app.lifetime_s - 1, 0)
        return {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}

    def _own_names(self, tenant: str) -> tuple[str, ...]:
        """What the audience of an assertion may be: the token endpoint, under any name of the tenant, or the issuer."""
        names = dict.fromkeys((tenant, self.registration.tenant, self.registration.tenant_id))
        return tuple(f"{self.base}/{name}/{end}" for name in names for end in ("oauth2/v2.0/token", "v2.0"))

    def _check_single_tenant(self, facts: Mapping[str, str]) -> None:
        self._check_tenant(facts["tenant"])
        if facts["tenant"].lower() in _COMMON:
            raise RefusalError(50194, {**facts, "client_id": self.registration.client_id})

    def _check_tenant(self, tenant: str) -> None:
        if self.registration.knows(tenant) or tenant.lower() in _COMMON:
            return
        try:
            uuid.UUID(tenant)
        except ValueError:
            if not _DNS_NAME.fullmatch(tenant):
                raise RefusalError(900023, {}) from None
        raise RefusalError(90002, {})


def _error_page(refusal: RefusalError, facts: Mapping[str, str]) -> Response:
    told = aadsts.fields(refusal.code, {**facts, **refusal.facts})
    return pages.told("Sorry, but we're having trouble signing you in.", str(told["error_description"]), 400)
