"""What happens to tokens, told to the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relay.telemetry.journal import Journal
    from relay.tokens.rotation import Change
    from relay.tokens.source import TokenError
    from relay.tokens.vault import VaultError


@dataclass(frozen=True, slots=True)
class TokenNews:
    """The `Listener` of `relay.upstream.sources.Sources`."""

    journal: Journal

    def fetched(self, app: str, ms: float, expires_in: float) -> None:
        self.journal.token_fetched(app=app, ms=round(ms, 1), expires_in=round(expires_in))

    def kept(self, app: str, error: TokenError, left_s: float) -> None:
        self.journal.token_kept(
            app=app, reason=str(error), left_s=round(left_s),
            remedy="mail goes on with the last token until it ends; `relay explain` with the reason tells the remedy",
        )  # fmt: skip

    def changed(self, app: str, change: Change) -> None:
        self.journal.credential_changed(
            app=app, credential=change.now, refused=change.before, reason=str(change.refusal),
            remedy="mail goes on with the other one; replace the refused one before that ends too",
        )  # fmt: skip

    def unwritten(self, profile: str, error: VaultError) -> None:
        self.journal.service(
            "signin.failing", level="error", profile=profile, answer=str(error),
            meaning="The sign-in works, but its new refresh token could not be written: it is kept in memory.",
            remedy="Mend the disk of data_dir/tokens before the relay restarts: mail goes on, and the next token "
            f"(within the hour) writes it; if the old one no longer serves then: relay authorize {profile}",
        )  # fmt: skip
