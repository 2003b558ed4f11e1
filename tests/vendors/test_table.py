"""docs/how-to/from-other-products.md: every setting of the five manuals is there, and every test it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/from-other-products.md"
# What each manual has, by words that its row must contain.
MANUALS = {
    "Ricoh Print&Share": [
        "/oauth2/authorize", "<GUID>/oauth2/token", "<domain>/oauth2/token", "a GUID", "a domain", "/common/",
        "Client ID", "Redirect URI", "Test settings", "only an admin can grant", "Login = OAuth",
        "where each value lives", "Specify url",
    ],
    "PaperCut MF": [
        "Outlook with OAuth", "Outlook with OAuth (US Gov)", "Username", "Directory (tenant) ID",
        "Application (client) ID", "Client Secret", "Apply", "Authorize", "Status", "must be the Username",
        "http://localhost:9191/azure-oauth2-callback", "https://localhost:9192/azure-oauth2-callback", "test e-mail",
        "display name shows the person", "Reply-To is the person", "UPN", "several secrets", "Mail.Send",
        "Exchange licence", "Authenticated SMTP", "SMTP relay; Basic",
    ],
    "Imagicle UCX": [
        "App ID", "Directory ID", "Client Secret", "single-tenant", "New-ApplicationAccessPolicy",
        "Test-ApplicationAccessPolicy", "Granted", "Denied", "shown once", "full_access_as_app", "email to fax",
    ],
    "enaio": [
        "MailSender", "MailServer", "SMTPSecurity", "SMTPPort", "SMTPAuthenticating=3", "SMTPUserName",
        "OfficeClientID", "OfficeClientSecret", "OfficeTenantID", "OfficeTokenEndpoint", "#TenantID#",
        "OfficeAccessScopes", "OfficeTokenGraceTimeInSeconds", "hidden expert settings",
        "encrypted before storage", "masked when shown",
        "must equal the SMTP user", "NoMails=0", "startup.txt", "shutdown.txt", "smtpServer", "smtpPort",
        "smtpEncryption TLS", "smtpAuthentication MS_OAUTH", "smtpUsername", "oAuthClientId", "oAuthClientSecret",
        "oAuthTenantId", "SendAsDenied", "Object ID of the Enterprise application", "New-ServicePrincipal",
        "FullAccess",
    ],
    "Prime 16": [
        "RedirectURI", "ClientID", "clientSecret", "scope", "authUri", "tokenUri", "email name", "server username",
        "NothingHere", "Use Office 365 System", "Send-as Email Address", "Send-as Email Name", "end date",
        "Secret ID", "Do not give access to one mailbox",
    ],
}  # fmt: skip
TEST = re.compile(r"`(tests/[\w/.]+)::(\w+)`")

Row = tuple[str, str, str, str]


def rows() -> dict[str, list[Row]]:
    """The rows of each product's table."""
    found: dict[str, list[Row]] = {}
    product = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            product = line.removeprefix("## ")
        elif product and line.startswith("|") and not line.startswith(("|---", "| setting |")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4, line
            found.setdefault(product, []).append((cells[0], cells[1], cells[2], cells[3]))
    return found


def named_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize("product", MANUALS)
def test_every_setting_of_a_manual_has_a_row(product: str) -> None:
    """By the words of the manual, in the first column."""
    settings = " ".join(row[0] for row in rows()[product])
    assert [words for words in MANUALS[product] if words not in settings] == []


def test_nothing_else_is_in_the_table() -> None:
    """Each product is one of the five, and each row is marked."""
    assert set(rows()) == set(MANUALS)
    assert {row[1] for table in rows().values() for row in table} == {"[R]", "[G]", "[X]"}


def test_what_the_relay_does_has_a_test_or_says_not_yet() -> None:
    """No [R] without a test; what another issue brings is marked so, and claims no test."""
    for table in rows().values():
        for setting, mark, here, tests in table:
            named = TEST.findall(tests)
            if mark == "[R]" and not named:
                assert re.search(r"not yet \(issue \d", here), setting
            assert len(named) == tests.count("::"), setting


def test_every_test_it_names_exists() -> None:
    """A renamed test takes its row along."""
    named = {match for table in rows().values() for row in table for match in TEST.findall(row[3])}
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in sorted(named) if not (ROOT / path).is_file()]
    missing += [
        f"{path}::{name}" for path, name in sorted(named)
        if (ROOT / path).is_file() and name not in named_in(ROOT / path)
    ]  # fmt: skip
    assert missing == []


def test_every_story_of_the_vendors_is_in_the_table() -> None:
    """The other way round: a test here that no row names would show nothing to anybody."""
    named = {name for table in rows().values() for row in table for _, name in TEST.findall(row[3])}
    stories = {
        name
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name != Path(__file__).name
        for name in named_in(path)
        if name.startswith("test_")
    }
    assert stories - named == set()
