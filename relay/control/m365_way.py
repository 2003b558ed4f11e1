"""What one way upstream needs in the tenant: which pieces of script, with which values.

Mailboxes of other profiles of the same app that leave the same way belong to it too: they share group, scope and role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.config.settings import FromPolicy, SecretError, SignIn, TransportKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography import x509

    from relay.config.settings import Profile, Settings

EXCHANGE_APP, GRAPH_APP = "00000002-0000-0ff1-ce00-000000000000", "00000003-0000-0000-c000-000000000000"
_LONGEST = 40  # of an app's name within names that may have 64 characters

Values = dict[str, "str | tuple[str, ...]"]


class UnfitError(Exception):
    """No script can be written for this; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Way:
    """`values` are set first; the texts of `pieces`, `verify` and `undo` name pieces of script (`NAME`, `verify_NAME`,
    `undo_NAME`). `trustee` is who gets Send As: a variable, or the empty text where nobody needs it. `consents` tells
    that Entra is written to.
    """

    kind: TransportKind
    title: str
    values: Mapping[str, str | tuple[str, ...]]
    pieces: tuple[str, ...]
    verify: tuple[str, ...]
    undo: tuple[str, ...]
    trustee: str = ""
    app_only: bool = True
    consents: bool = False


def ways_of(settings: Settings, name: str, *, classic: bool) -> list[Way]:
    """The ways of a profile, its fallback too. Raises `UnfitError`."""
    profile = settings.profiles[name]
    kinds = dict.fromkeys(kind for kind in (profile.transport, profile.fallback) if kind is not None)
    return [_way(settings, profile, kind, classic=classic) for kind in kinds]


def companions(settings: Settings, profile: Profile, kind: TransportKind) -> list[Profile]:
    """This profile and all others of its app that leave the same way, signed in the same way."""
    mates = [
        other
        for other in settings.profiles.values()
        if (other.app, other.sign_in) == (profile.app, profile.sign_in) and kind in (other.transport, other.fallback)
    ]
    return sorted(mates, key=lambda other: other is not profile)


def authors(profiles: Iterable[Profile]) -> tuple[str, ...]:
    """The addresses they write as author besides their own mailboxes, as far as the configuration names them."""
    return _unique(address for profile in profiles for address in _authors_of(profile))


def _authors_of(profile: Profile) -> Iterable[str]:
    if profile.from_policy is FromPolicy.SEND_AS and profile.send_as is not None:
        named: tuple[str, ...] = (profile.send_as.address,)
    else:
        named = profile.senders if profile.from_policy is FromPolicy.KEEP else ()
    return (each for each in named if "@" in each and "*" not in each and each.lower() != profile.mailbox.lower())


def _way(settings: Settings, profile: Profile, kind: TransportKind, *, classic: bool) -> Way:
    if kind is TransportKind.CONNECTOR:
        return _connector(profile)
    values = _shared_values(settings, profile, kind)
    if profile.sign_in is SignIn.DELEGATED:
        return _delegated(profile, kind, values)
    if kind is TransportKind.HVE:
        return _hve(values)
    return _classic(kind, values) if classic else _rbac(kind, values)


def _shared_values(settings: Settings, profile: Profile, kind: TransportKind) -> Values:
    mates = companions(settings, profile, kind)
    mailboxes = _unique(mate.mailbox for mate in mates)
    taken = {mailbox.lower() for mailbox in mailboxes}
    canaries = _unique(mate.canary for mate in mates if mate.canary and mate.canary.lower() not in taken)
    name = f"relay {profile.app[:_LONGEST]} {kind}"
    return {
        "displayName": f"relay {profile.app[:_LONGEST]}", "mailboxes": mailboxes, "canary": canaries,
        "sendAs": authors(mates), "group": f"{name} senders", "scope": f"{name} scope", "assignment": name,
    }  # fmt: skip


def _rbac(kind: TransportKind, values: Values) -> Way:
    graph = kind is TransportKind.GRAPH
    values["role"] = "Application Mail.Send" if graph else "Application SMTP.SendAsApp"
    values["resourceAppId"], values["appRole"] = _api(kind)
    switches = () if graph else ("switches",)
    return Way(
        kind, "RBAC for Applications: a role for the members of one group", values,
        ("enterprise", "principal", "no_consent", "rbac", *switches), ("rbac", *switches),
        ("rbac", "principal", *switches), trustee="$objectId",
    )  # fmt: skip


def _classic(kind: TransportKind, values: Values) -> Way:
    if kind is TransportKind.GRAPH:
        raise UnfitError(
            "Graph has no classic way but Mail.Send for every mailbox of the tenant; leave --classic away: RBAC for "
            "Applications limits it to the mailboxes of the profile"
        )
    values["resourceAppId"], values["appRole"] = _api(kind)
    return Way(
        kind, "the classic way: an API permission, and full access to each mailbox",
        _without(values, "group", "scope", "assignment"),
        ("enterprise", "principal", "consent", "classic", "switches"), ("classic", "switches"),
        ("classic", "consent", "principal", "switches"), trustee="$objectId", consents=True,
    )  # fmt: skip


def _hve(values: Values) -> Way:
    values["resourceAppId"], values["appRole"] = EXCHANGE_APP, "Mail.Send"
    return Way(
        TransportKind.HVE, "High Volume Email: the account lets the app in",
        _without(values, "displayName", "group", "scope", "assignment", "sendAs"), ("enterprise", "consent", "hve"),
        ("hve",), ("hve", "consent"), consents=True,
    )  # fmt: skip


def _delegated(profile: Profile, kind: TransportKind, values: Values) -> Way:
    """A person signs in: no service principal, no role; what the person may do, the relay may do."""
    values["account"] = profile.upn or profile.mailbox
    own: Values = {name: values[name] for name in ("account", "mailboxes", "sendAs")}
    switches = ("switches",) if kind is TransportKind.SMTP else ()
    return Way(
        kind, "a person signs in (relay authorize): what the person may send as, the relay may", own,
        switches, switches, switches,
        trustee="$account", app_only=False,
    )  # fmt: skip


def _connector(profile: Profile) -> Way:
    own: Values = {
        "connector": f"relay {profile.app[:_LONGEST]}", "certificateName": certificate_name(profile),
    }  # fmt: skip
    return Way(
        TransportKind.CONNECTOR, "an inbound connector that knows the relay's certificate", own, ("connector",),
        ("connector",), ("connector",), app_only=False,
    )  # fmt: skip


def certificate_name(profile: Profile) -> str:
    """The name in the connector's certificate: the first DNS name, else the common name. Raises `UnfitError`."""
    from cryptography import x509  # slow to import, and needed for connectors alone
    from cryptography.x509.oid import NameOID

    option, reference = "connector.certificate", profile.connector.certificate
    if reference is None:
        raise UnfitError(f"{option} is not set: an inbound connector knows the relay by the name in its certificate")
    try:
        certificate = x509.load_pem_x509_certificate(reference.read().encode())
        names = _names_in(certificate)
        common = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (SecretError, ValueError) as error:
        raise UnfitError(f"{option} can't be read: {error}") from error
    if not (names or common):
        raise UnfitError(f"{option} names nobody: get a certificate for a name of an accepted domain of the tenant")
    return (names or common)[0]


def _names_in(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)


def _api(kind: TransportKind) -> tuple[str, str]:
    """The API whose permission the classic way needs, and RBAC for Applications must not have."""
    return (GRAPH_APP, "Mail.Send") if kind is TransportKind.GRAPH else (EXCHANGE_APP, "SMTP.SendAsApp")


def _without(values: Values, *names: str) -> Values:
    return {name: value for name, value in values.items() if name not in names}


def _unique(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each once, whatever its case, the first one first."""
    return tuple({address.lower(): address for address in reversed(list(addresses))}.values())[::-1]
