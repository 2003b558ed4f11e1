"""An Azure managed identity as the app's credential: its token is the client assertion (no secret at all).

The token comes from the machine's own metadata endpoint (VM, App Service, Azure Arc, Automation), never through a
proxy; the app registration names the identity as a federated credential. Service Fabric is not served: MSAL wants an
HTTP client of its own kind for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.tokens import client
from relay.tokens.answers import Recorder, Route, first_words
from relay.tokens.credentials import Proof, unreadable

_REMEDY = (
    "is a managed identity assigned to this machine (Azure portal → the machine → Identity), and is "
    "federated.managed_identity system or the client id of an assigned one?"
)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """`identity` is "system" or the client id of a user-assigned one; `audience` is whom the token is for."""

    identity: str
    audience: str

    @property
    def name(self) -> str:
        return f"the managed identity {self.identity}"

    def load(self) -> Proof:
        """Asks the machine's metadata endpoint; the token serves the request that follows."""
        token = self._token()
        return Proof(lambda _audience: token, token)

    def _token(self) -> str:
        answers = Recorder(Route())
        try:
            said = client.managed_identity(self.identity, answers).acquire_token_for_client(resource=self.audience)
        except Exception as exc:  # whatever happened on the way there, there is no credential
            raise unreadable(f"{self.name} gave no token: {_why(answers, exc)}; {_REMEDY}") from exc
        finally:
            answers.close()
        return self._value(said if isinstance(said, dict) else {}, answers)

    def _value(self, said: dict[str, Any], answers: Recorder) -> str:
        token = said.get("access_token")
        if isinstance(token, str) and token:
            return token
        words = said.get("error_description") or said.get("error") or "no token in it"
        raise unreadable(f"{self.name}: the metadata endpoint answered HTTP {answers.status}: {words}; {_REMEDY}")


def _why(answers: Recorder, exc: Exception) -> str:
    if answers.status:
        return f"the metadata endpoint answered HTTP {answers.status}, and no JSON"
    return f"the metadata endpoint cannot be reached ({type(exc).__name__}: {first_words(exc)})"
