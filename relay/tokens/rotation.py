"""Two credentials of one app, so that changing one leaves no gap.

The next one is tried when Entra refuses the first for itself, or when it cannot be had; never for another cause: an
outage, a wrong tenant or a missing permission is the same with both. The one that worked is asked first from then on,
until it is refused in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.tokens.credentials import UNREADABLE, unreadable
from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relay.tokens.keeper import Issuer
    from relay.tokens.source import Token

OF_THE_CREDENTIAL = frozenset(
    {
        *(7000215, 7000222, 7000216, 7000218),  # the secret: wrong, expired, missing
        *(700027, 700024, 700023, 700030, 50012, 50027),  # the assertion: key, time, audience, subject, form
        *(
            70021,
            70025,
            700211,
            700212,
            700213,
            700229,
        ),  # the federated identity: none, issuer, audience, subject, type
    }
)
"""AADSTS numbers that speak of the proof alone (facts: Microsoft's table of error codes, and field reports)."""


@dataclass(frozen=True, slots=True)
class Change:
    """Another credential works now: which, which one did not, and what Entra said to that."""

    now: str
    before: str
    refusal: TokenError


class Rotation:
    """The `Issuer` over (name, issuer) pairs, in the order they are tried first."""

    def __init__(
        self, issuers: Sequence[tuple[str, Issuer]], on_change: Callable[[Change], None] | None = None
    ) -> None:
        """`on_change` is called once for each change, in the thread that asks."""
        self._issuers = list(issuers)
        self._on_change = on_change or (lambda _change: None)

    def acquire(self) -> Token:
        """A token by the first credential that Entra takes. Raises `TokenError`."""
        refusals: list[tuple[str, TokenError]] = []
        for name, issuer in list(self._issuers):
            try:
                token = issuer.acquire()
            except TokenError as exc:
                if not refuses_credential(exc):
                    raise
                refusals.append((name, exc))
            else:
                self._works(name, refusals)
                return token
        raise _refused(refusals)

    def forget(self) -> None:
        """The next `acquire` starts from nothing."""
        for _, issuer in self._issuers:
            issuer.forget()

    def _works(self, name: str, refusals: Sequence[tuple[str, TokenError]]) -> None:
        if refusals:
            self._issuers.sort(key=lambda pair: pair[0] != name)
            self._on_change(Change(name, *refusals[0]))


def refuses_credential(error: TokenError) -> bool:
    """Whether another credential of the same app could fare better."""
    if error.codes:
        return any(code in OF_THE_CREDENTIAL for code in error.codes)
    return error.error in (UNREADABLE, "invalid_client")


def _refused(refusals: Sequence[tuple[str, TokenError]]) -> TokenError:
    """All were refused: the first one's words and numbers decide, the others stand beside."""
    if not refusals:
        return unreadable("the app has no credential; set credential")
    (name, first), *others = refusals
    if not others:
        return first
    texts = [f"{name}: {first.description}", *(f"{other}: {error.description}" for other, error in others)]
    return TokenError(
        first.error, "; ".join(texts), codes=first.codes, status=first.status, retry_after=first.retry_after
    )
