"""Entra's half of the management port: what the application has to prove itself, and the people of the tenant.

| request | answer |
|---|---|
| `GET /application` | secrets (without values), certificates, federated credentials, permissions |
| `POST /secrets` · `/certificates` · `/federated` | add: value, state, days · pem · issuer, subject, key, audience |
| `DELETE /credentials/<id>` | take a secret or certificate away |
| `GET /users` · `POST /users` | list · add one: upn, mailbox, aliases, send_as, name |
| `POST /device` | type a device's code: user_code, user; or decline |
| `POST /revoke-sessions` · `/withdraw-consent` | of a user: refresh tokens are refused with 50173 · 65001 |
| `POST /let-time-pass` | seconds, by which codes and refresh tokens grow older |
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from relay.sandbox.aadsts import RefusalError
from relay.sandbox.httpd import Request, Response, json_response

if TYPE_CHECKING:
    from relay.sandbox.cloud import Cloud


class EntraDesk:
    """Answers requests about one cloud's Entra; None for what is none of its business. Raises ValueError, TypeError."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._added: Mapping[str, Callable[[dict[str, Any]], Response]] = {
            "secrets": self._add_secret,
            "certificates": self._add_certificate,
            "federated": self._add_federated,
            "users": self._add_user,
            "device": self._type_code,
            "revoke-sessions": self._revoke_sessions,
            "withdraw-consent": self._withdraw_consent,
            "let-time-pass": self._let_time_pass,
        }

    def answer(self, method: str, kind: str, name: str, request: Request) -> Response | None:
        """The reply to one request, or None."""
        cloud = self._cloud
        match method, kind:
            case "GET", "application":
                return json_response(cloud.entra.registration.to_json())
            case "GET", "users":
                return json_response([user.to_json() for user in cloud.entra.people])
            case "DELETE", "credentials":
                return Response(204) if cloud.remove_credential(name) else json_response({"error": f"no {name}"}, 404)
            case "POST", _ if kind in self._added:
                try:
                    return self._added[kind](_object(request.json()))
                except RefusalError as refusal:
                    return json_response({"error": str(refusal)}, 400)
        return None

    def _add_secret(self, given: dict[str, Any]) -> Response:
        secret = self._cloud.add_secret(**given)
        return json_response({**secret.to_json(), "value": secret.value}, 201)

    def _add_certificate(self, given: dict[str, Any]) -> Response:
        return json_response(self._cloud.add_certificate(**given).to_json(), 201)

    def _add_federated(self, given: dict[str, Any]) -> Response:
        return json_response(self._cloud.add_federated(**given).to_json(), 201)

    def _add_user(self, given: dict[str, Any]) -> Response:
        return json_response(self._cloud.add_user(**given).to_json(), 201)

    def _type_code(self, given: dict[str, Any]) -> Response:
        user_code, user, decline = _text(given, "user_code"), _text(given, "user"), bool(given.get("decline"))
        self._cloud.enter_device_code(user_code, user, decline=decline)
        return Response(204)

    def _revoke_sessions(self, given: dict[str, Any]) -> Response:
        self._cloud.revoke_sessions(_text(given, "user"))
        return Response(204)

    def _withdraw_consent(self, given: dict[str, Any]) -> Response:
        self._cloud.withdraw_consent(_text(given, "user"))
        return Response(204)

    def _let_time_pass(self, given: dict[str, Any]) -> Response:
        self._cloud.let_time_pass(float(given.get("seconds", 0)))
        return Response(204)


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, ""))


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError("a JSON object is needed")  # noqa: TRY004 - answered as 400
    return given
