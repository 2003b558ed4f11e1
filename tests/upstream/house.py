"""One configuration with delegated profiles, in this process, and people who sign in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.loader import load
from relay.control.authorize import Authorization
from relay.upstream.people import place_of
from tests.e2e.person import Browser
from tests.tokens.jane import query

if TYPE_CHECKING:
    from pathlib import Path

    from relay.tokens.vault import Kept
    from tests.e2e.pretend import PretendCloud


class House:
    """The settings of one file; the cloud has to sign in at once whom the relay names (`auto_sign_in="hint"`)."""

    def __init__(self, config: Path) -> None:
        self.settings = load(config)

    def sign_in(self, cloud: PretendCloud, profile: str = "ann") -> None:
        """As `relay authorize` does it."""
        authorization = Authorization(self.settings, profile)
        page = Browser(cloud.settings.ca_file).get(authorization.begin("http://localhost:1"))
        authorization.finish(query(page.headers["Location"]))

    def kept(self, profile: str = "ann") -> Kept:
        """What is kept of it now."""
        return place_of(self.settings, profile).read()
