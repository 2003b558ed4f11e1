"""Every page and every call there is, asked by who may not: the table of routes is walked, nothing is left out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.routing import Mount, Route

from relay.config.dashboard import Http
from relay.control.accounts import NAME, Accounts
from relay.control.who import Role
from relay.web.application import routed
from relay.web.calls import CALLS
from relay.web.door import bound
from relay.web.guard import Guard
from relay.web.pages import PAGES
from relay.web.server import Serving
from relay.web.sessions import COOKIE, Session
from tests.web.person import OWN_PAGE, Person, Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from relay.control.running import Control

FOR_EVERYBODY = {"/healthz", "/readyz", "/metrics", "/sign-in", "/sign-in/entra", "/sign-out", "/setup", "/static"}
FROM_AFAR = {"X-Forwarded-For": "10.0.0.9"}


class Place:
    """A web server over nothing: whatever is let through to a page or call fails there with 500."""

    def __init__(self, data_dir: Path, **http: Any) -> None:
        self.now = 0.0
        self.told: list[tuple[str, dict[str, Any]]] = []
        journal = SimpleNamespace(service=lambda event, **fields: self.told.append((event, fields)))
        settings = SimpleNamespace(http=Http(**http), hostname="relay.test", data_dir=data_dir)
        nothing = SimpleNamespace(settings=settings, hands=SimpleNamespace(journal=journal))
        self.control = cast("Control", nothing)
        self.journal = cast("Any", journal)
        self.data_dir = data_dir
        self.guard = Guard(self.control, lambda: self.now)
        self.accounts = Accounts()

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Each method and path."""
        found = []
        for route in routed(self.control, self.journal, self.guard).routes:
            assert isinstance(route, (Route, Mount)), route
            path = "/".join("x" if step.startswith("{") else step for step in route.path.split("/"))
            found += [(method, path) for method in sorted(getattr(route, "methods", None) or {"GET"})]
        return found

    def token(self, role: Role) -> dict[str, str]:
        """The header of a program."""
        token = self.accounts.new_token(role.value, role)
        self.accounts.write(self.data_dir)
        return {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Person]:
        """Serves on a free port."""
        serving, door = Serving(self.control, self.journal, self.guard), bound("127.0.0.1:0")
        port = door.getsockname()[1]
        running = asyncio.create_task(serving.run(door))
        try:
            yield Person(port)
        finally:
            serving.end()
            await running


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def ask(person: Person, method: str, path: str, headers: dict[str, str]) -> Seen:
    return await asyncio.to_thread(person.ask, method, path, {**OWN_PAGE, **FROM_AFAR, **headers})


def is_refused(path: str, seen: Seen) -> bool:
    """By the API with JSON, by a page with the way to the sign-in."""
    if path == "/status" or path.startswith("/api/"):
        return (
            seen.status == 401 and seen.headers["WWW-Authenticate"] == "Bearer" and (not seen.body or "{" in seen.body)
        )
    return seen.status == 303 and seen.location.startswith("/sign-in?next=")


async def test_every_page_and_call_is_refused_to_nobody(place: Place) -> None:
    """With nothing, with a token that is none, and with a session that is over; the relay makes no mistake at it."""
    over = place.guard.sessions.begin(Session("ann", "entra"), 60)
    place.now = 61.0
    asked = [(method, path) for method, path in place.routes if path not in FOR_EVERYBODY]
    assert len(asked) >= len(CALLS) + len(PAGES)
    async with place.open() as person:
        for method, path in asked:
            for headers in ({}, {"Authorization": "Bearer relay_x"}, {"Cookie": f"{COOKIE}={over}"}):
                seen = await ask(person, method, path, headers)
                assert is_refused(path, seen), (method, path, headers, seen)
    assert not place.told


async def test_a_viewer_can_do_nothing_that_is_an_operators(place: Place) -> None:
    """Each call and page of that role: 403, before anything of it happens."""
    viewer = place.token(Role.VIEWER)
    calls = [(call.method, "/api/v1" + call.path) for call in CALLS if call.scope is Role.OPERATOR]
    pages = [(method, page.path) for page in PAGES if page.role is Role.OPERATOR for method in page.methods]
    async with place.open() as person:
        for method, path in (*calls, *pages):
            path = "/".join("x" if step.startswith("{") else step for step in path.split("/"))
            seen = await ask(person, method, path, viewer)
            assert seen.status == 403, (method, path, seen)
            assert "operator" in seen.body


async def test_the_status_is_for_this_machine_and_for_who_is_signed_in(place: Place) -> None:
    """A proxy's header, or an address that people open, means that somebody else may ask. 500: nothing is there."""
    viewer = place.token(Role.VIEWER)
    async with place.open() as person:
        assert (await asyncio.to_thread(person.get, "/status")).status == 500
        for name in ("Forwarded", "X-Forwarded-Proto", "X-Real-IP", "Via"):
            headers = {name: "x"}
            assert (await asyncio.to_thread(person.ask, "GET", "/status", headers)).status == 401
            assert (await asyncio.to_thread(person.ask, "GET", "/status", headers | viewer)).status == 500
    assert {event for event, _ in place.told} == {"http.failed"}


async def test_a_person_who_is_removed_or_loses_a_role_does_so_at_once(place: Place) -> None:
    """And so does whose password is another one; a session of before is of no use even after a way back."""
    place.accounts.set_password("ann", "a long enough password", Role.OPERATOR)
    place.accounts.write(place.data_dir)
    line = place.accounts.people["ann"]["password_hash"]
    person = Person(0, cookies={COOKIE: place.guard.sessions.begin(Session("ann", "password", line), 60)})

    async def role() -> Role | None:
        request: Any = SimpleNamespace(
            headers={"host": "127.0.0.1"}, cookies=person.cookies, scope={"scheme": "http"}, client=None
        )
        who = await place.guard.who(request)
        return who.role if who else None

    assert await role() is Role.OPERATOR
    place.accounts.people["ann"]["role"] = "viewer"
    place.accounts.write(place.data_dir)
    assert await role() is Role.VIEWER
    place.accounts.set_password("ann", "another good password", Role.VIEWER)
    place.accounts.write(place.data_dir)
    assert await role() is None
    place.accounts.people["ann"]["password_hash"] = line
    place.token(Role.VIEWER)
    assert await role() is None
    told = [fields["accounts"] for event, fields in place.told if event == "web.accounts_changed"]
    assert told == [("person ann",)] * 2
    await place.guard.accounts()
    assert place.told[-1] == ("web.accounts_changed", {"accounts": ("person ann", "token viewer")})


async def test_a_list_of_accounts_that_is_damaged_lets_nobody_in(place: Place) -> None:
    """503 with the remedy, for programs and people; probes go on."""
    (place.data_dir / NAME).write_text("{")
    async with place.open() as person:
        for path in ("/api/v1/status", "/profiles", "/nothing"):
            seen = await ask(person, "GET", path, {"Authorization": "Bearer relay_x"})
            assert (seen.status, "relay admin" in seen.body) == (503, True), path
        form = {"name": "ann", "password": "x"}
        assert (await asyncio.to_thread(person.post, "/sign-in", form)).status == 503
    await place.guard.invite("127.0.0.1:1")
    assert place.told[-1][0] == "http.failed"


@pytest.mark.parametrize(
    ("http", "invited"),
    [
        ({}, True),
        ({"dashboard": False}, False),
        ({"proxy": {"trusted": ["10.0.0.7"], "operators": ["ann"]}}, False),
        ({"proxy": {"trusted": ["10.0.0.7"], "viewers": ["ann"]}}, True),
        ({"entra": {"app": "contoso", "operators": ["ann"]}}, False),
    ],
)
async def test_the_log_invites_where_nobody_else_lets_an_operator_in(
    tmp_path: Path, http: dict[str, Any], invited: bool
) -> None:
    """An address as good as a password is written only where it is needed."""
    place = Place(tmp_path, **http)
    await place.guard.invite("0.0.0.0:8925")
    assert [event for event, _ in place.told] == ["web.setup"] * invited
    if invited:
        assert place.told[0][1]["address"].startswith("http://127.0.0.1:8925/setup?token=")
