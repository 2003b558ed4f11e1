"""The dashboard's frame: nobody sees anything before signing in."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from relay.control.accounts import Accounts
from relay.control.who import Role
from tests.web.asking import office

__all__ = ["office"]

if TYPE_CHECKING:
    from tests.web.conftest import Open, Shown


def test_the_overview_is_shown_to_who_signed_in_and_to_nobody_else(show: Open) -> None:
    """Name and password give a cookie; without it there is only the form."""
    shown = show()
    accounts = Accounts()
    accounts.set_password("ann", "correct horse", Role.OPERATOR)
    accounts.write(shown.data_dir)
    assert shown.get("/").status == 303
    connection = http.client.HTTPConnection("127.0.0.1", shown.port)
    form = urlencode({"name": "ann", "password": "correct horse", "next": "/"})
    connection.request("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    cookie = answer.getheader("Set-Cookie", "").partition(";")[0]
    page = shown.get("/", Cookie=cookie)
    assert page.status == 200
    assert "Sender profiles" in page.body


def test_a_token_opens_the_api(show: Open) -> None:
    """And without one the API says what to do."""
    shown = show()
    token = shown.token(Role.VIEWER)
    assert shown.get("/api/v1/status").json["remedy"]
    assert shown.get("/api/v1/status", Authorization=f"Bearer {token}").json["running"] is True


def test_a_slash_too_many_leads_to_the_path_alone(office: Shown) -> None:
    """Neither scheme nor host, which a proxy before it may have changed; and no page is a page of its own."""
    lead = {"/messages/?text=a+b": "/messages?text=a+b", "/sign-in//": "/sign-in", "/metrics/": "/metrics"}
    for asked, target in lead.items():
        answer = office.get(asked)
        assert (answer.status, answer.headers["location"]) == (307, target), asked
    known = {"Authorization": f"Bearer {office.token(Role.VIEWER)}"}
    for asked, who in (("//evil.test/messages/", {}), ("/nothing/", {}), ("/devices-x", {}), ("?no-path", known)):
        answer = office.get(asked, **who)
        assert (answer.status, "No such page" in answer.body) == (404, True), asked
