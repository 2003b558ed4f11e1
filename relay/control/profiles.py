"""Sender profiles as one looks at them: state and remedy, what they are made of, when what they need ends.

Nothing here is a secret: of credentials the place and the end are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from relay.config.settings import SignIn, TransportKind
from relay.control.status import CredentialStatus, TokenStatus, WhyStatus  # noqa: TC001  (read from the annotations)
from relay.upstream.people import person_of

if TYPE_CHECKING:
    from relay.config.settings import App, Settings
    from relay.control.running import Control
    from relay.control.status import ProfileStatus, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """One sender profile."""

    name: Annotated[str, "under profiles in the configuration"]
    state: Annotated[
        str, "ok; paused (nothing leaves); sign_in (a person must sign in); detour (leaves by its fallback)"
    ]
    why: Annotated[WhyStatus | None, "null when the state is ok"]
    mailbox: Annotated[str, "who signs in"]
    transport: Annotated[str, "smtp, hve, graph or connector"]
    fallback: Annotated[str, "the second transport; empty: none"]
    submits_to: Annotated[str, "host and port, or the address of Graph"]
    from_policy: Annotated[str, "keep, mailbox, person or send_as"]
    send_as: Annotated[str, "the address that from_policy send_as writes"]
    canary: Annotated[str, "mailbox that must be refused; empty: none is named"]
    app: Annotated[str, "under apps in the configuration"]
    cloud: Annotated[str, "the Microsoft cloud"]
    tenant: Annotated[str, "of the app"]
    client_id: Annotated[str, "of the app"]
    delegated: Annotated[bool, "whether a person signs in for it"]
    person: Annotated[str, "who that is; empty for an app alone"]
    credential: Annotated[str, "where the app's credential is kept, never what it is; empty: a public client"]
    credentials: Annotated[list[CredentialStatus], "ends of the app's credentials that are known"]
    token: Annotated[TokenStatus | None, "the app's newest token since the start; null: none yet"]
    devices: Annotated[list[str], "devices whose mail leaves by it"]
    waiting: Annotated[int, "messages of it that will leave by themselves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All of the configuration."""

    profiles: Annotated[list[ProfileView], "in the configuration's order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What has to be done in the tenant for one profile."""

    profile: Annotated[str, "its name"]
    classic: Annotated[bool, "API permission and full access, instead of RBAC for Applications"]
    script: Annotated[str, "PowerShell, complete, fit to be run again; empty where none can be written"]
    portal: Annotated[str, "the steps in the admin centers; empty where none can be said"]
    trouble: Annotated[str, "why not, and what to do; empty when both are there"]


async def profiles_of(control: Control) -> Profiles:
    """All profiles as they are now."""
    now = await control.status()
    return Profiles(profiles=[_view(control.settings, each, now) for each in now.profiles])


async def profile_of(control: Control, name: str) -> ProfileView:
    """One profile. Raises `LookupError`."""
    now = await control.status()
    return _view(control.settings, _named(now, name), now)


def setup_of(settings: Settings, name: str, *, classic: bool) -> Setup:
    """Script and clicks for one profile. Raises `LookupError`."""
    if name not in settings.profiles:
        raise _unknown(name, list(settings.profiles))
    from relay.control.m365 import UnfitError, script  # not before somebody asks: it has its price in memory
    from relay.control.m365_portal import portal

    try:
        texts = script(settings, name, classic=classic), portal(settings, name, classic=classic)
    except UnfitError as error:
        return Setup(profile=name, classic=classic, script="", portal="", trouble=f"profiles.{name}: {error}")
    return Setup(profile=name, classic=classic, script=texts[0], portal=texts[1], trouble="")


def _named(now: Status, name: str) -> ProfileStatus:
    found = next((each for each in now.profiles if each.name == name), None)
    if found is None:
        raise _unknown(name, [each.name for each in now.profiles])
    return found


def _unknown(name: str, names: list[str]) -> LookupError:
    return LookupError(f"there is no profile {name}; there are {', '.join(names)}")


def _view(settings: Settings, state: ProfileStatus, now: Status) -> ProfileView:
    profile = settings.profiles[state.name]
    app = settings.apps[profile.app]
    delegated = profile.sign_in is SignIn.DELEGATED
    return ProfileView(
        name=state.name, state=state.state, why=state.why, mailbox=profile.mailbox, transport=state.transport,
        fallback=profile.fallback.value if profile.fallback else "", submits_to=_submits_to(settings, state.name),
        from_policy=profile.from_policy.value, send_as=profile.send_as.address if profile.send_as else "",
        canary=profile.canary, app=profile.app, cloud=app.cloud.value, tenant=app.tenant, client_id=app.client_id,
        delegated=delegated, person=person_of(profile) if delegated else "", credential=_credential(app),
        credentials=[each for each in now.credentials if each.app == profile.app],
        token=next((each for each in now.tokens if each.app == profile.app), None),
        devices=[name for name, device in settings.devices.items() if device.profile == state.name],
        waiting=sum(
            each.count for each in now.queue
            if each.profile == state.name and each.state in ("queued", "uncertain", "leased")
        ),
    )  # fmt: skip


def _submits_to(settings: Settings, name: str) -> str:
    profile = settings.profiles[name]
    if profile.transport is TransportKind.GRAPH:
        return settings.graph_url_of(name)
    place = profile.connector if profile.transport is TransportKind.CONNECTOR else settings.endpoint_of(name)
    return f"{place.host}:{place.port}"


def _credential(app: App) -> str:
    credential = app.credential
    if credential is None:
        return ""
    if credential.secret is not None:
        return f"secret {credential.secret}"
    if credential.certificate is not None:
        return f"certificate {credential.certificate.pfx or credential.certificate.certificate}"
    assert credential.federated is not None  # the configuration takes exactly one of the three
    return f"federated {credential.federated.token_file or credential.federated.managed_identity}"
