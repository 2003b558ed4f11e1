"""Client assertions (RFC 7523 §2.2): a JWT signed by a registered certificate, or one of a federated identity.

Signatures are really verified. Refusals are Entra's numbers; docs/design/divergences.md says which are guessed.
"""

import base64
import binascii
import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography import x509
from jwt.types import Options

from relay.sandbox.aadsts import RefusalError
from relay.sandbox.registration import Certificate, Federated, Registration

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW_S = 300
_OF_CERTIFICATES = ("RS256", "PS256")
_OF_FEDERATION = ("RS256",)
_UNCHECKED: Options = {"verify_signature": False}
_SIGNATURE_ONLY: Options = {
    "verify_signature": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False,
    "verify_sub": False, "verify_jti": False, "verify_iss": False,
}  # fmt: skip


def check(form: Mapping[str, str], app: Registration, audiences: tuple[str, ...], facts: Mapping[str, str]) -> None:
    """Believe the form's client_assertion; raise RefusalError. `audiences` are the names of the token endpoint."""
    assertion = form["client_assertion"]
    if form.get("client_assertion_type") != KIND:
        raise RefusalError(50027, {**facts, "reason": "client_assertion_type is not jwt-bearer"})
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options=_UNCHECKED)
    except jwt.PyJWTError as error:
        raise RefusalError(50027, {**facts, "reason": str(error)}) from error
    if str(claims.get("iss", "")).lower() == app.client_id.lower():
        _check_certified(assertion, header, app, facts)
        if not set(audiences) & set(_listed(claims.get("aud"))) or claims.get("sub") != claims["iss"]:
            raise RefusalError(700023, facts)
    else:
        _check_federated(assertion, claims, app, facts)
    _check_time(claims, facts)


def _check_certified(assertion: str, header: Mapping[str, Any], app: Registration, facts: Mapping[str, str]) -> None:
    sha1, sha256 = _octets(header.get("x5t")), _octets(header.get("x5t#S256"))
    facts = {**facts, "thumbprint": (sha1 or sha256).hex().upper()}
    certificate = app.certificate(sha1, sha256) if sha1 or sha256 else None
    if certificate is None:
        claim = "The certificate with identifier used to sign the client assertion is not registered on application."
        raise RefusalError(700027, {**facts, "claim": claim, "reason": "The key was not found."})
    if header.get("alg") not in _OF_CERTIFICATES:
        raise RefusalError(50012, {**facts, "reason": f"the algorithm {header.get('alg')} is not supported"})
    _check_life(certificate, facts)
    _check_chain(header.get("x5c"), certificate, facts)
    _check_signature(assertion, certificate.x509.public_key(), _OF_CERTIFICATES, facts)


def _check_life(certificate: Certificate, facts: Mapping[str, str]) -> None:
    begin, end = certificate.x509.not_valid_before_utc, certificate.x509.not_valid_after_utc
    if not begin <= dt.datetime.now(dt.UTC) <= end:
        found = f"Found key 'Start={begin:%m/%d/%Y %H:%M:%S}, End={end:%m/%d/%Y %H:%M:%S}'"
        raise RefusalError(700027, {**facts, "reason": "The key used is expired.", "found": f", {found}"})


def _check_chain(chain: Any, certificate: Certificate, facts: Mapping[str, str]) -> None:
    """x5c may be there; its first certificate has to be the one that the thumbprint names."""
    if chain is None:
        return
    try:
        leaf = x509.load_der_x509_certificate(base64.b64decode(_listed(chain)[0]))
    except (IndexError, TypeError, ValueError) as error:
        raise RefusalError(50012, {**facts, "reason": "x5c holds no certificate"}) from error
    if leaf != certificate.x509:
        raise RefusalError(50012, {**facts, "reason": "the certificate in x5c is not the one x5t names"})


def _check_signature(assertion: str, key: Any, algorithms: tuple[str, ...], facts: Mapping[str, str]) -> None:
    try:
        jwt.decode(assertion, key, algorithms=list(algorithms), options=_SIGNATURE_ONLY)
    except jwt.PyJWTError as error:
        reason = "The provided signature value did not match the expected signature value."
        raise RefusalError(700027, {**facts, "reason": reason}) from error


def _check_federated(assertion: str, claims: Mapping[str, Any], app: Registration, facts: Mapping[str, str]) -> None:
    credential = _matching(claims, app, facts)
    _check_signature(assertion, credential.key, _OF_FEDERATION, facts)


def _matching(claims: Mapping[str, Any], app: Registration, facts: Mapping[str, str]) -> Federated:
    """The federated credential for issuer, subject and audience, asked in this order; the comparison is exact."""
    audiences = _listed(claims.get("aud"))
    issuer, subject = str(claims.get("iss", "")), str(claims.get("sub", ""))
    facts = {**facts, "issuer": issuer, "subject": subject, "audience": " ".join(audiences)}
    if not app.federated:
        raise RefusalError(70025, facts)
    left = [one for one in app.federated if one.issuer == issuer]
    if not left:
        raise RefusalError(700211, facts)
    left = [one for one in left if one.subject == subject]
    if not left:
        raise RefusalError(700213, facts)
    left = [one for one in left if one.audience in audiences]
    if not left:
        raise RefusalError(700212, facts)
    return left[0]


def _check_time(claims: Mapping[str, Any], facts: Mapping[str, str]) -> None:
    now = time.time()
    begin, end = claims.get("nbf", claims.get("iat", now)), claims.get("exp", 0)
    is_number = isinstance(begin, int | float) and isinstance(end, int | float)
    if not is_number or not begin - SKEW_S <= now <= end + SKEW_S:
        words = {"now": _moment(now), "begin": _moment(begin), "end": _moment(end)}
        raise RefusalError(700024, {**facts, **words})


def _moment(seconds: Any) -> str:
    try:
        return dt.datetime.fromtimestamp(float(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (OverflowError, TypeError, ValueError):
        return str(seconds)


def _octets(thumbprint: Any) -> bytes:
    try:
        text = str(thumbprint or "")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
