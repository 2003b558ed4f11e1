"""Signing in and out with a password, through a proxy, and over https: what a browser is given, and what is written."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from relay.cli.healthcheck import healthcheck
from relay.config.settings import Tls
from relay.control.accounts import changing
from relay.control.who import Role
from relay.smtpd.tls import server_contexts
from relay.web.throttle import Throttle
from tests.e2e.configuration import configuration, write
from tests.e2e.conftest import cloud
from tests.e2e.running import RunningRelay
from tests.web.conftest import Shown
from tests.web.person import OWN_PAGE, Person
from tests.web.test_guard import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.pretend import PretendCloud

__all__ = ["cloud"]

SECRET = "a long enough password"
SIGNED_IN_BY_THE_PROXY = {"X-Forwarded-User": "Vic@contoso.test", "X-Forwarded-For": "10.0.0.9"}


@pytest.fixture(scope="module")
def shown(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A relay with https, an operator ann, and a proxy on this machine that signs viewers in."""
    directory = tmp_path_factory.mktemp("door")
    (directory / "data").mkdir()
    with changing(directory / "data") as accounts:
        accounts.set_password("ann", SECRET, Role.OPERATOR)
    http = {"listen": "127.0.0.1:0", "tls": True, "proxy": {"trusted": ["127.0.0.0/8"], "viewers": ["*@contoso.test"]}}
    with RunningRelay(write(directory / "relay.yaml", configuration(cloud, directory, http=http))) as relay:
        address = relay.journal.wait("http.listening")["address"]
        yield Shown(relay, int(address.rpartition(":")[2]), directory / "data")
        assert not relay.journal.seen("http.failed"), relay.journal.tail()
        assert relay.stop() == 0


@pytest.fixture
def person(shown: Shown) -> Person:
    """Trusts the certificate that the relay has made for itself."""
    context = ssl.create_default_context(cafile=shown.data_dir / "tls.pem")
    context.check_hostname = False
    return Person(shown.port, context)


def test_a_session_begins_with_a_password_and_ends_with_the_sign_out(shown: Shown, person: Person) -> None:
    """Its cookie is for https and this host alone; a wrong password says no more than that; the journal has it all."""
    wrong, nobody = person.sign_in("ann", "wrong"), person.sign_in("nobody", SECRET)
    assert (wrong.status, nobody.status) == (401, 401)
    assert "Name or password is wrong." in wrong.body
    assert "Name or password is wrong." in nobody.body
    signed_in = person.sign_in("ann", SECRET, "/messages")
    assert (signed_in.status, signed_in.location) == (303, "/messages")
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("__Host-relay_session=")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert person.get("/").status == 200
    kept = dict(person.cookies)
    assert person.post("/sign-out").location == "/sign-in"
    assert person.cookies == {}
    assert Person(shown.port, person.context, kept).get("/").status == 303
    journal = shown.relay.journal
    refused = [journal.wait("web.sign_in_refused", name=name) for name in ("ann", "nobody")]
    told = [*refused, journal.wait("web.signed_in", name="ann"), journal.wait("web.signed_out")]
    assert [(one["name"], one["address"], one["way"]) for one in told] == [
        (name, "127.0.0.1", "password") for name in ("ann", "nobody", "ann", "ann")
    ]
    assert SECRET not in str(journal.events)


def test_the_way_back_is_the_page_that_was_asked_for(person: Person) -> None:
    """With its query; for a part of a page, the page that htmx stands on."""
    assert person.get("/?a=1&b=2").location == "/sign-in?next=/%3Fa%3D1%26b%3D2"
    part = person.get("/", **{"HX-Request": "true", "HX-Current-URL": "https://127.0.0.1/messages?state=held"})
    assert (part.status, part.headers["HX-Redirect"]) == (401, "/sign-in?next=/messages%3Fstate%3Dheld")
    nowhere = person.get("/", **{"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (nowhere.status, nowhere.headers["HX-Redirect"]) == (401, "/sign-in?next=/")


def test_probes_are_asked_over_https_too(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever name stands in the certificate."""
    address = f"https://127.0.0.1:{shown.port}"
    assert healthcheck(["--ready", "--address", address]) == 0
    assert capsys.readouterr().out == f"ready: {address}\n"


def test_a_link_on_another_site_leads_to_its_page(person: Person) -> None:
    """The browser sends no cookie with it; the page in between asks again, from the relay itself."""
    between = person.get("/messages?state=held", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert between.status == 200
    assert 'content="0; url=/messages?state=held"' in between.body
    assert person.get("/", **OWN_PAGE).status == 303


def test_a_trusted_proxy_names_who_asks(shown: Shown, person: Person) -> None:
    """By pattern, any case; it is told once, with the address the proxy tells of; who is not listed is nobody."""
    for _ in range(2):
        page = person.get("/", **SIGNED_IN_BY_THE_PROXY).body
        assert "Vic@contoso.test <small>(viewer)" in page
        assert "Sign out" not in page  # that is the proxy's
    seen = shown.relay.journal.wait("web.signed_in", name="Vic@contoso.test")
    assert (seen["way"], seen["address"]) == ("proxy", "10.0.0.9")
    assert len(shown.relay.journal.seen("web.signed_in", name="Vic@contoso.test")) == 1
    assert person.get("/", **{"X-Forwarded-User": "vic@other.test"}).status == 303


def test_another_listener_keeps_who_is_signed_in(shown: Shown, person: Person) -> None:
    """An option of it has changed, so that it is opened anew: nobody signs in again, nobody is invited."""
    assert person.sign_in("ann", SECRET).status == 303
    settings = yaml.safe_load(shown.relay.config.read_text())
    settings["http"]["session_s"] = 600
    write(shown.relay.config, settings)
    place = shown.relay.hang_up()
    address = shown.relay.journal.wait("http.listening", after=place)["address"]
    shown.port = person.port = int(address.rpartition(":")[2])
    assert person.get("/").status == 200
    assert "Max-Age=600" in person.sign_in("ann", SECRET).headers["Set-Cookie"]
    assert not shown.relay.journal.seen("web.setup")


def test_the_certificate_of_a_reload_is_shown_at_once_and_sessions_go_on(
    shown: Shown, person: Person, tmp_path: Path
) -> None:
    """On the same listener: nobody is cut, nobody signs in again."""
    assert person.sign_in("ann", SECRET).status == 303
    server_contexts(Tls(), tmp_path, "another.test")  # makes a certificate
    before = ssl.get_server_certificate(("127.0.0.1", shown.port))
    pair = {"file": str(tmp_path / "tls.pem")}
    text = shown.relay.config.read_text()
    shown.relay.config.write_text(f"{text}\ntls: {{certificate: {pair}, private_key: {pair}}}\n")
    place = shown.relay.hang_up()
    shown.relay.journal.wait("config.reloaded", after=place)
    after = ssl.get_server_certificate(("127.0.0.1", shown.port))
    assert before != after
    assert after.strip() in (tmp_path / "tls.pem").read_text()
    person.context = ssl.create_default_context(cafile=tmp_path / "tls.pem")
    person.context.check_hostname = False
    assert person.get("/").status == 200


async def test_a_header_of_anybody_else_names_nobody(tmp_path: Path) -> None:
    """Nor do two headers, nor one where no proxy is configured."""
    named: dict[str, Any] = {"X-Forwarded-User": "ann"}
    for trusted in ("10.0.0.7", "127.0.0.1"):
        place = Place(tmp_path, proxy={"trusted": [trusted], "operators": ["ann"]})
        async with place.open() as person:
            seen = await asyncio.to_thread(person.ask, "GET", "/status", named)
            assert seen.status == (401 if trusted == "10.0.0.7" else 500)  # 500: let in, and nothing is there
            twice = await asyncio.to_thread(raw, person.port, b"GET /status HTTP/1.1", b"X-Forwarded-User: ann", 2)
            assert b" 401 " in twice


def raw(port: int, request: bytes, header: bytes, times: int) -> bytes:
    """The first line of the answer to a request that has a header several times."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"\r\n".join([request, b"Host: 127.0.0.1", *[header] * times, b"", b""]))
        return client.recv(1000).partition(b"\r\n")[0]


async def test_a_door_that_is_closed_says_for_how_long(tmp_path: Path) -> None:
    """429 with Retry-After, whatever the password is now; another name comes in."""
    place = Place(tmp_path)
    for name in ("ann", "bob"):
        place.accounts.set_password(name, SECRET, Role.VIEWER)
    place.accounts.write(tmp_path)
    place.guard.throttle = Throttle(lambda: place.now, lambda _: asyncio.sleep(0))
    for _ in range(5):
        await place.guard.throttle.failed("127.0.0.1", "ann")
    async with place.open() as person:
        seen = await asyncio.to_thread(person.sign_in, "ann", SECRET)
        assert (seen.status, seen.headers["Retry-After"]) == (429, "60")
        assert "60 seconds" in seen.body
        assert (await asyncio.to_thread(person.sign_in, "bob", SECRET)).status == 303
    assert [event for event, _ in place.told] == ["web.sign_in_refused", "web.signed_in"]


@pytest.mark.parametrize("origin", ["https://relay.contoso.test", ""])
async def test_cookies_behind_a_proxy_with_https_are_for_https(tmp_path: Path, origin: str) -> None:
    """Known by the browser's Origin, or by the host of public_url; in clear on this machine there is no such cookie."""
    place = Place(tmp_path, public_url="https://relay.contoso.test")
    place.accounts.set_password("ann", SECRET, Role.VIEWER)
    place.accounts.write(tmp_path)
    headers = {"Origin": origin} if origin else {"Host": "relay.contoso.test"}
    async with place.open() as person:
        secure = await asyncio.to_thread(person.sign_in, "ann", SECRET, "/", **OWN_PAGE, **headers)
        assert secure.headers["Set-Cookie"].startswith("__Host-relay_session=")
        plain = await asyncio.to_thread(Person(person.port).sign_in, "ann", SECRET)
        assert plain.headers["Set-Cookie"].startswith("relay_session=")
        assert "Secure" not in plain.headers["Set-Cookie"]
