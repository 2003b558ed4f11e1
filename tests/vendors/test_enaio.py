"""enaio: MailServer, SMTPSecurity, SMTPAuthenticating=3 and the Office… keys of its profile; its expert settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from relay.config.loader import ConfigError, parse
from tests.e2e.configuration import write

if TYPE_CHECKING:
    from tests.e2e.pretend import PretendCloud
    from tests.vendors.desk import Desk

BOX, OTHER = "box@contoso.test", "colleague@contoso.test"
INI = {
    "MailServer": "smtp.office365.com",
    "SMTPPort": "587",
    "SMTPUserName": "box@contoso.com",
    "OfficeClientID": "11111111-2222-3333-4444-555555555555",
    "OfficeTenantID": "8a6f1c2e-0b7d-4e5f-9a3b-c1d2e3f4a5b6",
    "OfficeTokenEndpoint": "https://login.microsoftonline.com/#TenantID#/oauth2/v2.0/token",
    "OfficeAccessScopes": "https://outlook.office365.com/.default",
    "OfficeTokenGraceTimeInSeconds": "30",
}
WHOLE = """\
listeners: [{{listen: "0.0.0.0:25"}}]
apps:
  enaio:
    tenant: {OfficeTenantID}
    client_id: {OfficeClientID}
    credential: {{secret: {{credential: enaio-secret}}}}
    authority: "{OfficeTokenEndpoint}"
    scope: {OfficeAccessScopes}
    token_grace_s: {OfficeTokenGraceTimeInSeconds}
profiles:
  service: {{app: enaio, mailbox: {SMTPUserName}, from: mailbox, endpoint: {{host: {MailServer}, port: {SMTPPort}}}}}
"""
# The block of its web client, for all users.
WEBCLIENT = {
    "smtpServer": "MailServer",
    "smtpPort": "SMTPPort",
    "smtpUsername": "SMTPUserName",
    "oAuthClientId": "OfficeClientID",
    "oAuthTenantId": "OfficeTenantID",
}


def test_each_key_has_its_option() -> None:
    """Host, port, user, client, tenant, endpoint with its placeholder, scope and grace, as typed."""
    settings = parse(WHOLE.format(**INI))
    app, profile = settings.apps["enaio"], settings.profiles["service"]
    assert app.authority_url == f"https://login.microsoftonline.com/{INI['OfficeTenantID']}"
    assert (app.client_id, app.scope_text) == (INI["OfficeClientID"], INI["OfficeAccessScopes"])
    assert app.token_grace_s == 30
    assert (profile.mailbox, profile.endpoint.host, profile.endpoint.port) == (
        "box@contoso.com", "smtp.office365.com", 587,
    )  # fmt: skip


def test_its_expert_settings_are_there_without_being_written() -> None:
    """Endpoint, scope and grace have defaults, which are those of its manual (the grace is ours: 300 s)."""
    text = "\n".join(
        line for line in WHOLE.splitlines() if not line.strip().startswith(("authority", "scope", "token_g"))
    )
    app = parse(text.format(**INI)).apps["enaio"]
    assert app.authority_url == f"https://login.microsoftonline.com/{INI['OfficeTenantID']}"
    assert app.scope_text == INI["OfficeAccessScopes"]
    assert app.token_grace_s == 300


def test_the_web_clients_block_says_the_same() -> None:
    """smtpServer, smtpPort, smtpUsername, oAuthClientId, oAuthTenantId are the keys above by other names."""
    typed = {name: f"{name}-value" for name in WEBCLIENT} | {
        "smtpServer": "smtp.office365.com", "smtpPort": "587", "smtpUsername": "box@contoso.com",
        "oAuthClientId": INI["OfficeClientID"], "oAuthTenantId": INI["OfficeTenantID"],
    }  # fmt: skip
    assert parse(WHOLE.format(**INI | {WEBCLIENT[name]: value for name, value in typed.items()})) == parse(
        WHOLE.format(**INI)
    )


def test_the_endpoint_with_its_placeholder_gets_a_token(desk: Desk, somebody: str) -> None:
    """`#TenantID#` as it stands in the manual, and a grace of 30 seconds, in service."""
    endpoint = desk.sign_in_address("#TenantID#/oauth2/v2.0/token")
    desk.types(app={"authority": endpoint, "token_grace_s": 30}, profile={"mailbox": BOX, "from": "mailbox"})
    assert desk.sent(desk.serve(), somebody).mailbox == BOX


@pytest.mark.parametrize(
    ("security", "endpoint", "words"),
    [
        ("0 None", "{port: 25}", ""),
        ("1 SSL", "{port: 465}", "TLS from the first byte, which Exchange does not offer; leave it out: 587, STARTTLS"),
        ("2 TLS", "{port: 587}", ""),
    ],
)
def test_smtp_security_towards_exchange_is_always_starttls(security: str, endpoint: str, words: str) -> None:
    """2 is what the relay does, on any port; 1 is explained; 0 can't be had towards Exchange: there is no option."""
    text = WHOLE.format(**INI).replace("{host: smtp.office365.com, port: 587}", endpoint)
    if not words:
        assert parse(text).endpoint_of("service").host == "smtp.office365.com"
        return
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(("security", "tls"), [("0 None", "none"), ("1 SSL", "implicit"), ("2 TLS", "required")])
def test_smtp_security_towards_the_relay_is_a_listener(security: str, tls: str) -> None:
    """enaio itself becomes a device: each of its three words is a listener's `tls`."""
    text = WHOLE.format(**INI).replace('listen: "0.0.0.0:25"', f'listen: "0.0.0.0:25", tls: {tls}')
    assert parse(text).listeners[0].tls == tls


def test_its_secret_is_never_in_the_file() -> None:
    """enaio encrypts it before storing; here the file has only where it is kept, and one that is typed is refused."""
    with pytest.raises(ConfigError) as caught:
        parse(WHOLE.format(**INI).replace("{credential: enaio-secret}", "hunter2~Secret"))
    assert "a secret is never written here" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_its_secret_is_masked_wherever_it_is_shown(desk: Desk, cloud: PretendCloud, somebody: str) -> None:
    """Neither the check nor the journal nor the doctor prints it."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    shown = desk.run("check").stdout + desk.run("doctor", "product").stdout
    relay = desk.serve()
    desk.sent(relay, somebody)
    assert cloud.settings.client_secret not in shown + relay.journal.tail() + relay.stderr
    assert f"secret file:{desk.directory / 'app-secret'}" in shown


def test_mail_sender_equals_the_user(desk: Desk, somebody: str) -> None:
    """Its rule is `from: mailbox`: whatever the product writes, the mailbox that signs in is the sender."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    letter = desk.sent(desk.serve(), somebody, author=f"Colleague <{OTHER}>")
    assert (letter.mail_from, letter.header("From")) == (BOX, f"<{BOX}>")


def test_a_mail_sender_that_may_differ_is_noted(desk: Desk) -> None:
    """Where the relay keeps what the product writes, the check says what Exchange will ask for."""
    desk.types(profile={"mailbox": BOX, "from": "keep"})
    assert f"an author that is not {BOX} needs Send As on that author's mailbox" in desk.run("check").stdout


def test_a_missing_send_as_is_told_with_the_command(desk: Desk, somebody: str) -> None:
    """SendAsDenied, which enaio shows its users: the mail waits or fails, and the journal has the tick as a command."""
    desk.types(profile={"mailbox": BOX, "from": "keep"})
    relay = desk.serve()
    event = relay.journal.outcome(desk.scan(relay, somebody, author=f"Colleague <{OTHER}>"))
    assert "SendAsDenied" in event["answer"]
    assert "Add-RecipientPermission" in event["remedy"]


def test_send_as_denied_is_explained_offline(desk: Desk) -> None:
    """The same from a copied answer."""
    desk.types(profile={"mailbox": BOX, "from": "keep"})
    explained = desk.run("explain", "554 5.2.252 SendAsDenied; box@contoso.test not allowed to send as x@contoso.test")
    assert "Add-RecipientPermission" in explained.stdout


def test_the_object_id_is_that_of_the_enterprise_application(desk: Desk) -> None:
    """The step that its manual warns of: the script finds the right one itself; FullAccess on request."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    narrow, classic = (
        desk.run("setup", "m365", "product").stdout,
        desk.run("setup", "m365", "product", "--classic").stdout,
    )
    assert "Application SMTP.SendAsApp" in narrow
    assert "Add-MailboxPermission" in classic and "New-ServicePrincipal" in classic  # noqa: PT018
    for script in (narrow, classic):
        assert "$objectId = $enterprise.Id" in script


def test_a_change_of_an_expert_setting_is_taken_up_by_a_reload(desk: Desk, somebody: str) -> None:
    """Changed in the file, in service after SIGHUP."""
    desk.types(profile={"mailbox": BOX, "from": "mailbox"})
    relay = desk.serve()
    whole = yaml.safe_load(desk.config.read_text())
    whole["apps"]["contoso"]["token_grace_s"] = 30
    write(desk.config, whole)
    relay.journal.wait("config.reloaded", after=relay.hang_up())
    assert desk.sent(relay, somebody).mailbox == BOX
