"""What a tenant has to be told so that a profile may send: one PowerShell script, to read, to run, and to run again.

Every line that makes something looks first whether it is there. What only a person can do is said by
`relay.control.m365_portal`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.config.clouds import HOSTS, Cloud
from relay.config.settings import FromPolicy
from relay.control.m365_way import UnfitError, companions, ways_of
from relay.control.powershell import assigned, comment, piece, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relay.config.settings import App, Settings
    from relay.control.m365_way import Way

__all__ = ["UnfitError", "script"]

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GRAPH = {Cloud.US_GOV_GCC_HIGH: "USGov", Cloud.US_GOV_DOD: "USGovDoD", Cloud.CHINA: "China"}

HEAD = """\
Microsoft 365 for profile {profile} of the relay. Written by: relay setup m365 {command}

Read it, then run it in PowerShell 7 or Windows PowerShell 5.1 as an administrator of Exchange (and of Entra, who may
read applications{consent}). It may be run again at any time: what is there already stays as it is.
{titles}

What has to be clicked first (the app registration and its credential): relay setup m365 {command} --portal
Afterwards: relay doctor {profile}"""

UNDO = """\
To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
that leave the same way lose it too:"""

KEEP = """\
These profiles keep the author that devices write (from: keep). Each address that is not the mailbox itself needs Send
As: add it to $sendAs. Only a mail that is really sent shows whether it holds: relay doctor {profile} --send-to ADDRESS
--from AUTHOR"""

ELSEWHERE = """\
RBAC for Applications with SMTP is announced for the worldwide cloud. Where New-ManagementRoleAssignment does not know
the role in this one: relay setup m365 {profile} --classic"""


def script(settings: Settings, profile_name: str, *, classic: bool = False) -> str:
    """The whole script for one profile. Raises `UnfitError`."""
    ways = ways_of(settings, profile_name, classic=classic)
    app = settings.apps[settings.profiles[profile_name].app]
    parts = [
        comment(_head(profile_name, ways, classic=classic)),
        "$ErrorActionPreference = 'Stop'\n"
        + assigned({"tenant": app.tenant, "appId": app.client_id}),
        "\n".join(_connected(app, ways)),
        *(text for way in ways for text in _texts(settings, profile_name, way)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _head(profile_name: str, ways: list[Way], *, classic: bool) -> str:
    return HEAD.format(
        profile=profile_name, command=f"{profile_name} --classic" if classic else profile_name,
        titles="\n".join(f"- {way.kind}: {way.title}" for way in ways),
        consent=" and consent to permissions" if any(way.consents for way in ways) else "",
    )  # fmt: skip


def _connected(app: App, ways: list[Way]) -> Iterator[str]:
    """Modules and sign-in, for what the ways need."""
    modules = ["ExchangeOnlineManagement"]
    if any(way.app_only for way in ways):
        modules.append("Microsoft.Graph.Applications")
    yield f"foreach ($module in {', '.join(map(quoted, modules))}) {{"
    yield "    if (-not (Get-Module -ListAvailable -Name $module)) { Install-Module -Name $module -Scope CurrentUser }"
    yield "}"
    if len(modules) > 1:
        scopes = ["Application.Read.All", *(["AppRoleAssignment.ReadWrite.All"] if _consents(ways) else [])]
        cloud = f" -Environment {_GRAPH[app.cloud]}" if app.cloud in _GRAPH else ""
        yield f"Connect-MgGraph -TenantId $tenant{cloud} -Scopes {', '.join(map(quoted, scopes))} -NoWelcome"
    environment = HOSTS[app.cloud].powershell
    cloud = f" -ExchangeEnvironmentName {environment}" if environment else ""
    organization = "" if _GUID.fullmatch(app.tenant) else " -Organization $tenant"
    yield f"Connect-ExchangeOnline{cloud}{organization} -ShowBanner:$false"


def _consents(ways: list[Way]) -> bool:
    return any(way.consents for way in ways)


def _texts(settings: Settings, profile_name: str, way: Way) -> Iterator[str]:
    """One way: its values, what makes it, what shows it, and what takes it back."""
    mates = companions(settings, settings.profiles[profile_name], way.kind)
    keeps = any(mate.from_policy is FromPolicy.KEEP for mate in mates)
    send_as = bool(way.trustee) and (keeps or bool(way.values.get("sendAs")))
    also = ("send_as",) if send_as else ()
    yield f"# ---- {way.kind}: {way.title}\n\n{assigned(way.values)}"
    yield from _remarks(settings, profile_name, way, keeps=keeps and send_as)
    yield from map(piece, way.pieces)
    if send_as:
        yield f"$trustee = {way.trustee}\n{piece('send_as')}"
    yield "\n\n".join(["# ---- what holds now", *(piece(f"verify_{name}") for name in (*way.verify, *also))])
    yield _undo(way, (*also, *way.undo))


def _undo(way: Way, names: Iterable[str]) -> str:
    """Values again: another way may have followed with its own."""
    values = assigned(way.values).replace("#>", "# >")  # which would end the comment
    return "\n".join([comment(UNDO), "<#", values, *(piece(f"undo_{name}") for name in names), "#>"])


def _remarks(settings: Settings, profile_name: str, way: Way, *, keeps: bool) -> Iterator[str]:
    """What the script cannot know."""
    app = settings.apps[settings.profiles[profile_name].app]
    if keeps:
        yield comment(KEEP.format(profile=profile_name))
    if "role" in way.values and app.cloud is not Cloud.WORLDWIDE:
        yield comment(ELSEWHERE.format(profile=profile_name))
