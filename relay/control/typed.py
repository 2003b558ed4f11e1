"""Settings of a profile as somebody types them, before they are saved: judged as a file would be, and made fit to try.

A typed secret is in the `Settings` made here and nowhere else: the YAML to save names a file in its place, and no
complaint shows it. The relay's own credentials never go to a host that is only typed: whoever may test settings could
else have a token sent to a server of theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import yaml

from relay.config.clouds import HOSTS, HVE_HOST
from relay.config.complaint import ConfigError
from relay.config.loader import parse
from relay.config.secret import TypedSecret
from relay.config.settings import SignIn, TransportKind

if TYPE_CHECKING:
    from relay.config.settings import App, Profile, Settings

NEW = "new"
_KEPT = ("data_dir", "hostname", "outgoing", "token_store", "limits", "mailboxes", "delivery")
_REFERENCE = re.compile(r"(env|file|cred|credential):\S+")
_MAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_OF_APP = {"tenant": "tenant", "client_id": "client_id", "cloud": "cloud"}
_OF_PROFILE = {
    "mailbox": "mailbox", "sign_in": "sign_in", "transport": "transport", "from": "from_policy", "canary": "canary",
}  # fmt: skip
_DEFAULTS = {"cloud": "worldwide", "sign_in": "app", "transport": "smtp", "from": "keep"}
_STRANGE = (
    "no profile of the configuration submits to this host, and a saved credential is never used for one: type the "
    "secret itself, or save the profile first"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed. null: as in the profile it is based on; empty: without."""

    name: Annotated[str, "name of the profile, for the YAML; empty: that it is based on, or new"] = ""
    based_on: Annotated[str, "profile whose other options hold; empty: none"] = ""
    cloud: Annotated[str | None, "worldwide, us-gov-gcc-high, us-gov-dod or china"] = None
    tenant: Annotated[str | None, "id or domain of the tenant"] = None
    client_id: Annotated[str | None, "application (client) id"] = None
    secret: Annotated[str, "client secret; kept in memory for this test alone"] = field(default="", repr=False)
    secret_reference: Annotated[str | None, "where the secret is kept: file:/path, env:NAME or credential:NAME"] = None
    mailbox: Annotated[str | None, "mailbox that signs in"] = None
    sign_in: Annotated[str | None, "app or delegated"] = None
    transport: Annotated[str | None, "smtp, hve, graph or connector"] = None
    from_policy: Annotated[str | None, "keep, mailbox, person or send_as"] = None
    send_as: Annotated[str | None, "address to send as, for from_policy send_as"] = None
    host: Annotated[str | None, "submission host (smtp, hve) or MX host (connector)"] = None
    port: Annotated[str | None, "its port"] = None
    canary: Annotated[str | None, "mailbox that must be refused"] = None
    send_to: Annotated[str, "really send a short mail there; empty: nothing is sent"] = ""
    send_from: Annotated[str, "its author; empty: as the profile sends"] = ""


EMPTY = Typed(
    cloud="worldwide", tenant="", client_id="", secret_reference="", mailbox="", sign_in="app", transport="smtp",
    from_policy="mailbox", send_as="", host="", port="", canary="",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slip:
    """One mistake; `field` is the name of a field of `Typed`, empty where it is none of them."""

    field: str
    text: str


class MistypedError(ValueError):
    """What was typed can't be tried; `slips` says why, field by field."""

    def __init__(self, slips: list[Slip]) -> None:
        super().__init__("; ".join(f"{slip.field}: {slip.text}" if slip.field else slip.text for slip in slips))
        self.slips = slips


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be tried: the settings with one profile, its name, and what to save."""

    settings: Settings = field(repr=False)
    profile: str
    yaml: str


def drafted(typed: Typed, settings: Settings) -> Draft:
    """`settings` are those in force. Raises `MistypedError`, `LookupError` for a profile that is not there."""
    if typed.based_on and typed.based_on not in settings.profiles:
        raise LookupError(f"there is no profile {typed.based_on}; there are {', '.join(settings.profiles)}")
    tree = _tree(typed, settings)
    ((name, _),) = tree["profiles"].items()
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    store = settings.token_store.model_dump(mode="json", by_alias=True, exclude_unset=True)
    around = {"listeners": [{"listen": "127.0.0.1:25"}], "token_store": store}
    slips = _addresses(typed)
    try:
        judged = parse(text + yaml.safe_dump(around))
    except ConfigError as error:
        slips = [Slip(_field_of(one.option), _worded(one.option, one.text)) for one in error.complaints] + slips
    if slips:
        raise MistypedError(slips)
    tried = judged.model_copy(update={part: getattr(settings, part) for part in _KEPT})
    if not (typed.secret and _signs_in_alone(tried, name)) and _is_strange(tried, name, settings):
        raise MistypedError([Slip("host", _STRANGE)])
    return Draft(_with_secret(tried, typed.secret), name, text)


def saved(name: str, settings: Settings) -> Typed:
    """A profile as the form shows it; a secret is only named. Raises `KeyError`."""
    profile = settings.profiles[name]
    app = settings.apps[profile.app]
    place = profile.connector if profile.transport is TransportKind.CONNECTOR else profile.endpoint
    secret = app.credential.secret if app.credential else None
    return Typed(
        name=name, based_on=name, cloud=app.cloud.value, tenant=app.tenant, client_id=app.client_id,
        secret_reference=str(secret) if secret else "", mailbox=profile.mailbox, sign_in=profile.sign_in.value,
        transport=profile.transport.value, from_policy=profile.from_policy.value,
        send_as=profile.send_as.address if profile.send_as else "", host=place.host,
        port=str(place.port) if place.host else "", canary=profile.canary,
    )  # fmt: skip


def filled(typed: Typed, settings: Settings) -> Typed:
    """What was typed, and what is saved where nothing was."""
    below = saved(typed.based_on, settings) if typed.based_on in settings.profiles else EMPTY
    left_out = [each.name for each in fields(Typed) if getattr(typed, each.name) is None]
    return replace(typed, **{name: getattr(below, name) for name in left_out})


def is_reference(text: str) -> bool:
    """Whether it says where a secret is kept; else it may be one, and is not shown again."""
    return _REFERENCE.fullmatch(text) is not None


# -- the tree of a configuration file


def _tree(typed: Typed, settings: Settings) -> dict[str, Any]:
    """The app and the profile, as they would stand in the file."""
    before = settings.profiles.get(typed.based_on)
    name = typed.name or typed.based_on or NEW
    app_name = before.app if before else name
    app = _dumped(settings.apps[before.app]) if before else {}
    profile = {"app": app_name} | (_dumped(before) if before else {})
    _lay(app, {option: getattr(typed, name) for option, name in _OF_APP.items()})
    _lay(profile, {option: getattr(typed, name) for option, name in _OF_PROFILE.items()})
    _lay_secret(app, typed, app_name)
    _lay_sender(profile, typed)
    _lay_host(profile, typed)
    return {"apps": {app_name: app}, "profiles": {name: profile}}


def _dumped(section: App | Profile) -> dict[str, Any]:
    return section.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _lay(tree: dict[str, Any], given: dict[str, str | None]) -> None:
    """What was typed over what was saved: null leaves it, empty takes it away, a default is not written down anew."""
    for option, text in given.items():
        if text and text == _DEFAULTS.get(option) and option not in tree:
            continue
        if text:
            tree[option] = text
        elif text is not None:
            tree.pop(option, None)


def _lay_secret(app: dict[str, Any], typed: Typed, app_name: str) -> None:
    """A typed secret is saved in a file, which the YAML names."""
    if typed.secret:
        app["credential"] = {"secret": {"file": f"/etc/relay/{app_name}.secret"}}
        app.pop("next_credential", None)
    elif typed.secret_reference:
        kept = app.get("credential") or {}
        app["credential"] = {"secret": typed.secret_reference}
        if "secret" in kept and "expires" in kept:
            app["credential"]["expires"] = kept["expires"]


def _lay_sender(profile: dict[str, Any], typed: Typed) -> None:
    if typed.send_as:
        profile["send_as"] = (profile.get("send_as") or {}) | {"address": typed.send_as}
    elif typed.send_as is not None:
        profile.pop("send_as", None)


def _lay_host(profile: dict[str, Any], typed: Typed) -> None:
    """The host belongs to the transport; without one, its port has no meaning either."""
    if typed.host is None and typed.port is None:
        return
    section = "connector" if profile.get("transport") == "connector" else "endpoint"
    place = dict(profile.get(section) or {})
    _lay(place, {"host": typed.host, "port": typed.port})
    if str(place.get("port", "")).isdecimal():
        place["port"] = int(place["port"])
    profile.pop(section, None)
    if place:
        profile[section] = place


# -- what was mistyped


def _addresses(typed: Typed) -> list[Slip]:
    return [
        Slip(name, "is no mail address; write it plain: ann@contoso.com")
        for name in ("send_to", "send_from")
        if (text := getattr(typed, name)) and not _MAIL.fullmatch(text)
    ]


def _field_of(option: str) -> str:
    """The field that an option is typed in."""
    section, _, rest = option.partition(".")
    rest = rest.partition(".")[2] if section in ("apps", "profiles") else ""
    first, _, last = rest.partition(".")
    if first in ("endpoint", "connector") and last in ("host", "port"):
        return last
    if first in ("credential", "next_credential"):
        return "secret"
    if section in ("apps", "profiles") and not rest:
        return "name"
    return {**_OF_APP, **_OF_PROFILE, "send_as": "send_as"}.get(first, "")


def _worded(option: str, text: str) -> str:
    return text if _field_of(option) else f"{option}: {text}"


def _is_strange(tried: Settings, name: str, settings: Settings) -> bool:
    """Whether a token would go to a host that nobody saved."""
    profile = tried.profiles[name]
    kinds = {profile.transport, profile.fallback} & {TransportKind.SMTP, TransportKind.HVE}
    known = {HVE_HOST, *(hosts.smtp for hosts in HOSTS.values())}
    known |= {settings.endpoint_of(each).host.lower() for each in settings.profiles}
    return any(tried.endpoint_of(name, kind).host.lower() not in known for kind in kinds)


def _signs_in_alone(tried: Settings, name: str) -> bool:
    """Whether nothing but what was typed proves who asks: no kept sign-in of a person, no saved credential."""
    return tried.profiles[name].sign_in is SignIn.APP


def _with_secret(tried: Settings, secret: str) -> Settings:
    """The typed secret in the place of the file that is named for it."""
    if not secret:
        return tried
    apps = {}
    for name, app in tried.apps.items():
        assert app.credential is not None  # it was laid there
        credential = app.credential.model_copy(update={"secret": TypedSecret.of(secret)})
        apps[name] = app.model_copy(update={"credential": credential})
    return tried.model_copy(update={"apps": apps})
