"""A person of the tenant signs in at the dashboard with Entra ID: the way there, and who came back.

Questions to Entra block: for threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from relay.config.clouds import HOSTS
from relay.config.tenant import is_guid
from relay.policy.verdicts import Facts, judge_token
from relay.tokens.source import TokenError
from relay.tokens.whois import WhoIs
from relay.upstream.people import persons_apps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config.settings import Settings

T = TypeVar("T")
PATH = "/sign-in/entra"


class EntraRefused(Exception):  # noqa: N818  (named for what is the case)
    """Nobody was signed in: what it means, what Entra literally said, and what to do."""

    def __init__(self, meaning: str, answer: str, remedy: str) -> None:
        super().__init__(f"{meaning}: {answer}")
        self.meaning = meaning
        self.answer = answer
        self.remedy = remedy


class EntraSigningIn:
    """One sign-in, begun."""

    def __init__(self, settings: Settings) -> None:
        """Asks the authority; raises `EntraRefused`."""
        http = settings.http
        assert http.entra is not None
        self._name, self._app = http.entra.app, settings.apps[http.entra.app]
        apps = [app for _, app in persons_apps(settings, self._app)]
        tenant = self._app.tenant if is_guid(self._app.tenant) else ""
        self._who = self._ask(lambda: WhoIs(apps, tenant, http.public_url + PATH))

    @property
    def url(self) -> str:
        """Where the person's browser goes."""
        return self._who.url

    def finish(self, answer: Mapping[str, str]) -> str:
        """The user name of whoever came back. Raises `EntraRefused`."""
        return self._ask(lambda: self._who.finish(answer))

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except TokenError as error:
            app, hosts = self._app, HOSTS[self._app.cloud]
            facts = Facts(
                app=self._name, tenant=app.tenant, client_id=app.client_id, scope="openid profile",
                login_host=hosts.login, graph_host=hosts.graph,
            )  # fmt: skip
            verdict = judge_token(error.error, error.description, error.codes, error.status, facts)
            raise EntraRefused(verdict.meaning, f"{error.error}: {error.description}", verdict.remedy) from error
