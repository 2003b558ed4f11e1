"""The rules between apps and profiles: each way that mail leaves has what it needs, and no word contradicts another.

Part of `relay.config.crosscheck`: works on the plain tree, and skips whatever has the wrong type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config import scopes
from relay.config.clouds import HOSTS, Cloud
from relay.config.complaint import nearest_name
from relay.config.finding import Finding, below, sections, text
from relay.config.tenant import ANYBODY, is_guid, understood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.config.finding import Tree

_CLIENT_SUBMISSION = {hosts.smtp for hosts in HOSTS.values()}


def _apps_prove_themselves(tree: Tree) -> Iterator[Finding]:
    """An app that signs in alone needs a credential."""
    for name, app in sections(tree, "apps"):
        mistyped = nearest_name("credential", [key for key in app if key not in {"credential", "next_credential"}])
        if app.get("credential") is None and not mistyped:
            yield from _no_credential(name, app, _profiles_of(tree, name, "app"))


def _no_credential(name: str, app: Tree, profiles: list[str]) -> Iterator[Finding]:
    if app.get("next_credential") is not None:
        path = ("apps", name, "next_credential")
        yield Finding(path, "is the second of two, and there is no credential", remedy="name it credential")
    elif profiles:
        remedy = "add credential: {secret: …}, {certificate: …} or {federated: …}; or set sign_in: delegated there"
        what = f"is missing: the app signs in alone for profile {', '.join(profiles)}"
        yield Finding(("apps", name, "credential"), what, remedy=remedy)


def _tenants_are_one(tree: Tree) -> Iterator[Finding]:
    """`common` stands for any tenant; an app without a person, and a single-tenant app, must name theirs."""
    for name, app in sections(tree, "apps"):
        tenant = _tenant(app)
        if tenant in ANYBODY:
            alone = _profiles_of(tree, name, "app") or not _profiles_of(tree, name, "delegated")
            reason = (
                "no person says which tenant it is, and Entra refuses client credentials there (AADSTS9001023, 90124)"
                if alone
                else "Entra takes it from multitenant apps only (AADSTS50194), and somebody of another tenant could "
                "sign in"
            )
            remedy = "write the tenant's id (a GUID: Entra admin center, Overview) or one of its domains"
            what = f"{tenant} stands for {ANYBODY[tenant]}: {reason}"
            yield Finding(("apps", name, "tenant"), what, found=str(app["tenant"]), remedy=remedy)


def _tenants_are_domains(tree: Tree) -> Iterator[Finding]:
    """Entra knows ids and domains; another identity provider, under an authority of one's own, may know words."""
    for name, app in sections(tree, "apps"):
        tenant = _tenant(app)
        if tenant and "." not in tenant and not is_guid(tenant) and tenant not in ANYBODY and not app.get("authority"):
            what = "is neither a tenant's id, which is a whole GUID, nor a domain (AADSTS900023)"
            near = f"{tenant}.onmicrosoft.com" if not set(tenant) <= set("0123456789abcdef-") else ""
            yield Finding(("apps", name, "tenant"), what, found=str(app["tenant"]), nearest=near)


def _tenant(app: Tree) -> str:
    """The tenant that was understood; empty for what has been complained about already."""
    try:
        said = understood(text(app, "tenant"))
    except ValueError:
        return ""
    return said.tenant if said.clouds or not said.host else ""


def _scopes_fit_the_sign_in(tree: Tree) -> Iterator[Finding]:
    """Client credentials take `<resource>/.default` and nothing else."""
    readers = {"scope": scopes.outlook_scope, "graph_scope": scopes.graph_scope}
    for name, app in sections(tree, "apps"):
        profiles = _profiles_of(tree, name, "app")
        for option, read in readers.items():
            scope = _scope(app, option, read)
            if scope and profiles and not scope.endswith("/.default"):
                base = scope.rpartition("/")[0]
                what = f"is a person's, and profile {', '.join(profiles)} signs in as the app alone (AADSTS1002012)"
                yield Finding(
                    ("apps", name, option), what, found=scope, remedy=f"leave it out, or write {base}/.default"
                )


def _scope(app: Tree, option: str, read: Callable[[str, Cloud], str]) -> str:
    try:
        return read(text(app, option), Cloud(app.get("cloud") or Cloud.WORLDWIDE))
    except ValueError:
        return ""


def _connectors_are_reached(tree: Tree) -> Iterator[Finding]:
    for name, profile in sections(tree, "profiles"):
        connector = below(profile, "connector")
        host = text(connector, "host").lower()
        path = ("profiles", name, "connector", "host")
        remedy = "write the tenant's MX host, such as contoso-com.mail.protection.outlook.com"
        if "connector" in _ways(profile) and not host:
            yield Finding(path, f"is missing: {_used_as(profile, 'connector')}: connector needs it", remedy=remedy)
        if host in _CLIENT_SUBMISSION:
            yield Finding(path, "takes mail of mailboxes that sign in, not of connectors", found=host, remedy=remedy)


def _connectors_have_pairs(tree: Tree) -> Iterator[Finding]:
    for name, profile in sections(tree, "profiles"):
        connector = below(profile, "connector")
        given = [option for option in ("certificate", "private_key") if connector.get(option) is not None]
        if len(given) == 1:
            remedy = "give certificate and private_key; or none, where Exchange knows the relay by its IP address"
            yield Finding(("profiles", name, "connector", given[0]), "is one half of two", remedy=remedy)


def _fallbacks_differ(tree: Tree) -> Iterator[Finding]:
    for name, profile in sections(tree, "profiles"):
        first, second = _transport(profile), text(profile, "fallback")
        if second and first == second:
            remedy = "name another transport, or leave it out"
            yield Finding(("profiles", name, "fallback"), "is the transport itself", found=second, remedy=remedy)
        if text(below(profile, "graph"), "too_big") == "fallback" and "graph" in _ways(profile):
            yield from _nothing_behind(name, profile)


def _nothing_behind(name: str, profile: Tree) -> Iterator[Finding]:
    """`too_big: fallback` needs somewhere to fall."""
    second = text(profile, "fallback")
    if not second or second == "graph":
        what = "the profile has no fallback" if not second else "graph is the fallback itself: nothing is behind it"
        remedy = "add fallback: smtp to the profile, or set too_big: refuse"
        yield Finding(("profiles", name, "graph", "too_big"), what, found="fallback", remedy=remedy)


def _canaries_are_strangers(tree: Tree) -> Iterator[Finding]:
    """A canary proves that a mailbox is out of the app's reach: it cannot be one that the app must use."""
    for name, profile in sections(tree, "profiles"):
        canary, app = text(profile, "canary"), text(profile, "app")
        used = [text(item, "mailbox").lower() for _, item in sections(tree, "profiles") if text(item, "app") == app]
        if canary and canary.lower() in used:
            remedy = "name a mailbox that the relay must never use"
            what = f"app {app} has to send as this mailbox, so that it can't be refused"
            yield Finding(("profiles", name, "canary"), what, found=canary, remedy=remedy)


RULES: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    _apps_prove_themselves,
    _tenants_are_one,
    _tenants_are_domains,
    _scopes_fit_the_sign_in,
    _connectors_are_reached,
    _connectors_have_pairs,
    _fallbacks_differ,
    _canaries_are_strangers,
)


def _profiles_of(tree: Tree, app: str, sign_in: str) -> list[str]:
    """The profiles that take tokens of an app and sign in so."""
    return [
        name
        for name, profile in sections(tree, "profiles")
        if profile.get("app") == app and _sign_in(profile) == sign_in and _ways(profile) != {"connector"}
    ]


def _sign_in(profile: Tree) -> str:
    return text(profile, "sign_in") or "app"


def _transport(profile: Tree) -> str:
    return text(profile, "transport") or "smtp"


def _ways(profile: Tree) -> set[str]:
    return {_transport(profile), text(profile, "fallback")} - {""}


def _used_as(profile: Tree, kind: str) -> str:
    return "transport" if _transport(profile) == kind else "fallback"
