"""PaperCut MF: its providers "Outlook with OAuth" and "Outlook with OAuth (US Gov)", and what it does with senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from relay.config.loader import parse
from relay.config.settings import Resource
from tests.e2e.configuration import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.pretend import PretendCloud
    from tests.vendors.desk import Desk

NOTIFICATIONS, JO = "notifications@contoso.test", "jo@contoso.test"
HERE, HERE_TLS = "http://localhost:9191/azure-oauth2-callback", "https://localhost:9192/azure-oauth2-callback"
PROVIDER = """\
listeners: [{{listen: "0.0.0.0:25"}}]
apps: {{papercut: {{cloud: {cloud}, tenant: 8a6f1c2e-0b7d-4e5f-9a3b-c1d2e3f4a5b6, \
client_id: 11111111-2222-3333-4444-555555555555, credential: {{secret: {{env: S}}}}}}}}
profiles: {{mail: {{app: papercut, mailbox: notifications@contoso.com, from: person}}}}
"""


@pytest.mark.parametrize(
    ("cloud", "login", "smtp"),
    [
        ("worldwide", "login.microsoftonline.com", "smtp.office365.com"),
        ("us-gov-gcc-high", "login.microsoftonline.us", "smtp.office365.us"),
        ("us-gov-dod", "login.microsoftonline.us", "outlook-dod.office365.us"),
    ],
)
def test_a_provider_is_one_word(cloud: str, login: str, smtp: str) -> None:
    """Its choice of provider is `cloud`; the US government has two."""
    settings = parse(PROVIDER.format(cloud=cloud))
    assert settings.apps["papercut"].authority_url.startswith(f"https://{login}/")
    assert settings.endpoint_of("mail").host == smtp


def test_four_values_are_enough(desk: Desk, somebody: str) -> None:
    """Username, Directory (tenant) ID, Application (client) ID, Client Secret."""
    desk.types(profile={"mailbox": NOTIFICATIONS, "from": "mailbox"})
    assert desk.sent(desk.serve(), somebody).mailbox == NOTIFICATIONS


def test_apply_saves_and_reloads(desk: Desk, somebody: str) -> None:
    """Its button Apply is a saved file and a SIGHUP: the next scan leaves as the new Username."""
    desk.types(profile={"mailbox": NOTIFICATIONS, "from": "mailbox"})
    relay = desk.serve()
    write(desk.config, _typed(desk, "fax@contoso.test"))
    relay.journal.wait("config.reloaded", after=relay.hang_up())
    assert desk.sent(relay, somebody).mailbox == "fax@contoso.test"


def _typed(desk: Desk, mailbox: str) -> dict[str, object]:
    whole: dict[str, object] = yaml.safe_load(desk.config.read_text().replace(NOTIFICATIONS, mailbox))
    return whole


def test_the_status_is_not_ok_until_authorized(desk: Desk, somebody: str) -> None:
    """Until somebody has signed in, mail waits and the journal says what to do; then it leaves, without a restart."""
    desk.types_for_people(profile={"mailbox": JO, "from": "mailbox"})
    relay = desk.serve()
    desk.scan(relay, somebody)
    assert "relay authorize product" in relay.journal.wait("profile.paused", profile="product")["remedy"]
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, JO))
    assert authorizing.ended() == 0, authorizing.text
    relay.journal.wait("profile.resumed", profile="product")
    assert desk.cloud.letter(somebody).mailbox == JO


def test_the_account_that_signs_in_must_be_the_username(desk: Desk) -> None:
    """Somebody else is refused with both names, and nothing is kept."""
    desk.types_for_people(profile={"mailbox": JO, "from": "mailbox"})
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, "someone@contoso.test"))
    assert authorizing.ended() != 0
    assert JO in authorizing.text and "someone@contoso.test" in authorizing.text  # noqa: PT018


@pytest.mark.parametrize("redirect", [HERE, HERE_TLS])
def test_its_redirects_are_taken_as_registered(desk: Desk, redirect: str) -> None:
    """On this machine or elsewhere: the address where the browser ends is pasted, exactly as the app has it."""
    desk.types_for_people(app={"redirect_uri": redirect}, profile={"mailbox": JO, "from": "mailbox"})
    authorizing = desk.authorizes("--paste")
    end = desk.browser().sign_in(authorizing.url, JO)
    assert end.startswith(redirect)
    authorizing.paste(end)
    assert authorizing.ended() == 0, authorizing.text


def test_a_test_message_reaches_a_person(desk: Desk, somebody: str) -> None:
    """Its test e-mail: one that really leaves, because only that proves Send As."""
    desk.types(profile={"mailbox": NOTIFICATIONS, "from": "mailbox"})
    tested = desk.run("doctor", "product", "--send-to", somebody)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert desk.cloud.letter(somebody).mailbox == NOTIFICATIONS


def test_the_person_is_shown_and_gets_the_replies(desk: Desk, somebody: str) -> None:
    """From stays the public account, its display name is the person's, and Reply-To is the person."""
    desk.types(profile={"mailbox": NOTIFICATIONS, "from": "person"})
    letter = desk.sent(desk.serve(), somebody, author="John Doe <john@contoso.test>")
    assert letter.header("From") == f'"John Doe" <{NOTIFICATIONS}>'
    assert letter.header("Reply-To") == "<john@contoso.test>"
    assert letter.mail_from == NOTIFICATIONS


def test_a_upn_that_is_not_the_address_is_noted(desk: Desk, somebody: str) -> None:
    """Login user and From address are two options; `relay check` says which is which."""
    upn = "j.doe@corp.contoso.test"
    desk.types_for_people(profile={"mailbox": "jd@contoso.test", "upn": upn, "from": "mailbox"})
    assert f"{upn} signs in; mail leaves as jd@contoso.test" in desk.run("check").stdout
    authorizing = desk.authorizes()
    desk.browser().get(desk.browser().sign_in(authorizing.url, upn))
    assert authorizing.ended() == 0, authorizing.text
    assert desk.sent(desk.serve(), somebody).mail_from == "jd@contoso.test"


def test_the_real_scope_is_asked_for(desk: Desk, cloud: PretendCloud) -> None:
    """Its manual lists Graph's Mail.Send; SMTP takes SMTP.Send of Exchange, and that is what the person consents to."""
    path: Path = desk.types_for_people(profile={"mailbox": JO, "from": "mailbox"})
    scope = parse(path.read_text()).apps["contoso"].scope_for(Resource.OUTLOOK, delegated=True)
    assert scope == cloud.settings.delegated_scope == "https://outlook.office.com/SMTP.Send"
