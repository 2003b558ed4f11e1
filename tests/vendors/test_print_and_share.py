"""Ricoh Print&Share: the values of its Exchange/Office 365 channel, typed into the relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from relay.config.loader import ConfigError, check, parse
from tests.e2e.configuration import merged, write
from tests.e2e.pretend import PretendCloud

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vendors.desk import Desk

BOX = "box@contoso.test"
REDIRECT = "https://org.test/winking/printandshare"
TENANT = "8a6f1c2e-0b7d-4e5f-9a3b-c1d2e3f4a5b6"
CHANNEL = """\
listeners: [{{listen: "0.0.0.0:25"}}]
apps: {{contoso: {{tenant: "{tenant}", client_id: {client}, {more} credential: {{secret: {{env: S}}}}}}}}
profiles: {{channel: {{app: contoso, mailbox: scans@contoso.com, from: mailbox}}}}
"""
CLIENT = "11111111-2222-3333-4444-555555555555"


def channel(tenant: str, more: str = "") -> str:
    return CHANNEL.format(tenant=tenant, client=CLIENT, more=more)


@pytest.mark.parametrize(
    ("authority", "tenant"),
    [
        (f"https://login.microsoftonline.com/{TENANT}/oauth2/token", TENANT),
        ("https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/token", "contoso.onmicrosoft.com"),
        (f"https://login.windows.net/{TENANT}/oauth2/authorize", TENANT),
        (f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize", TENANT),
        (TENANT, TENANT),
        ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
    ],
)
def test_its_authority_is_a_tenant(authority: str, tenant: str) -> None:
    """In each form of the manual, v1 or v2, authorize or token."""
    assert parse(channel(authority)).apps["contoso"].authority_url == f"https://login.microsoftonline.com/{tenant}"


def test_its_common_authority_goes_beside_a_tenant() -> None:
    """`https://login.windows.net/common/oauth2/authorize` names the host; who asks is named by `tenant`."""
    common = "authority: 'https://login.windows.net/common/oauth2/authorize',"
    app = parse(channel("contoso.onmicrosoft.com", common)).apps["contoso"]
    assert app.authority_url == "https://login.microsoftonline.com/contoso.onmicrosoft.com"


def test_its_common_authority_alone_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app without a person can't say which tenant it means."""
    monkeypatch.setenv("S", "secret")
    path = tmp_path / "relay.yaml"
    path.write_text(channel("https://login.windows.net/common/oauth2/authorize"))
    (line,) = map(str, check(path))
    assert "apps.contoso.tenant: common stands for any tenant: no person says which tenant it is" in line


def test_the_token_endpoint_as_typed_gets_a_token(desk: Desk, cloud: PretendCloud, somebody: str) -> None:
    """Its OAuth 2.0 token endpoint, copied whole from Entra's Endpoints: the relay is in service with it."""
    endpoint = desk.sign_in_address(f"{cloud.settings.tenant}/oauth2/v2.0/token")
    desk.types(app={"authority": endpoint}, profile={"mailbox": BOX, "from": "mailbox"})
    checked = desk.run("check")
    assert checked.returncode == 0, checked.stderr
    assert f"{cloud.settings.authority} understood from '{endpoint}'" in checked.stdout
    assert desk.sent(desk.serve(), somebody).mailbox == BOX


def test_its_redirect_uri_need_not_exist(desk: Desk) -> None:
    """Any valid address, "does not need to be a physical endpoint": the person pastes where the browser ends."""
    desk.types_for_people(app={"redirect_uri": REDIRECT}, profile={"mailbox": "jo@contoso.test", "from": "mailbox"})
    authorizing = desk.authorizes("--paste")
    authorizing.paste(desk.browser().sign_in(authorizing.url, "jo@contoso.test"))
    assert authorizing.ended() == 0, authorizing.text
    assert "signed in  jo@contoso.test, for profile product" in authorizing.text


def test_test_settings_tests_what_is_typed(desk: Desk) -> None:
    """Its button "Test settings": a file that is not in service, from the name service to the sign-in."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    tested = desk.run("doctor", "product")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "all is well" in tested.stdout


def test_test_settings_says_what_to_do_about_a_wrong_secret(desk: Desk) -> None:
    """The same button, with Entra's own words and the remedy."""
    (desk.directory / "app-secret").write_text("not the secret\n")
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    tested = desk.run("doctor", "product")
    assert tested.returncode == 1, tested.stdout + tested.stderr
    assert "AADSTS7000215" in tested.stdout
    assert "remedy" in tested.stdout


@pytest.mark.parametrize("answer", ["AADSTS65001", "AADSTS90094"])
def test_a_forgotten_admin_consent_is_explained(desk: Desk, answer: str) -> None:
    """ "needs permission to access resources in your organization that only an admin can grant"."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    explained = desk.run("explain", answer)
    assert explained.returncode == 0, explained.stderr
    assert "consent" in explained.stdout


def test_several_channels_stand_side_by_side(desk: Desk, cloud: PretendCloud, tmp_path: Path, somebody: str) -> None:
    """Each with its own tenant, app and mailbox, in one relay."""
    with PretendCloud(mailboxes=("scans@fabrikam.test",)) as other:
        at = other.settings
        (tmp_path / "other-secret").write_text(at.client_secret)
        app = {"tenant": at.tenant, "client_id": at.client_id, "authority": at.authority, "ca_file": str(at.ca_file)}
        app["credential"] = {"secret": {"file": str(tmp_path / "other-secret")}}  # type: ignore[assignment]
        endpoint = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
        channel = {"app": "fabrikam", "mailbox": "scans@fabrikam.test", "from": "mailbox", "endpoint": endpoint}
        devices = {"second": {"address": "127.0.0.2", "profile": "fabrikam"}}
        desk.types(profile={"mailbox": BOX, "from": "mailbox"}, devices=devices)
        _add(desk, {"apps": {"fabrikam": app}, "profiles": {"fabrikam": channel}})
        relay = desk.serve()
        assert desk.sent(relay, somebody).mailbox == BOX
        desk.scan(relay, "ann@fabrikam.test", door="127.0.0.2")
        assert other.letter("ann@fabrikam.test").mailbox == "scans@fabrikam.test"


def _add(desk: Desk, more: dict[str, object]) -> None:
    write(desk.config, merged(yaml.safe_load(desk.config.read_text()), more))


def test_its_ews_address_is_answered_with_what_to_do() -> None:
    """`Specify url`: the relay submits by SMTP, and where only HTTPS gets through by Graph."""
    ews = "endpoint: {host: 'https://outlook.office365.com/EWS/Exchange.asmx'}"
    with pytest.raises(ConfigError, match=r"EWS.*which is not used.*transport: graph"):
        parse(channel("contoso.com").replace("from: mailbox", ews))
