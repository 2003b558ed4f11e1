"""Tokens in a person's name: for an authorization code, a device code or a refresh token.

A refresh token is replaced on every use, and the old one stays good (as Microsoft says it does); 90 days after it was
issued it is over, and so it is when the user's sessions are revoked.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from relay.sandbox.aadsts import RefusalError
from relay.sandbox.claims import id_claims, user_claims
from relay.sandbox.grants import CODE_LIFE_S, DEVICE_CODE_LIFE_S, REFRESH_LIFE_S, Code, DeviceCode, Grants
from relay.sandbox.people import User
from relay.sandbox.registration import Registration
from relay.sandbox.scopes import Wanted, wanted
from relay.sandbox.signing import KeyRing

CODE = "authorization_code"
REFRESH = "refresh_token"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
KINDS = (CODE, REFRESH, DEVICE, "device_code")


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed in, and what for."""

    user: User
    scope: str
    nonce: str = ""


@dataclass(slots=True)
class Delegated:
    """The person's half of the token endpoint."""

    app: Registration
    key: KeyRing
    grants: Grants
    base: str = ""
    interval_s: int = 5
    security_defaults: bool = False

    def token(self, form: Mapping[str, str], proof: str, facts: Mapping[str, str]) -> dict[str, object]:
        """The answer to a proven client; raise RefusalError."""
        match form["grant_type"]:
            case "authorization_code":
                signed = self._by_code(form, facts)
            case "refresh_token":
                signed = self._by_refresh(form, facts)
            case _:
                signed = self._by_device(form, facts)
        scope = form.get("scope") or signed.scope
        if not signed.user.consented:
            raise RefusalError(65001, facts)
        return self._answer(signed, wanted(scope, {**facts, "scope": scope}), proof, form)

    def device(self, scope: str) -> dict[str, object]:
        """A device's codes, and what it shall show."""
        text, device = self.grants.new_device(scope)
        where = f"{self.base}/devicelogin"
        return {
            "user_code": device.user_code,
            "device_code": text,
            "verification_uri": where,
            "expires_in": int(DEVICE_CODE_LIFE_S),
            "interval": self.interval_s,
            "message": f"To sign in, use a web browser to open the page {where} and enter the code "
            f"{device.user_code} to authenticate.",
        }

    def decide(self, user_code: str, user: User | None, facts: Mapping[str, str]) -> None:
        """Somebody typed a user code and signed in, or (None) declined; raise RefusalError."""
        if not user_code:
            raise RefusalError(90119, facts)
        device = self.grants.device_of(user_code)
        if device is None:
            raise RefusalError(70018, facts)
        if device.state != "pending":
            raise RefusalError(90120, facts)
        if self._is_old(device):
            raise RefusalError(70019, facts)
        if self.security_defaults:
            raise RefusalError(530035, facts)
        device.user, device.state = user, "approved" if user else "declined"
        if user:
            user.consented = True

    def _by_code(self, form: Mapping[str, str], facts: Mapping[str, str]) -> Signed:
        code = self.grants.codes.get(_needed(form, "code"))
        if code is None:
            raise RefusalError(70000, facts)
        if code.redeemed:
            raise RefusalError(54005, facts)
        if self.grants.age(code.born) > CODE_LIFE_S:
            raise RefusalError(70008, facts)
        if form.get("redirect_uri") != code.redirect_uri:
            named = {"redirect_uri": form.get("redirect_uri", ""), "expected": code.redirect_uri}
            raise RefusalError(500112, {**facts, **named})
        if code.challenge and not _proves(form.get("code_verifier", ""), code):
            raise RefusalError(501481, facts)
        code.redeemed = True
        return Signed(code.user, code.scope, code.nonce)

    def _by_refresh(self, form: Mapping[str, str], facts: Mapping[str, str]) -> Signed:
        refresh = self.grants.refreshes.get(_needed(form, "refresh_token"))
        if refresh is None:
            raise RefusalError(70000, facts)
        facts = {**facts, "issued": _stamp(refresh.born), "valid_from": _stamp(refresh.user.valid_from)}
        if not refresh.user.enabled:
            raise RefusalError(50057, facts)
        if refresh.born < refresh.user.valid_from:
            raise RefusalError(50173, facts)
        if self.grants.age(refresh.born) > REFRESH_LIFE_S:
            raise RefusalError(700082, facts)
        return Signed(refresh.user, refresh.scope)

    def _by_device(self, form: Mapping[str, str], facts: Mapping[str, str]) -> Signed:
        device = self.grants.devices.get(_needed(form, "device_code"))
        if device is None:
            raise RefusalError(70018, facts)
        if self._is_old(device):
            raise RefusalError(70019, facts)
        if self.security_defaults:
            raise RefusalError(530035, facts)
        if device.state == "declined":
            raise RefusalError(65004, {**facts, "error": "authorization_declined"})
        if device.user is None:
            raise RefusalError(70016, {**facts, **self._pace(device)})
        if device.state == "redeemed":
            raise RefusalError(54005, facts)
        device.state = "redeemed"
        return Signed(device.user, device.scope)

    def _pace(self, device: DeviceCode) -> dict[str, str]:
        """A device that asks much more often than told is told to slow down (RFC 8628 §3.5)."""
        before, device.polled = device.polled, self.grants.now()
        too_soon = before is not None and device.polled - before < self.interval_s / 2
        return {"error": "slow_down"} if too_soon else {}

    def _is_old(self, device: DeviceCode) -> bool:
        return self.grants.age(device.born) > DEVICE_CODE_LIFE_S

    def _answer(self, signed: Signed, asks: Wanted, proof: str, form: Mapping[str, str]) -> dict[str, object]:
        app, user = self.app, signed.user
        permissions = " ".join(asks.permissions or ("openid", "profile"))
        claims = user_claims(app, user, audience=asks.resource, permissions=permissions, proof=proof)
        life = max(app.lifetime_s - 1, 0)
        answer: dict[str, object] = {
            "token_type": "Bearer",
            "scope": asks.text,
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self.key.sign(claims),
        }
        if "offline_access" in asks.of_sign_in:
            answer["refresh_token"] = self.grants.new_refresh(user, form.get("scope") or signed.scope)
        if "openid" in asks.of_sign_in:
            issuer = f"{self.base}/{app.tenant_id}/v2.0"
            answer["id_token"] = self.key.sign(id_claims(app, user, issuer=issuer, nonce=signed.nonce))
        if form.get("client_info") == "1":
            answer["client_info"] = _base64url(json.dumps({"uid": user.oid, "utid": app.tenant_id}).encode())
        return answer


def _needed(form: Mapping[str, str], parameter: str) -> str:
    if not form.get(parameter):
        raise RefusalError(900144, {"parameter": parameter})
    return form[parameter]


def _proves(verifier: str, code: Code) -> bool:
    """RFC 7636 §4.6."""
    if code.method == "S256":
        return _base64url(hashlib.sha256(verifier.encode()).digest()) == code.challenge
    return verifier == code.challenge


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _stamp(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
