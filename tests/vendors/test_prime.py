"""Prime 16: its Office 365 system (RedirectURI, scope, authUri, tokenUri) and its people with junk passwords."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import ConfigError, parse

if TYPE_CHECKING:
    from tests.e2e.pretend import PretendCloud
    from tests.vendors.desk import Desk

JO, INTAKE = "jo@contoso.test", "intake@contoso.test"
ITS_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All%20offline_access%20email%20openid"
PRODUCTION, TESTING = "https://prime.contoso.test/oauth", "https://prime-test.contoso.test/oauth"
AS_INTAKE = {"from": "send_as", "send_as": {"address": INTAKE, "name": "Intake"}}


def test_its_scope_is_for_reading_and_explained(desk: Desk) -> None:
    """URL-encoded as in the manual: IMAP is recognised, and the scope that sends is named."""
    path = desk.types_for_people(app={"scope": ITS_SCOPE}, profile={"mailbox": JO, "from": "mailbox"})
    with pytest.raises(ConfigError) as caught:
        parse(path.read_text())
    assert "for reading mail by IMAP, and the relay sends mail" in str(caught.value)
    assert "https://outlook.office.com/SMTP.Send (a person signs in)" in str(caught.value)


def test_its_scope_for_sending_is_taken_encoded(desk: Desk, cloud: PretendCloud) -> None:
    """The same with SMTP.Send: decoded, freed of what is added anyway, and somebody signs in with it."""
    encoded = f"{cloud.settings.delegated_scope}%20offline_access%20email%20openid"
    desk.types_for_people(app={"scope": encoded}, profile={"mailbox": JO, "from": "mailbox"})
    checked = desk.run("check")
    assert f"{cloud.settings.delegated_scope} understood from '{encoded}'" in checked.stdout, checked.stderr
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, JO))
    assert authorizing.ended() == 0, authorizing.text


@pytest.mark.parametrize("end", ["authorize", "token"])
def test_its_endpoints_are_understood(desk: Desk, cloud: PretendCloud, end: str) -> None:
    """authUri and tokenUri, copied from Endpoints: either of them says the sign-in address."""
    uri = desk.sign_in_address(f"{cloud.settings.tenant}/oauth2/v2.0/{end}")
    path = desk.types_for_people(app={"authority": uri}, profile={"mailbox": JO, "from": "mailbox"})
    assert parse(path.read_text()).apps["contoso"].authority_url == cloud.settings.authority


@pytest.mark.parametrize("uri", [PRODUCTION, TESTING])
def test_its_redirect_uris_for_test_and_production(desk: Desk, uri: str) -> None:
    """Both are registered with one app; each installation names its own, and the person is sent back there."""
    desk.types_for_people(app={"redirect_uri": uri}, profile={"mailbox": JO, "from": "mailbox"})
    authorizing = desk.authorizes("--paste")
    end = desk.browser().sign_in(authorizing.url, JO)
    assert end.startswith(uri)
    authorizing.paste(end)
    assert authorizing.ended() == 0, authorizing.text


def test_a_client_secret_goes_with_a_person(desk: Desk, cloud: PretendCloud, somebody: str) -> None:
    """Its ClientID and clientSecret: a web application, for which a person signs in."""
    path = desk.types_for_people(profile={"mailbox": JO, "from": "mailbox"})
    assert parse(path.read_text()).apps["contoso"].credential is not None
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, JO))
    assert authorizing.ended() == 0, authorizing.text
    assert desk.sent(desk.serve(), somebody).claims["upn"] == JO


def test_a_junk_password_is_taken_from_its_address(desk: Desk, somebody: str) -> None:
    """ "NothingHere" is a password like any other, as long as the device is known by its address too."""
    login = {"username": "jo", "password": "ignored"}
    devices = {"prime": {"address": "127.0.0.7", "login": login, "profile": "product"}}
    desk.types(profile={"mailbox": "box@contoso.test", "from": "mailbox"}, devices=devices)
    assert "any password is taken: whoever comes from 127.0.0.7 and names the user" in desk.run("check").stdout
    relay = desk.serve()
    with relay.device("127.0.0.7") as device:
        device.hello()
        words = base64.b64encode(b"\0jo\0NothingHere").decode()
        assert device.ask(f"AUTH PLAIN {words}").startswith("235 ")
        device.address(somebody)
        assert device.pour(b"From: a@b.test\r\nSubject: x\r\n\r\nHello\r\n").startswith("250 ")
    assert relay.journal.wait("message.received", device="prime")["client"] == "127.0.0.7"
    desk.cloud.letter(somebody)


def test_a_junk_password_needs_an_address(desk: Desk) -> None:
    """From anywhere it would let everybody in."""
    devices = {"prime": {"login": {"username": "jo", "password": "ignored"}, "profile": "product"}}
    path = desk.types(profile={"mailbox": "box@contoso.test", "from": "mailbox"}, devices=devices)
    with pytest.raises(ConfigError, match="address"):
        parse(path.read_text())


def test_a_person_sends_as_the_shared_mailbox(desk: Desk, somebody: str) -> None:
    """Send-as Email Address and Send-as Email Name: the person signs in, recipients see intake@."""
    desk.types_for_people(profile={"mailbox": JO, **AS_INTAKE})
    assert f"{JO} needs Send As on {INTAKE}" in desk.run("check").stdout
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, JO))
    assert authorizing.ended() == 0, authorizing.text
    letter = desk.sent(desk.serve(), somebody)
    assert (letter.mailbox, letter.header("From")) == (JO, f'"Intake" <{INTAKE}>')


def test_each_person_uses_the_office_system_or_not(desk: Desk, cloud: PretendCloud, somebody: str) -> None:
    """Use Office 365 System, a tick for each person: here each device has its profile, and its own From policy."""
    cloud.order(cloud.cloud.grant_send_as, "box@contoso.test", INTAKE)
    devices = {
        "plain": {"address": "127.0.0.8", "profile": "product"},
        "desk": {"address": "127.0.0.9", "profile": "product", "from": "send_as"},
    }
    send_as = {"send_as": AS_INTAKE["send_as"]}
    desk.types(profile={"mailbox": "box@contoso.test", "from": "mailbox", **send_as}, devices=devices)
    relay = desk.serve()
    assert desk.sent(relay, somebody, door="127.0.0.8").mail_from == "box@contoso.test"
    assert desk.sent(relay, f"2{somebody}", door="127.0.0.9").mail_from == INTAKE


def test_a_secret_id_in_the_place_of_the_value_is_told(desk: Desk) -> None:
    """Value and Secret ID stand side by side in Entra, and its manual has both copied: only the value is a secret."""
    (desk.directory / "app-secret").write_text("8a6f1c2e-0b7d-4e5f-9a3b-c1d2e3f4a5b6\n")
    desk.types(profile={"mailbox": "box@contoso.test", "from": "mailbox"})
    checked = desk.run("check")
    assert checked.returncode == 78
    assert "is a GUID: that is the Secret ID, not the secret (AADSTS7000215)" in checked.stderr
