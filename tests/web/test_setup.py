"""The first start: the log names an address, and whoever opens it makes the first operator, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from relay.control.accounts import Accounts, changing
from relay.control.who import Role
from tests.web.person import Person, path_of

if TYPE_CHECKING:
    from tests.web.conftest import Open, Shown

SECRET = "a long enough password"


def invited(shown: Shown) -> tuple[str, dict[str, str]]:
    """The address in the log, as a path, and the form to send."""
    path = path_of(shown.relay.journal.wait("web.setup")["address"])
    return path, {
        "token": parse_qs(urlsplit(path).query)["token"][0], "name": "ann", "password": SECRET, "again": SECRET,
    }  # fmt: skip


def test_the_first_operator_is_made_with_the_address_in_the_log_and_nobody_after(show: Open) -> None:
    """Wrong tokens, short and differing passwords are told; then it signs in, and is dead; all of it is in the log."""
    shown = show()
    path, form = invited(shown)
    person, other = Person(shown.port), Person(shown.port)
    assert shown.relay.journal.seen("web.setup")[0]["level"] == "warning"
    assert "web.setup" in person.get("/sign-in").body
    for wrong in ("/setup", "/setup?token=x"):
        assert person.get(wrong).status == 403
    assert person.post("/setup", form | {"token": "x"}).status == 403
    for changes, words in (
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"again": "another"}, "differ"),
        ({"name": "a b"}, "name"),
    ):
        refused = person.post("/setup", form | changes)
        assert (refused.status, words in refused.body) == (400, True), changes
    assert person.get(path).status == 200
    assert Accounts.read(shown.data_dir).people == {}
    made = person.post("/setup", form)
    assert (made.status, made.location) == (303, "/")
    assert person.get("/").status == 200
    assert Accounts.read(shown.data_dir).role_of("ann", SECRET) is Role.OPERATOR
    assert other.get(path).status == 403
    assert other.post("/setup", form | {"name": "eve"}).status == 403
    assert list(Accounts.read(shown.data_dir).people) == ["ann"]
    assert "Nobody can sign in" not in other.get("/sign-in").body
    seen = shown.relay.journal.wait("web.signed_in")
    assert (seen["name"], seen["address"], seen["way"]) == ("ann", "127.0.0.1", "password")
    assert SECRET not in json.dumps(shown.relay.journal.events)


def test_the_address_is_dead_with_anybody_and_there_is_another_once_the_last_is_gone(show: Open) -> None:
    """As `relay admin` does it, beside the running relay: written once, and the old one stays dead."""
    shown = show()
    path, form = invited(shown)
    with changing(shown.data_dir) as accounts:
        accounts.set_password("bob", SECRET, Role.OPERATOR)
    person, other = Person(shown.port), Person(shown.port)
    assert person.post("/setup", form).status == 403
    assert person.get(path).status == 403
    assert person.sign_in("bob", SECRET).status == 303
    with changing(shown.data_dir) as accounts:
        del accounts.people["bob"]
    assert other.post("/setup", form).status == 403
    for _ in range(2):
        assert "Nobody can sign in" in other.get("/sign-in").body
    assert person.get("/").location.startswith("/sign-in")
    first, last = shown.relay.journal.seen("web.setup")
    assert last["address"] != first["address"]
    assert other.get(path).status == 403
    again = path_of(last["address"])
    assert other.post("/setup", form | {"token": parse_qs(urlsplit(again).query)["token"][0]}).status == 303
    assert other.get("/").status == 200
    assert len(shown.relay.journal.seen("web.setup")) == 2
