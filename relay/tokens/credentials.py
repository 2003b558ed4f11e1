"""How the relay proves to Entra that it is the app: the contract, a client secret, and a token that Entra trusts.

Every credential is read anew at each question, so that a changed file is taken up without a restart. What cannot be had
leaves as `TokenError` with the word `secret_unreadable`: which credential, where it is kept, what happened, what to do.
No secret is in a name, a repr or an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNREADABLE = "secret_unreadable"


@dataclass(frozen=True, slots=True)
class Proof:
    """A credential as it is now.

    `client_credential` is what `relay.tokens.client.confidential` takes: a client secret, or a function that makes a
    client assertion for the token endpoint it is given. As long as `mark` is the same, an application that was built
    with an earlier proof goes on.
    """

    client_credential: str | Callable[[str], str] = field(repr=False)
    mark: str = field(repr=False)


class Credential(Protocol):
    """One way to prove it. `name` says in words which."""

    @property
    def name(self) -> str: ...

    def load(self) -> Proof:
        """Reads it; may block. Raises `TokenError`."""
        ...


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret, wherever `read` finds it."""

    read: Callable[[], str]
    name: str = "the client secret"

    def load(self) -> Proof:
        """The secret as it is now."""
        secret = read_or_say(self.read)
        if not secret:  # MSAL would ask without a credential, and Entra's answer would mislead
            raise unreadable(f"{self.name} is empty: store its Value (not its Secret ID)")
        return Proof(secret, secret)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A workload's token in a file that somebody else keeps fresh (Kubernetes and the like)."""

    path: Path

    @property
    def name(self) -> str:
        return f"the federated token {self.path}"

    def load(self) -> Proof:
        """Checks the file; it is read once more when the request goes out."""
        self._token()
        return Proof(lambda _audience: self._token(), "")

    def _token(self) -> str:
        try:
            text = self.path.read_text(encoding="ascii").strip()
        except OSError as exc:
            raise unreadable(f"{self.name} cannot be read: {exc.strerror}; {self._remedy}") from None
        except ValueError:
            raise unreadable(f"{self.name} is no text in ASCII, so no token; {self._remedy}") from None
        if not text:
            raise unreadable(f"{self.name} is empty; {self._remedy}")
        return text

    @property
    def _remedy(self) -> str:
        return (
            "check what writes it (in Kubernetes: the label azure.workload.identity/use and the service account of "
            "the pod), and that the relay's user may read it"
        )


def read_or_say(read: Callable[[], str]) -> str:
    """What a reference to a secret reads. Raises `TokenError` with its words, which never hold the secret."""
    try:
        return read()
    except Exception as exc:
        raise unreadable(str(exc)) from exc


def unreadable(text: str) -> TokenError:
    """The error of a credential that cannot be had."""
    return TokenError(UNREADABLE, text)
