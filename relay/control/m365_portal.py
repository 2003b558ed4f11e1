"""The same for those who click: what is done in the admin centers, step by step, with the profile's own values.

Some of it has no page: then the step says so, and names the line of the script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.settings import FromPolicy, Resource, SignIn, TransportKind
from relay.control.m365_way import authors, certificate_name, companions, ways_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import App, Profile, Settings

EXCHANGE = "API permissions → Add → APIs my organization uses → Office 365 Exchange Online"
CONSENT = "then Grant admin consent."


def portal(settings: Settings, profile_name: str, *, classic: bool = False) -> str:
    """All steps for one profile, numbered. Raises `UnfitError`."""
    ways = ways_of(settings, profile_name, classic=classic)
    profile = settings.profiles[profile_name]
    app = settings.apps[profile.app]
    steps: list[str] = []
    if any(way.kind is not TransportKind.CONNECTOR for way in ways):
        steps += _registration(app)
        steps += _person(settings, profile_name) if profile.sign_in is SignIn.DELEGATED else _credential(app)
    for way in ways:
        steps += _way(settings, profile_name, way.kind, classic=classic)
    numbered = "\n".join(f"{number:>2}. {step}" for number, step in enumerate(steps, 1))
    return f"Profile {profile_name} by clicks, in tenant {app.tenant}\n\n{numbered}\n"


def _registration(app: App) -> Iterator[str]:
    yield (
        "Entra admin center → App registrations → New registration: any name, accounts in this directory only. "
        f"Its Application (client) ID is client_id in the configuration ({app.client_id})."
    )


def _credential(app: App) -> Iterator[str]:
    place = "App registrations → the app → Certificates & secrets"
    credential = app.credential
    if credential is not None and credential.certificate is not None:
        yield f"{place} → Certificates → Upload: the certificate alone (.cer, .crt), never the private key."
    elif credential is not None and credential.federated is not None:
        yield (
            f"{place} → Federated credentials → Add: issuer and subject of the workload's token, audience "
            f"{credential.federated.audience}."
        )
    else:
        yield (
            f"{place} → New client secret. Copy its Value now, it is shown once; the Secret ID beside it is not the "
            "secret. Note when it expires: credential.expires."
        )


def _person(settings: Settings, profile_name: str) -> Iterator[str]:
    """What a person's sign-in needs."""
    profile = settings.profiles[profile_name]
    app = settings.apps[profile.app]
    platform = "Web" if app.credential is not None else "Mobile and desktop applications"
    yield f"Authentication → Add a platform → {platform}: redirect URI {app.redirect_uri}, exactly so."
    if app.credential is None:
        yield "Authentication → Allow public client flows: Yes (the app has no credential of its own)."
    else:
        yield from _credential(app)
    kinds = {kind for kind in (profile.transport, profile.fallback) if kind is not None}
    graph = settings.scope_of(profile_name, Resource.GRAPH).split() if TransportKind.GRAPH in kinds else []
    names = [scope.rpartition("/")[2] for scope in graph]
    names += ["SMTP.Send"] if kinds & {TransportKind.SMTP, TransportKind.HVE} else []
    yield f"API permissions → Add → Microsoft Graph → Delegated permissions: {', '.join(names)}; {CONSENT}"


def _way(settings: Settings, profile_name: str, kind: TransportKind, *, classic: bool) -> Iterator[str]:
    profile = settings.profiles[profile_name]
    mates = companions(settings, profile, kind)
    mailboxes = ", ".join(dict.fromkeys(mate.mailbox for mate in mates))
    if kind is TransportKind.CONNECTOR:
        yield from _connector(profile)
        return
    if profile.sign_in is SignIn.APP:
        yield from _permission(profile_name, kind, mailboxes, classic=classic)
    if kind is TransportKind.HVE:
        yield "Exchange admin center → Mail flow → High Volume Email: the account, and a billing policy for it."
    if kind is TransportKind.SMTP:
        place = f"Microsoft 365 admin center → Active users → {mailboxes}"
        yield f"{place} → Mail → Manage email apps: Authenticated SMTP on."
    yield from _send_as(profile, mates)
    if profile.sign_in is SignIn.DELEGATED:
        yield f"On the relay's machine: relay authorize {profile_name}, signed in as {profile.upn or profile.mailbox}."


def _permission(profile_name: str, kind: TransportKind, mailboxes: str, *, classic: bool) -> Iterator[str]:
    if kind is TransportKind.HVE:
        yield f"{EXCHANGE} → Application permissions: Mail.Send; {CONSENT}"
    elif classic:
        yield f"{EXCHANGE} → Application permissions: SMTP.SendAsApp; {CONSENT}"
    else:
        yield "API permissions: add none for this. The permission comes from Exchange, for the mailboxes named alone."
    yield (
        "Enterprise applications → the app → Object ID: this is the one that Exchange wants. The page of the app "
        "registration shows an Object ID too, and that is another one."
    )
    command = f"{profile_name} --classic" if classic else profile_name
    yield f"Exchange has no page for giving the app {mailboxes}: run what  relay setup m365 {command}  prints."


def _send_as(profile: Profile, mates: list[Profile]) -> Iterator[str]:
    addresses = list(authors(mates))
    if any(mate.from_policy is FromPolicy.KEEP for mate in mates):
        addresses.append("each address that devices write as author")
    if not addresses:
        return
    if profile.sign_in is SignIn.DELEGATED:
        who = profile.upn or profile.mailbox
        yield f"Exchange admin center → Mailboxes → {', '.join(addresses)} → Delegation → Send as: add {who}."
    else:
        yield f"Send As for {', '.join(addresses)}: no page lets one pick an app; the script's Add-RecipientPermission."


def _connector(profile: Profile) -> Iterator[str]:
    yield (
        "Exchange admin center → Mail flow → Connectors → Add: from Your organization's email server to Office 365, "
        f"recognized by the certificate name {certificate_name(profile)}."
    )
    yield f"Settings → Domains: the domain of that name is there. The tenant's MX is {profile.connector.host}, port 25."
