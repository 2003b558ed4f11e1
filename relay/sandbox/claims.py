"""What stands in the tokens of the pretend Entra, as long as in real ones: an XOAUTH2 line exceeds 512 octets."""

import secrets
import time
import uuid
from typing import Any

from relay.sandbox.people import User
from relay.sandbox.registration import Registration


def issuer_of(tenant_id: str) -> str:
    """The issuer of version 1.0 tokens, the version Exchange Online and Graph ask for."""
    return f"https://sts.windows.net/{tenant_id}/"


def app_claims(app: Registration, *, audience: str, roles: tuple[str, ...], proof: str) -> dict[str, Any]:
    """The claims of an app-only token; without a role there is no claim `roles`. `proof` is appidacr."""
    principal = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{app.tenant_id}/{app.client_id}"))
    claims = _claims_of_any_token(app, audience=audience, proof=proof) | {
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
        "xms_idrel": "7 24",
    }
    return claims | ({"roles": list(roles)} if roles else {})


def user_claims(app: Registration, user: User, *, audience: str, permissions: str, proof: str) -> dict[str, Any]:
    """The claims of a token in a person's name; `permissions` are separated by spaces."""
    return _claims_of_any_token(app, audience=audience, proof=proof) | {
        "acct": 0,
        "acr": "1",
        "amr": ["pwd", "mfa"],
        "idtyp": "user",
        "ipaddr": "127.0.0.1",
        "name": user.name,
        "oid": user.oid,
        "puid": "1003" + user.oid[:12].replace("-", "").upper(),
        "scp": permissions,
        "sub": _pairwise(app, user),
        "unique_name": user.upn,
        "upn": user.upn,
    }


def id_claims(app: Registration, user: User, *, issuer: str, nonce: str) -> dict[str, Any]:
    """The claims of an id_token (version 2.0)."""
    now = int(time.time())
    claims = {
        "aud": app.client_id,
        "iss": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "name": user.name,
        "oid": user.oid,
        "preferred_username": user.upn,
        "rh": "1." + secrets.token_urlsafe(60),
        "sid": str(uuid.uuid4()),
        "sub": _pairwise(app, user),
        "tid": app.tenant_id,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    return claims | ({"nonce": nonce} if nonce else {})


def _pairwise(app: Registration, user: User) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{app.client_id}/{user.oid}").hex


def _claims_of_any_token(app: Registration, *, audience: str, proof: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "aud": audience,
        "iss": issuer_of(app.tenant_id),
        "iat": now,
        "nbf": now,
        "exp": now + app.lifetime_s,
        "aio": secrets.token_urlsafe(56),
        "app_displayname": "sandbox relay",
        "appid": app.client_id,
        "appidacr": proof,
        "idp": issuer_of(app.tenant_id),
        "rh": "1." + secrets.token_urlsafe(60),
        "sid": str(uuid.uuid4()),
        "tid": app.tenant_id,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
        "xms_ftd": secrets.token_urlsafe(48),
    }
