"""Who asks for a token: the application proves itself by a secret or an assertion, or is a public client."""

import hmac
from collections.abc import Mapping

from relay.sandbox import assertion
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.registration import Registration, Secret

BY_NOTHING, BY_SECRET, BY_ASSERTION = "0", "1", "2"  # the claim appidacr


def authenticate(
    form: Mapping[str, str], app: Registration, audiences: tuple[str, ...], facts: Mapping[str, str]
) -> str:
    """How the application proved itself (`BY_...`); raise RefusalError when its proof is wrong."""
    if form["client_id"].lower() != app.client_id.lower():
        raise RefusalError(700016, facts)
    if form.get("client_assertion"):
        assertion.check(form, app, audiences, facts)
        return BY_ASSERTION
    if form.get("client_secret"):
        _check_secret(form["client_secret"], app, facts)
        return BY_SECRET
    return BY_NOTHING


def _check_secret(given: str, app: Registration, facts: Mapping[str, str]) -> None:
    secret = _same(given, app)
    if secret is None or secret.state == "refused":
        raise RefusalError(7000215, facts)
    if secret.is_expired:
        raise RefusalError(7000222, facts)


def _same(given: str, app: Registration) -> Secret | None:
    return next((one for one in app.secrets if hmac.compare_digest(given.encode(), one.value.encode())), None)
