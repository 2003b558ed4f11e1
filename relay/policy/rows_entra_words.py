"""Verdict rows for a token that did not come, when no AADSTS code tells more: by OAuth error word and by HTTP status.

The words are those of RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5 and Entra's own, and six for the case that there was
no answer to read: unreachable, timeout, bad_answer, secret_unreadable, not_authorized, token_store.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, TokenRow

_RFC = "RFC 6749 §5.2; Microsoft, Entra authentication and authorization error codes"
_OPEN = "Open TCP 443 to {login_host} (or apps.{app}.authority) and check this machine's name service"
_BY_THEN_S = 86_400.0  # a proxy or an address that is wrong looks like an outage; mail is kept for it after a day
_SIGN_IN = "relay authorize {profile}   and sign in as {account}"

WORDS = (
    TokenRow(
        rule="entra.certificate-untrusted",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("unreachable", "bad_answer", "timeout"),
        says=r"certificate|CERTIFICATE_VERIFY_FAILED",
        answer="unreachable: certificate verify failed",
        meaning="The certificate of Entra's address is not trusted: TLS inspection stands in between, or this machine "
        "lacks the root certificates.",
        remedy="Exempt the authority from TLS inspection, or trust the box: apps.{app}.ca_file",
        source="RFC 9110 §4.3.4",
    ),
    TokenRow(
        rule="entra.secret-unreadable",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("secret_unreadable",),
        answer="secret_unreadable",
        meaning="The credential of the app cannot be read, so Entra was not asked.",
        remedy="Make what apps.{app}.credential points to readable for the relay's user, and not empty; then: relay "
        "check",
        source="this relay",
    ),
    TokenRow(
        rule="entra.not-signed-in",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("not_authorized",),
        answer="not_authorized",
        meaning="Nobody has signed in for this delegated profile on this machine yet.",
        remedy="relay authorize {profile}   and sign in as {account}; mail is kept, and flows soon after",
        source="this relay",
    ),
    TokenRow(
        rule="entra.token-store",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("token_store",),
        answer="token_store",
        meaning="The kept sign-in of this delegated profile cannot be read or written, so Entra was not asked.",
        remedy="Mend what the answer names (token_store.key, data_dir/tokens), or sign in again: relay authorize "
        "{profile}",
        source="this relay",
    ),
    TokenRow(
        rule="entra.client-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("invalid_client", "unauthorized_client"),
        answer="invalid_client; unauthorized_client",
        meaning="Entra does not accept the app or its credential.",
        remedy="Entra admin center → App registrations → {client_id} → Certificates & secrets: make a new client "
        "secret and put its Value where apps.{app}.credential points",
        source=_RFC,
    ),
    TokenRow(
        rule="entra.request-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=(
            "invalid_request",
            "invalid_scope",
            "invalid_resource",
            "unsupported_grant_type",
            "unsupported_response_type",
        ),
        answer="invalid_request; invalid_scope; invalid_resource; unsupported_grant_type; unsupported_response_type",
        meaning="Entra does not accept what was asked for.",
        remedy="Check apps.{app}: tenant, cloud and scope ({scope})",
        source=_RFC,
    ),
    TokenRow(
        rule="entra.sign-in-again",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=(
            "invalid_grant",
            "interaction_required",
            "login_required",
            "consent_required",
            "access_denied",
            "authorization_declined",
            "expired_token",
        ),
        answer="invalid_grant; interaction_required; login_required; consent_required; access_denied; "
        "authorization_declined; expired_token",
        meaning="Somebody has to sign in or consent again.",
        remedy=_SIGN_IN + "; app-only: Entra admin center → App registrations → {client_id} → API permissions → Grant "
        "admin consent",
        source=_RFC,
    ),
    TokenRow(
        rule="entra.sign-in-pending",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("authorization_pending", "slow_down"),
        answer="authorization_pending; slow_down",
        meaning="The sign-in with the device code is not finished yet.",
        remedy="Open the address shown and type the code, signed in as {account}",
        source="RFC 8628 §3.5",
    ),
    TokenRow(
        rule="entra.service-trouble-word",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        errors=("temporarily_unavailable", "server_error"),
        answer="temporarily_unavailable; server_error",
        meaning="Entra has a problem of its own.",
        remedy="Nothing to do: the relay tries again. If it lasts: Microsoft 365 admin center → Health → Service "
        "health",
        source="RFC 6749 §4.1.2.1",
    ),
    TokenRow(
        rule="entra.proxy-unreachable",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        errors=("unreachable", "timeout"),
        says=r"outgoing\.https_proxy",
        answer="unreachable: … the proxy … (outgoing.https_proxy) does not lead to it",
        meaning="The proxy could not be reached, or does not let the relay pass to Entra.",
        remedy="Check outgoing.https_proxy, and that the proxy lets {login_host}:443 pass",
        source="this relay",
        patience_s=_BY_THEN_S,
    ),
    TokenRow(
        rule="entra.unreachable",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        errors=("unreachable", "timeout"),
        answer="unreachable; timeout",
        meaning="Entra could not be reached, or did not answer in time.",
        remedy=_OPEN,
        source="this relay",
        patience_s=_BY_THEN_S,
    ),
    TokenRow(
        rule="entra.bad-answer",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        errors=("bad_answer",),
        answer="bad_answer (HTML or an empty body instead of JSON)",
        meaning="What answered was not Entra's token endpoint: a proxy, a captive portal, or a wrong authority.",
        remedy="Check apps.{app}.authority and tenant ({tenant}), and let the proxy pass {login_host} "
        "unauthenticated (outgoing.https_proxy)",
        source="this relay",
        patience_s=_BY_THEN_S,
    ),
)

BUSY = TokenRow(
    rule="entra.throttled",
    cls=Class.THROTTLE,
    scope=Scope.PROFILE,
    answer="HTTP 429",
    meaning="Entra slows this app down.",
    remedy="Nothing to do: the relay waits; look for another program that uses app {client_id}",
    source="RFC 6585 §4",
    wait_s=60,
)

DOWN = TokenRow(
    rule="entra.service-down",
    cls=Class.TRANSIENT,
    scope=Scope.PROFILE,
    answer="HTTP 500–599, or no answer and an unknown word",
    meaning="Entra, or something before it, has a problem of its own.",
    remedy="Nothing to do: the relay tries again. " + _OPEN,
    source="RFC 9110 §15.6",
)

UNKNOWN = TokenRow(
    rule="entra.other",
    cls=Class.CONFIGURATION,
    scope=Scope.PROFILE,
    answer="any other answer",
    meaning="Entra refuses to give a token for a reason that this relay does not know.",
    remedy="Look the AADSTS number up at https://{login_host}/error; Entra admin center → Sign-in logs → "
    "Service principal sign-ins shows the attempt of {client_id}",
    source="RFC 6749 §5.2",
)
