"""The pretend Entra: discovery, keys and the client-credentials token endpoint of one tenant with one application.

Works with `msal.ConfidentialClientApplication(authority=..., instance_discovery=False)`. Every refusal is an AADSTS
body (`aadsts.py`); faults of the stages `discovery` and `token` act before anything is looked at.
"""

import asyncio
import hmac
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from relay.sandbox import aadsts
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.faults import Fault, Faults
from relay.sandbox.httpd import CutError, Request, Response, json_response
from relay.sandbox.signing import SigningKey, app_claims

OUTLOOK = "https://outlook.office365.com"
GRAPH = "https://graph.microsoft.com"
SMTP_ROLE = "SMTP.SendAsApp"
_RESOURCES = (OUTLOOK, GRAPH)
_DNS_NAME = re.compile(r"(?=.*\.)[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


@dataclass(slots=True)
class Registration:
    """The one application registered in the tenant; `secret_state` is valid, refused or expired."""

    tenant: str
    client_id: str
    secret: str
    lifetime_s: int = 3600
    roles: tuple[str, ...] = (SMTP_ROLE,)
    secret_state: str = "valid"
    tenant_id: str = field(init=False)

    def __post_init__(self) -> None:
        """A tenant given by its domain name has an id of its own."""
        try:
            self.tenant_id = str(uuid.UUID(self.tenant))
        except ValueError:
            self.tenant_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.tenant.lower()))

    def knows(self, tenant: str) -> bool:
        """Whether this is our tenant, by name or id."""
        return tenant.lower() in (self.tenant.lower(), self.tenant_id)


class Entra:
    """Answers the HTTPS requests of token clients. `issued` counts the tokens handed out."""

    def __init__(self, registration: Registration, faults: Faults) -> None:
        self.registration = registration
        self.base = ""
        self.key = SigningKey.fresh()
        self.issued = 0
        self.requests: list[tuple[float, str, int]] = []
        self._faults = faults

    def revoke_tokens(self) -> None:
        """Make every token handed out so far worthless: the key changes."""
        self.key = SigningKey.fresh()

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
                return await self._fault("discovery", facts) or self._discovery(facts["tenant"])
            case "GET", "discovery/v2.0/keys":
                self._check_tenant(facts["tenant"])
                return json_response({"keys": [self.key.jwk()]})
            case "POST", "oauth2/v2.0/token":
                return await self._fault("token", facts) or self._token(facts["tenant"], request.form())
        return Response(404, b"no such page in this pretend Entra\n")

    def _discovery(self, tenant: str) -> Response:
        self._check_tenant(tenant)
        here = f"{self.base}/{tenant}"
        return json_response(
            {
                "issuer": f"{self.base}/{self.registration.tenant_id}/v2.0",
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{here}/oauth2/v2.0/logout",
                "jwks_uri": f"{here}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": None,
                "cloud_instance_name": "sandbox",
            }
        )

    def _token(self, tenant: str, form: Mapping[str, str]) -> Response:
        self._check_tenant(tenant)
        for parameter in ("grant_type", "client_id", "scope"):
            if not form.get(parameter):
                raise RefusalError(900144, {"parameter": parameter})
        if form["grant_type"] != "client_credentials":
            raise RefusalError(70003, {"grant_type": form["grant_type"]})
        facts = {"client_id": form["client_id"], "scope": form["scope"]}
        self._check_client(form, facts)
        audience = _resource(form["scope"], facts)
        self.issued += 1
        return json_response(self._grant(audience))

    def _grant(self, audience: str) -> dict[str, object]:
        app = self.registration
        claims = app_claims(
            audience=audience,
            tenant_id=app.tenant_id,
            client_id=app.client_id,
            roles=app.roles if audience == OUTLOOK else (),
            lifetime_s=app.lifetime_s,
        )
        # Entra says one second less than it means
        life = max(app.lifetime_s - 1, 0)
        token = self.key.sign(claims)
        return {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}

    def _check_tenant(self, tenant: str) -> None:
        if self.registration.knows(tenant):
            return
        try:
            uuid.UUID(tenant)
        except ValueError:
            if not _DNS_NAME.fullmatch(tenant):
                raise RefusalError(900023, {}) from None
        raise RefusalError(90002, {})

    def _check_client(self, form: Mapping[str, str], facts: Mapping[str, str]) -> None:
        app = self.registration
        if form["client_id"].lower() != app.client_id.lower():
            raise RefusalError(700016, facts)
        secret = form.get("client_secret", "")
        if not secret:
            raise RefusalError(7000216, facts)
        if app.secret_state == "refused" or not hmac.compare_digest(secret.encode(), app.secret.encode()):
            raise RefusalError(7000215, facts)
        if app.secret_state == "expired":
            raise RefusalError(7000222, facts)

    async def _fault(self, stage: str, facts: Mapping[str, str]) -> Response | None:
        """What a fault answers instead; None when there is none, or after it has delayed us."""
        fault = self._faults.take(stage)
        if fault is None:
            return None
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.action == "hang":
            await self._faults.released(fault)
            return None
        return _fault_answer(fault, facts)


def _fault_answer(fault: Fault, facts: Mapping[str, str]) -> Response:
    if fault.action == "drop":
        raise CutError
    if fault.action == "aadsts":
        raise RefusalError(fault.aadsts, facts)
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    kind = "application/json; charset=utf-8" if fault.body.lstrip().startswith("{") else "text/html"
    return Response(fault.status, fault.body.encode(), kind, headers)


def _resource(scope: str, facts: Mapping[str, str]) -> str:
    """The audience a scope asks for; refused unless it is exactly one known resource with /.default."""
    scopes = scope.split()
    wrong = [word for word in scopes if not word.endswith("/.default")]
    if wrong:
        code = 1002012 if urlsplit(wrong[0]).scheme else 70011
        raise RefusalError(code, {**facts, "scope": wrong[0]})
    if len(scopes) > 1:
        raise RefusalError(28000, facts)
    resource = scopes[0].removesuffix("/.default").rstrip("/")
    if resource not in _RESOURCES:
        raise RefusalError(500011, {**facts, "resource": resource})
    return resource
