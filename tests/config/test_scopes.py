"""Scopes as manuals write them: encoded, several in a row, for reading instead of sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.clouds import Cloud
from relay.config.scopes import graph_scope, outlook_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    One = Callable[[str, str], str]

SMTP, APP = "https://outlook.office.com/SMTP.Send", "https://outlook.office365.com/.default"
IMAP = "https://outlook.office.com/IMAP.AccessAsUser.All"
GRAPH = "https://graph.microsoft.com"
TENANT = "tenant: contoso.onmicrosoft.com"


@pytest.mark.parametrize(
    ("written", "scope"),
    [
        ("", ""),
        (APP, APP),
        (f"{SMTP}%20offline_access%20openid%20email%20profile", SMTP),
        (f"{SMTP}+offline_access", SMTP),
        (f"offline_access {SMTP}", SMTP),
        (f"{SMTP} {IMAP}", SMTP),
        (f"{SMTP}, {SMTP}", SMTP),
        ("https%3A%2F%2Foutlook.office365.com%2F.default", APP),
        ("https://outlook.office365.com", APP),
        ("https://outlook.office365.com/", APP),
        (".default", APP),
        ("SMTP.Send", SMTP),
        ("api://own/.default", "api://own/.default"),
    ],
)
def test_a_scope_for_exchange_is_understood(written: str, scope: str) -> None:
    """One scope that sends; what MSAL adds itself, and refuses when it is given, is taken off."""
    assert outlook_scope(written, Cloud.WORLDWIDE) == scope


@pytest.mark.parametrize(
    ("written", "scope"),
    [
        ("", ""),
        (f"{GRAPH}/Mail.Send offline_access", f"{GRAPH}/Mail.Send"),
        ("Mail.Send", f"{GRAPH}/Mail.Send"),
        (GRAPH, f"{GRAPH}/.default"),
    ],
)
def test_a_scope_for_graph_is_understood(written: str, scope: str) -> None:
    """The same for the other resource."""
    assert graph_scope(written, Cloud.WORLDWIDE) == scope


@pytest.mark.parametrize(
    ("option", "written", "words"),
    [
        ("scope", f"{IMAP}%20offline_access%20email%20openid", "for reading mail by IMAP, and the relay sends mail"),
        ("scope", "IMAP.AccessAsUser.All", "for reading mail by IMAP"),
        ("scope", "https://outlook.office.com/POP.AccessAsUser.All", "for reading mail by POP"),
        ("scope", "https://outlook.office365.com/EWS.AccessAsUser.All", "for Exchange Web Services"),
        ("scope", "https://outlook.office365.com/full_access_as_app", "for reading mailboxes"),
        ("scope", "https://ps.outlook.com/.default", "consent for IMAP and POP"),
        ("scope", f"{GRAPH}/.default", "put it under graph_scope"),
        ("scope", "Mail.Send", "Entra would take it for Microsoft Graph's"),
        ("scope", f"{APP} {GRAPH}/.default", "more than one resource, and a token is for one (AADSTS28000)"),
        ("scope", f"{SMTP} https://outlook.office.com/.default", "holds 2 scopes"),
        ("scope", "openid offline_access", "only what is added anyway"),
        ("scope", "https://outlook.office365.us/.default", "belongs to cloud: us-gov-gcc-high"),
        ("graph_scope", APP, "put it under scope"),
        ("graph_scope", f"{GRAPH}/Mail.Read", "for reading mailboxes"),
        ("graph_scope", "https://graph.microsoft.us/.default", "belongs to cloud: us-gov-gcc-high"),
    ],
)
def test_a_scope_that_cannot_send_is_explained(complaint_of: One, option: str, written: str, words: str) -> None:
    """With file, line and column, and what to write instead."""
    line = complaint_of(TENANT, f'{TENANT}, {option}: "{written}"')
    assert line.startswith("relay.yaml:4:") and f": apps.contoso.{option}: " in line  # noqa: PT018
    assert words in line
    assert "leave it out" in line


@pytest.mark.parametrize("option", ["scope", "graph_scope"])
def test_the_scope_of_a_person_is_refused_for_an_app_alone(complaint_of: One, option: str) -> None:
    """Client credentials take `<resource>/.default` only."""
    written = SMTP if option == "scope" else f"{GRAPH}/Mail.Send"
    line = complaint_of(TENANT, f"{TENANT}, {option}: {written}")
    assert "profile scans signs in as the app alone (AADSTS1002012)" in line
    assert f"or write {written.rpartition('/')[0]}/.default" in line
