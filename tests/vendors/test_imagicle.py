"""Imagicle UCX: an app alone, held to the fax mailboxes; granted there, denied elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import ConfigError, parse

if TYPE_CHECKING:
    from tests.vendors.desk import Desk

FAX, OTHER = "fax@contoso.test", "box@contoso.test"


def test_app_directory_and_secret_are_enough(desk: Desk, somebody: str) -> None:
    """App ID, Directory ID and Client Secret of a single-tenant app."""
    desk.types(profile={"mailbox": FAX, "from": "mailbox"})
    letter = desk.sent(desk.serve(), somebody)
    assert (letter.mailbox, letter.claims["appid"]) == (FAX, desk.cloud.settings.client_id)


def test_the_fax_mailbox_is_granted_and_another_one_denied(desk: Desk) -> None:
    """`Test-ApplicationAccessPolicy` on both sides, by the relay itself: one signs in, the canary is refused."""
    desk.types(profile={"mailbox": FAX, "canary": "ceo@contoso.test", "from": "mailbox"})
    tested = desk.run("doctor", "product")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert f"Granted: {FAX}. Denied: ceo@contoso.test is refused" in tested.stdout


def test_an_app_that_may_use_every_mailbox_is_told(desk: Desk) -> None:
    """A canary that is let in means that the restriction does not hold."""
    desk.types(profile={"mailbox": FAX, "canary": OTHER, "from": "mailbox"})
    tested = desk.run("doctor", "product")
    assert tested.returncode == 1, tested.stdout + tested.stderr
    assert f"Granted: {FAX}. NOT denied: {OTHER} is taken too" in tested.stdout


def test_the_script_restricts_and_verifies_both(desk: Desk) -> None:
    """What its manual does by hand, as one script: group and scope, and the check on an allowed and another mailbox."""
    desk.types(profile={"mailbox": FAX, "canary": "ceo@contoso.test", "from": "mailbox"})
    printed = desk.run("setup", "m365", "product")
    assert printed.returncode == 0, printed.stderr
    restricts = ("New-ManagementScope", "Application SMTP.SendAsApp", FAX)
    verifies = ("Test-ServicePrincipalAuthorization", "Granted: $mailbox", "Denied:  $mailbox", "ceo@contoso.test")
    for words in (*restricts, *verifies):
        assert words in printed.stdout
    assert "full_access_as_app" not in printed.stdout


def test_the_right_of_its_manual_is_wider_than_needed(desk: Desk) -> None:
    """`full_access_as_app` reads every mailbox by EWS: it is refused with what to ask for instead."""
    wide = {"scope": "https://outlook.office365.com/full_access_as_app"}
    path = desk.types(app=wide, profile={"mailbox": FAX, "from": "mailbox"})
    with pytest.raises(ConfigError, match="for reading mailboxes, and the relay sends mail"):
        parse(path.read_text())


def test_the_end_of_its_secret_is_announced(desk: Desk) -> None:
    """A secret's value is shown once and forgotten; its last day, noted under `expires`, is warned of beforehand."""
    soon = (datetime.now(UTC) + timedelta(days=6)).date()
    secret = {"file": str(desk.directory / "app-secret")}
    desk.types(app={"credential": {"secret": secret, "expires": soon}}, profile={"mailbox": FAX, "from": "mailbox"})
    warning = desk.serve().journal.wait("credential.expiring", app="contoso")
    assert warning["remedy"]
