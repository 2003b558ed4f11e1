"""`relay authorize` as a process, a browser, and a pretend Entra: each way to sign in, and each way it goes wrong."""

from __future__ import annotations

import signal
import socket
import ssl
from urllib.parse import urlsplit

import pytest
import requests

from relay.sandbox.faults import Fault
from tests.e2e.delegated import ANN, BOB, BOSSES_UPN, CALLBACK, USERS, configured, kept, registered, signed_in
from tests.e2e.person import WAIT_S, Authorizing, Browser
from tests.e2e.pretend import PretendCloud


@pytest.fixture(scope="module")
def cloud():
    with PretendCloud(users=USERS, redirect_uris=("http://localhost", CALLBACK), device_interval_s=1) as running:
        yield running


@pytest.fixture
def browser(cloud):
    return Browser(cloud.settings.ca_file)


@pytest.fixture
def config(cloud, tmp_path):
    return configured(cloud, tmp_path)


@pytest.fixture
def https_config(cloud, tmp_path):
    """The app's redirect URI is an address that is not on this machine."""
    return configured(cloud, tmp_path, apps={"contoso": {"redirect_uri": CALLBACK}})


def test_the_browser_of_this_machine_comes_back_by_itself(config, browser, tmp_path):
    """A free port of this machine catches the answer; terminal and tab say who signed in; no secret is said."""
    with Authorizing(config) as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        page = browser.get(home)
        assert authorizing.ended() == 0, authorizing.text

    assert urlsplit(home).netloc == f"localhost:{authorizing.port}"
    assert f"signed in  {ANN}, for profile ann" in authorizing.text
    assert (page.status_code, "Signed in" in page.text, ANN in page.text) == (200, True, True)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert len(kept(tmp_path)) == 1
    assert authorizing.complained == []
    assert urlsplit(home).query not in authorizing.text + page.text


def test_a_redirect_uri_with_a_port_is_waited_for_there(cloud, browser, tmp_path):
    """An administrator who forwards a port chooses it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    config = configured(cloud, tmp_path, apps={"contoso": {"redirect_uri": f"http://localhost:{port}"}})
    with Authorizing(config) as authorizing:
        assert authorizing.port == port
        browser.get(browser.sign_in(authorizing.url, ANN))
        assert authorizing.ended() == 0, authorizing.text


def test_a_port_that_is_taken_is_said_to_be(cloud, tmp_path):
    """Exit code 69, with the port and another way."""
    taken = urlsplit(cloud.settings.management_url).port
    config = configured(cloud, tmp_path, apps={"contoso": {"redirect_uri": f"http://localhost:{taken}"}})
    with Authorizing(config) as authorizing:
        assert authorizing.ended() == 69
    assert f"cannot listen on 127.0.0.1:{taken}" in authorizing.text
    assert "--paste" in authorizing.text


def test_whatever_else_the_browser_asks_changes_nothing(config, browser):
    """Favicon, bare address, a foreign state, a code without one, a form too large: told so, and waited on."""
    with Authorizing(config) as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        here = f"http://localhost:{authorizing.port}"
        assert browser.get(here + "/favicon.ico").status_code == 404
        assert browser.get(here + "/").status_code == 404
        assert browser.get(here + "/?code=x").status_code == 404
        foreign = browser.get(here + "/?code=x&state=another")
        assert (foreign.status_code, "another sign-in" in foreign.text) == (400, True)
        large = requests.post(here, data="x" * 70_000, timeout=WAIT_S)
        assert large.status_code == 413
        assert requests.post(here, data={"code": "x", "state": "another"}, timeout=WAIT_S).status_code == 400
        assert browser.get(home).status_code == 200
        assert authorizing.ended() == 0, authorizing.text


def test_an_answer_posted_as_a_form_is_taken_too(config, browser):
    """response_mode=form_post: some proxies and policies ask for it."""
    with Authorizing(config) as authorizing:
        address = urlsplit(browser.sign_in(authorizing.url, ANN))
        page = requests.post(f"http://{address.netloc}/", data=address.query, timeout=WAIT_S)
        assert page.status_code == 200
        assert authorizing.ended() == 0, authorizing.text


def test_the_tab_of_an_earlier_try_does_not_sign_in_the_later_one(config, browser, tmp_path):
    """Its state is another: the page says so, the later try goes on waiting."""
    with Authorizing(config) as earlier:
        earlier_home = urlsplit(browser.sign_in(earlier.url, ANN))
    with Authorizing(config) as later:
        page = browser.get(f"http://localhost:{later.port}/?{earlier_home.query}")
        assert page.status_code == 400
        assert kept(tmp_path) == []
        browser.get(browser.sign_in(later.url, ANN))
        assert later.ended() == 0, later.text


def test_a_pasted_address_signs_in_where_no_browser_is(https_config, browser, tmp_path):
    """Garbage, the address to open, half an address and one of another try are asked for again, with the reason."""
    with Authorizing(https_config, "--paste") as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        assert home.startswith(CALLBACK + "?code=")
        authorizing.paste("what am I to do?")
        authorizing.heard("This is not the whole address", on_stderr=True)
        authorizing.paste(authorizing.url)
        authorizing.heard("This is the address to open", on_stderr=True)
        authorizing.paste(f"{CALLBACK}?code=abc&state=of-yesterday")
        authorizing.heard("belongs to another sign-in", on_stderr=True)
        authorizing.paste(f"  '{home}'  ")
        assert authorizing.ended() == 0, authorizing.text

    assert f"signed in  {ANN}" in authorizing.text
    assert len(kept(tmp_path)) == 1


def test_nothing_of_use_pasted_ends_without_a_sign_in(https_config, tmp_path):
    """Exit code 1 at the end of the input."""
    with Authorizing(https_config, "--paste") as authorizing:
        authorizing.paste("no idea")
        authorizing.process.stdin.close()
        assert authorizing.ended() == 1
    assert "nothing has changed" in authorizing.text
    assert kept(tmp_path) == []


def test_an_https_callback_is_answered_behind_a_reverse_proxy(https_config, browser):
    """The proxy may change the path; the browser is shown the outcome."""
    with Authorizing(https_config, "--listen", "127.0.0.1:0") as authorizing:
        home = urlsplit(browser.sign_in(authorizing.url, ANN))
        page = browser.get(f"http://127.0.0.1:{authorizing.port}/behind/proxy?{home.query}")
        assert (page.status_code, authorizing.ended()) == (200, 0), authorizing.text


def test_an_https_callback_is_answered_with_the_relays_own_certificate(https_config, browser, tmp_path):
    """Without a proxy: TLS with the certificate that devices are shown too."""
    with Authorizing(https_config, "--listen", "127.0.0.1:0", "--tls") as authorizing:
        home = urlsplit(browser.sign_in(authorizing.url, ANN))
        url = f"https://127.0.0.1:{authorizing.port}/callback?{home.query}"
        shown = ssl.get_server_certificate(("127.0.0.1", authorizing.port))
        with pytest.warns(match="Unverified HTTPS"):
            page = requests.get(url, verify=False, timeout=WAIT_S)
        assert (page.status_code, authorizing.ended()) == (200, 0), authorizing.text
    assert shown.strip() in (tmp_path / "data" / "tls.pem").read_text()


def test_an_https_redirect_uri_asks_how_it_is_to_be_answered(https_config):
    """Usage, with both ways; nobody waits for a browser that never comes back."""
    with Authorizing(https_config) as authorizing:
        assert authorizing.ended() == 2
    assert "--paste" in authorizing.text
    assert "--listen HOST:PORT" in authorizing.text


def test_a_device_code_is_the_fallback(config, cloud, tmp_path):
    """With its warning; what it signs in goes on as a public client."""
    with Authorizing(config, "--device-code") as authorizing:
        code = authorizing.heard(r"type the code (\w+)")
        cloud.order(cloud.cloud.enter_device_code, code, ANN)
        assert authorizing.ended() == 0, authorizing.text
    assert "AADSTS530035" in authorizing.complained[1]
    assert len(kept(tmp_path)) == 1


def test_a_device_code_that_is_declined_is_a_refusal(config, cloud, tmp_path):
    """Exit code 1 and Entra's word for it."""
    with Authorizing(config, "--device-code") as authorizing:
        code = authorizing.heard(r"type the code (\w+)")
        cloud.order(lambda: cloud.cloud.enter_device_code(code, "", decline=True))
        assert authorizing.ended() == 1
    assert "authorization_declined" in authorizing.text
    assert kept(tmp_path) == []


def test_security_defaults_block_a_device_code(config, cloud):
    """Exit code 1, AADSTS530035, and what to do instead."""
    cloud.order(setattr, cloud.cloud.entra.delegated, "security_defaults", True)
    try:
        with Authorizing(config, "--device-code") as authorizing:
            assert authorizing.ended() == 1
    finally:
        cloud.order(setattr, cloud.cloud.entra.delegated, "security_defaults", False)
    assert "AADSTS530035: " in authorizing.text
    assert "What to do: " in authorizing.text


def test_a_device_code_nobody_types_is_given_up(config):
    """Exit code 75: the same again may work later."""
    with Authorizing(config, "--device-code", "--timeout", "0.2") as authorizing:
        assert authorizing.ended() == 75


def test_somebody_else_is_refused_with_both_names(config, browser, tmp_path):
    """Nothing is kept; page and terminal name who signed in and who should have."""
    with Authorizing(config) as authorizing:
        page = browser.get(browser.sign_in(authorizing.url, BOB))
        assert authorizing.ended() == 1
    for text in (page.text, authorizing.text):
        assert f"{BOB} signed in, but profile ann is for {ANN}: nothing was kept" in text
    assert "private window" in authorizing.text
    assert kept(tmp_path) == []


def test_a_upn_that_is_not_the_address_is_said_where_it_is_missing(cloud, browser, tmp_path):
    """Without `upn` the owner of the mailbox is refused, and told the option and its value."""
    config = configured(cloud, tmp_path, profiles={"boss": {"upn": ""}})
    with Authorizing(config, profile="boss") as authorizing:
        browser.get(browser.sign_in(authorizing.url, BOSSES_UPN))
        assert authorizing.ended() == 1
    assert "set profiles.boss.upn" in authorizing.text


def test_a_upn_that_is_not_the_address_is_explained(config, browser):
    """With `upn`, in whatever case, the sign-in counts, and both names are explained."""
    with Authorizing(config, profile="boss") as authorizing:
        browser.get(browser.sign_in(authorizing.url, BOSSES_UPN))
        assert authorizing.ended() == 0, authorizing.text
    assert "boss@contoso.test is what Exchange is told" in authorizing.text


def test_a_person_who_declines_is_a_refusal(config, browser, tmp_path):
    """Exit code 1, AADSTS65004 and what to do."""
    with Authorizing(config) as authorizing:
        page = browser.get(browser.choose(authorizing.url, decline="1"))
        assert authorizing.ended() == 1
    assert page.status_code == 400
    assert "AADSTS65004" in authorizing.text
    assert "What to do: " in authorizing.text
    assert kept(tmp_path) == []


def test_nobody_comes(config, tmp_path):
    """Exit code 75, nothing has changed."""
    with Authorizing(config, "--timeout", "0.1") as authorizing:
        assert authorizing.ended() == 75
    assert "Nobody signed in within 0.1 s" in authorizing.text
    assert kept(tmp_path) == []


def test_an_entra_that_is_down_is_unreachable(config, cloud):
    """Exit code 69 before anybody has to sign in."""
    cloud.wait(cloud.cloud.entra_down())
    try:
        with Authorizing(config) as authorizing:
            assert authorizing.ended() == 69
    finally:
        cloud.wait(cloud.cloud.entra_up())
    assert "cannot be reached" in authorizing.text


def test_entras_refusal_of_the_code_is_told_in_the_tab_too(config, cloud, browser, tmp_path):
    """A wrong secret shows when the code is traded: number, meaning and remedy."""
    with Authorizing(config) as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        fault = cloud.add(Fault(stage="token", action="aadsts", aadsts=7000215))
        page = browser.get(home)
        cloud.remove(fault)
        assert authorizing.ended() == 1
    for text in (page.text, authorizing.text):
        assert "AADSTS7000215" in text
    assert kept(tmp_path) == []


def test_a_busy_entra_asks_for_another_try_later(config, cloud, browser):
    """Exit code 75."""
    with Authorizing(config) as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        fault = cloud.add(Fault(stage="token", action="http", status=503))
        browser.get(home)
        cloud.remove(fault)
        assert authorizing.ended() == 75, authorizing.text


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "words"),
    [
        (("--paste", "--device-code"), {}, 2, "exclude one another"),
        (("--tls",), {}, 2, "--tls goes with --listen"),
        (("--listen", "8400"), {}, 2, "name a host and a port"),
        ((), {"profiles": {"ann": {"sign_in": "app"}}}, 78, "set sign_in: delegated"),
        ((), {"token_store": {"key": None}}, 78, "token_store.key is not set"),
        ((), {"token_store": {"key": {"file": "/nowhere/key"}}}, 78, "/nowhere/key"),
    ],
)
def test_what_cannot_work_is_said_before_anybody_signs_in(cloud, tmp_path, arguments, changes, code, words):
    """Usage is 2, configuration is 78; each says what to do."""
    with Authorizing(configured(cloud, tmp_path, **changes), *arguments) as authorizing:
        assert authorizing.ended() == code, authorizing.text
    assert words in authorizing.text


def test_a_profile_that_does_not_exist_is_answered_with_those_that_do(config):
    """Exit code 2."""
    with Authorizing(config, profile="anne") as authorizing:
        assert authorizing.ended() == 2
    assert "ann, boss" in authorizing.text


@pytest.mark.parametrize(("permission", "warned"), [("Mail.Send", False), ("Nobody.Knows", True)])
def test_a_fallback_needs_its_permission_too(cloud, tmp_path, permission, warned):
    """What a token for the second way is refused for is a warning; the sign-in is kept for the first."""
    app = registered(cloud, graph_scope=f"https://graph.microsoft.com/{permission}")
    profiles = {"ann": {"app": "people", "fallback": "graph"}}
    config = configured(cloud, tmp_path, profiles=profiles, apps={"people": app})
    told = signed_in(cloud, config).text

    assert ("warning    no token for https://graph.microsoft.com/Nobody.Knows" in told) is warned
    assert len(kept(tmp_path)) == 1


def test_an_address_longer_than_a_terminal_line_is_taken_whole(https_config, browser, tmp_path):
    """A terminal cuts a line at 4095 octets unless readline reads it; Entra's codes can be longer."""
    with Authorizing(https_config, "--paste", terminal=True) as authorizing:
        home = browser.sign_in(authorizing.url, ANN)
        authorizing.edits()
        authorizing.paste(home.replace("?", "?session_state=" + "x" * 6000 + "&"))
        assert authorizing.ended() == 0, authorizing.text
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("arguments", [(), ("--paste",)])
def test_whoever_gives_up_has_changed_nothing(config, tmp_path, arguments):
    """Ctrl-C: exit code 130, no traceback."""
    with Authorizing(config, *arguments) as authorizing:
        assert authorizing.url
        authorizing.heard("come back|paste it here")
        authorizing.process.send_signal(signal.SIGINT)
        assert authorizing.ended() == 130
    assert "Traceback" not in authorizing.text
    assert kept(tmp_path) == []
