"""What a way out needs is asked for beforehand: credentials, connectors, fallbacks, canaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import notes, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config.complaint import Complaint

    One = Callable[[str, str], str]

SECRET, PROFILE = ", credential: {secret: {env: CONTOSO_SECRET}}", "from: mailbox"
MX = "contoso-com.mail.protection.outlook.com"
STORE = "token_store: {key: {env: TOKEN_KEY}}\n"
CONNECTOR = f"transport: connector, connector: {{host: {MX}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SECRET, "", "apps.contoso.credential: is missing: the app signs in alone for profile scans; add credential"),
        (
            "credential: {secret",
            "next_credential: {secret",
            "apps.contoso.next_credential: is the second of two, and there is no credential; name it credential",
        ),
        (PROFILE, "transport: connector", "profiles.scans.connector.host: is missing: transport: connector needs it"),
        (PROFILE, "fallback: connector", "profiles.scans.connector.host: is missing: fallback: connector needs it"),
        (
            PROFILE,
            "transport: connector, connector: {host: smtp.office365.com}",
            "takes mail of mailboxes that sign in, not of connectors, found 'smtp.office365.com'",
        ),
        (
            PROFILE,
            f"{CONNECTOR}, private_key: {{env: K}}}}",
            "profiles.scans.connector.private_key: is one half of two; give certificate and private_key; or none",
        ),
        (PROFILE, "fallback: smtp", "profiles.scans.fallback: is the transport itself, found 'smtp'"),
        (
            PROFILE,
            "transport: graph, graph: {too_big: fallback}",
            "profiles.scans.graph.too_big: the profile has no fallback",
        ),
        (PROFILE, "fallback: graph, graph: {too_big: fallback}", "graph is the fallback itself: nothing is behind it"),
        (
            PROFILE,
            "canary: Scanner@contoso.com",
            "profiles.scans.canary: app contoso has to send as this mailbox, so that it can't be refused",
        ),
    ],
)
def test_what_a_way_out_lacks_is_told(complaint_of: One, old: str, new: str, words: str) -> None:
    """One complaint, with what to do."""
    assert words in complaint_of(old, new)


@pytest.mark.parametrize(
    ("secret", "profile"),
    [
        ("", "sign_in: delegated"),
        ("", f"{CONNECTOR}}}"),
        (SECRET, f"fallback: connector, connector: {{host: {MX}, certificate: {{env: C}}, private_key: {{env: K}}}}"),
        (SECRET, "transport: graph, fallback: smtp, graph: {too_big: fallback}"),
        (SECRET, "canary: ceo@contoso.com"),
    ],
)
def test_what_is_enough_is_not_complained_about(good: str, secret: str, profile: str) -> None:
    """A person who signs in and a connector need no credential; a fallback that differs may stand behind Graph."""
    text = good.replace(SECRET, secret).replace(PROFILE, profile)
    assert parse(text + STORE).profiles["scans"].app == "contoso"


def test_a_mistyped_credential_is_one_complaint(complaint_of: One) -> None:
    """That it is missing is not a second one."""
    assert "did you mean 'credential'?" in complaint_of("credential: {", "credental: {")


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "tenant: contoso.onmicrosoft.com",
            "tenant: https://login.windows.net/Contoso.com/oauth2/token",
            "Contoso.com/oauth2/token'; login.windows.net is deprecated",
        ),
        (
            "client_id",
            "scope: https://outlook.office365.com/.default%20openid, client_id",
            "apps.contoso.scope: https://outlook.office365.com/.default understood from",
        ),
        (
            "client_id",
            '"authority": "https://login.microsoftonline.com/#TenantID#/oauth2/v2.0/token", client_id',
            "apps.contoso.authority: https://login.microsoftonline.com/contoso.onmicrosoft.com understood from",
        ),
        (PROFILE, "from: keep", "an author that is not scanner@contoso.com needs Send As on that author's mailbox"),
        (PROFILE, "from: mailbox, send_as: {address: d@contoso.com}", "the app needs Send As on d@contoso.com"),
        (PROFILE, "from: mailbox, sign_in: delegated, upn: s@contoso.us", "s@contoso.us signs in; mail leaves as"),
        (PROFILE, "from: mailbox, upn: s@contoso.onmicrosoft.com", "not used: sign_in: app has no person"),
        (PROFILE, f"from: mailbox, {CONNECTOR}}}", "Exchange knows the relay by its public IP address"),
        (
            "erp: {login: {username: erp, password: {env: ERP_PASSWORD}}",
            "erp: {address: 10.0.9.9, login: {username: erp, password: ignored}",
            "devices.erp.login: any password is taken: whoever comes from 10.0.9.9",
        ),
        (
            "scanner@contoso.com",
            "change-me@contoso.com",
            "profiles.scans.mailbox: change-me@contoso.com stands for what is to be filled in",
        ),
        (PROFILE, "from: mailbox, transport: hve", "hve delivers to recipients of the tenant alone"),
        (PROFILE, "from: mailbox, transport: graph", "graph takes messages up to about 3 MB"),
    ],
)  # fmt: skip
def test_a_good_file_has_notes(tmp_path: Path, good: str, old: str, new: str, note: str) -> None:
    """What was understood, and what Exchange will ask for; with the place."""
    path = tmp_path / "relay.yaml"
    path.write_text(good.replace(old, new) + STORE)
    found: list[Complaint] = notes(path)
    (line,) = map(str, found)
    assert line.startswith(f"{path}:") and note in line  # noqa: PT018


def test_a_plain_file_has_none(tmp_path: Path, good: str) -> None:
    """Nothing is said where nothing needs to be known."""
    path = tmp_path / "relay.yaml"
    path.write_text(good)
    assert notes(path) == []
