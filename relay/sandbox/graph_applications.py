"""What Graph tells of the application registration: when its secrets and certificates end, never what they are."""

import base64
import datetime as dt
import re
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from relay.sandbox.graph_errors import GraphError
from relay.sandbox.registration import Certificate, Registration, Secret

_BY_APP_ID = re.compile(r"applications\(appId='([^']*)'\)", re.IGNORECASE)
_FILTER = re.compile(r"appId eq '([^']*)'", re.IGNORECASE)
_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#applications"
_NAME = "sandbox relay"
_USUAL = ("id", "appId", "displayName", "keyCredentials", "passwordCredentials")


def find(app: Registration, segments: list[str], select: str) -> dict[str, Any]:
    """The application that a path (below the version) names; raise GraphError when it is another one."""
    by_app_id = _BY_APP_ID.fullmatch(segments[0])
    name = by_app_id[1] if by_app_id else "/".join(segments[1:])
    if name.lower() != (app.client_id if by_app_id else app.object_id).lower():
        text = f"Resource '{name}' does not exist or one of its queried reference-property objects are not present."
        raise GraphError("Request_ResourceNotFound", text)
    return {"@odata.context": f"{_CONTEXT}/$entity", **shown(app, select)}


def listed(app: Registration, select: str, only: str) -> dict[str, Any]:
    """All applications, which is this one; `only` is a filter by appId; raise GraphError for another filter."""
    match = _FILTER.fullmatch(only.strip())
    if only and not match:
        raise GraphError("BadRequest", f"Invalid filter clause: {only}")
    is_wanted = match is None or match[1].lower() == app.client_id.lower()
    return {"@odata.context": _CONTEXT, "value": [shown(app, select)] if is_wanted else []}


def shown(app: Registration, select: str) -> dict[str, Any]:
    """The properties asked for, or all of them; raise GraphError for one there is not."""
    wanted = [name.strip() for name in select.split(",") if name.strip()]
    for name in wanted:
        if name not in _USUAL:
            text = f"Could not find a property named '{name}' on type 'microsoft.graph.application'."
            raise GraphError("BadRequest", f"Parsing OData Select and Expand failed: {text}")
    whole = {
        "id": app.object_id,
        "appId": app.client_id,
        "displayName": _NAME,
        "keyCredentials": [_key(one, whole="keyCredentials" in wanted) for one in app.certificates],
        "passwordCredentials": [_password(one) for one in app.secrets],
    }
    return {name: whole[name] for name in wanted or _USUAL}


def _password(secret: Secret) -> dict[str, Any]:
    return {
        "customKeyIdentifier": None,
        "displayName": "sandbox",
        "endDateTime": _stamp(secret.end),
        "hint": secret.value[:3],
        "keyId": secret.id,
        "secretText": None,
        "startDateTime": _stamp(secret.end - dt.timedelta(days=180)),
    }


def _key(certificate: Certificate, *, whole: bool) -> dict[str, Any]:
    """Graph shows the certificate itself only where keyCredentials are asked for by $select."""
    x509 = certificate.x509
    return {
        "customKeyIdentifier": certificate.sha1.hex().upper(),
        "displayName": x509.subject.rfc4514_string(),
        "endDateTime": _stamp(x509.not_valid_after_utc),
        "key": base64.b64encode(x509.public_bytes(Encoding.DER)).decode() if whole else None,
        "keyId": certificate.id,
        "startDateTime": _stamp(x509.not_valid_before_utc),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
