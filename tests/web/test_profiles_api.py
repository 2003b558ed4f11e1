"""Profiles by the API and the pages, on one running relay: tests of settings, sign-ins, PowerShell, test mail."""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from relay.control.accounts import Accounts
from relay.control.who import Role
from tests.e2e.configuration import write
from tests.e2e.delegated import ANN, BOB, BOSSES_UPN, CALLBACK, USERS, delegated
from tests.e2e.person import Browser
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import WAIT_S, RunningRelay
from tests.web.conftest import Answer, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "correct horse battery staple"
CANARY = "ceo@contoso.test"


class Asking(Shown):
    """The API as an operator, a second operator and a viewer ask it; the pages as the operator's browser does."""

    tokens: dict[str, str]
    cookie = ""

    def api(self, method: str, path: str, body: Any = None, who: str = "ada") -> Answer:
        """One call."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        return self._ask(method, f"/api/v1{path}", json.dumps(body or {}) if method == "POST" else None, headers)

    def page(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """One page, no further; a form is sent."""
        headers = {
            "Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}", "Sec-Fetch-Site": "same-origin",
        }  # fmt: skip
        return self._ask("GET" if form is None else "POST", path, urlencode(form) if form else None, headers)

    def sign_in(self) -> None:
        """As the operator, by password."""
        self.cookie = ""
        answer = self.page("/sign-in", {"name": "ada", "password": PASSWORD, "next": "/"})
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def until(self, path: str, ended: str = "ended") -> dict[str, Any]:
        """What a call answers once it says that it is over."""
        deadline = time.monotonic() + WAIT_S
        while not (answer := self.api("GET", path).json)[ended]:
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)
        return answer

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})
        finally:
            connection.close()


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    with PretendCloud(users=USERS, redirect_uris=("http://localhost", CALLBACK), device_interval_s=1) as running:
        yield running


@pytest.fixture(scope="module")
def shown(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """One relay for all of them; it ends in order, and no page of it fails."""
    directory = tmp_path_factory.mktemp("profiles")
    settings = delegated(
        cloud,
        directory,
        http={"listen": "127.0.0.1:0"},
        delivery={"recheck_s": 3600},
        profiles={"box": {"canary": CANARY}},
    )
    accounts, data_dir = Accounts(), directory / "data"
    data_dir.mkdir(exist_ok=True)
    accounts.set_password("ada", PASSWORD, Role.OPERATOR)
    tokens = {name: accounts.new_token(name, role) for name, role in
              (("ada", Role.OPERATOR), ("bea", Role.OPERATOR), ("vic", Role.VIEWER))}  # fmt: skip
    accounts.write(data_dir)
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        address = relay.journal.wait("http.listening")["address"]
        asking = Asking(relay, int(address.rpartition(":")[2]), data_dir)
        asking.tokens = tokens
        asking.sign_in()
        yield asking
        assert not relay.journal.seen("http.failed"), relay.journal.tail()
        assert relay.stop() == 0, relay.journal.tail()


def typed(cloud: PretendCloud, **more: str) -> dict[str, str]:
    """What somebody types for a profile like `box`, secret included."""
    return {"based_on": "box", "name": "new", "secret": cloud.settings.client_secret} | more


def test_a_profile_is_tried_as_it_is_saved(shown, cloud):
    """Step by step, the canary denied, and nothing is told that is to be saved."""
    begun = shown.api("POST", "/profiles/box/test").json
    assert (begun["who"], begun["profile"], begun["good"], begun["yaml"]) == ("ada", "box", None, "")
    found = shown.until(f"/trials/{begun['id']}")
    assert found["good"], found
    assert [step["name"] for step in found["steps"]] == [
        "dns", "tcp", "ehlo", "starttls", "clock", "token", "auth", "limits", "scope", "ends",
    ]  # fmt: skip
    assert "Denied" in next(step for step in found["steps"] if step["name"] == "scope")["result"]
    shown.relay.journal.wait("profile.tested", profile="box", who="ada", typed=False, good=True)


def test_a_wrong_secret_is_refused_in_entras_words_and_told_nowhere(shown, cloud):
    """AADSTS7000215 with its remedy; the secret is in no answer, page or line of the log."""
    wrong = "wr0ng~secret-of-somebody"
    begun = shown.api("POST", "/trials", typed(cloud, secret=wrong)).json
    found = shown.until(f"/trials/{begun['id']}")
    token = next(step for step in found["steps"] if step["name"] == "token")
    assert (token["state"], "AADSTS7000215" in token["answer"], found["good"]) == ("failed", True, False)
    assert token["remedy"]
    page = shown.page(f"/trials/{begun['id']}")
    form = shown.page(f"/test-settings?trial={begun['id']}")
    assert ("AADSTS7000215" in page.body, 'value="box@contoso.test"' in form.body) == (True, True)
    for text in (json.dumps([begun, found]), page.body, form.body, str(shown.relay.journal.events), shown.relay.stderr):
        assert wrong not in text


def test_the_right_secret_typed_is_all_that_is_needed_and_the_yaml_names_a_file(shown, cloud):
    """What is to be saved has a reference in the secret's place; nothing is written to the disk."""
    begun = shown.page("/test-settings", typed(cloud))
    assert begun.status == 303
    trial_id = begun.headers["location"].rpartition("/")[2]
    found = shown.until(f"/trials/{trial_id}")
    assert found["good"], found
    page = shown.page(f"/trials/{trial_id}").body
    for text in (found["yaml"], page):
        assert "/etc/relay/contoso.secret" in text
        assert cloud.settings.client_secret not in text
    files = [path for path in shown.data_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if cloud.settings.client_secret.encode() in path.read_bytes()]


def test_a_real_mail_is_sent_where_it_is_wished_for(shown, cloud):
    """The last step is the mail."""
    begun = shown.api("POST", "/trials", typed(cloud, send_to="doctor@contoso.test")).json
    assert shown.until(f"/trials/{begun['id']}")["steps"][-1]["name"] == "mail"
    assert "Test of profile new" in str(cloud.letter("doctor@contoso.test").content)


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"mailbox": "no address"}, "mailbox", "not in the right form"),
        ({"transport": "smpt"}, "transport", "did you mean"),
        ({"port": "465"}, "port", "STARTTLS"),
        ({"tenant": ""}, "tenant", "is missing"),
        ({"secret": "", "secret_reference": "hunter2-plain"}, "secret", "never written here"),
        ({"from_policy": "send_as"}, "from_policy", "no send_as"),
        ({"send_to": "ann"}, "send_to", "no mail address"),
        ({"secret": "", "host": "mx.example.net"}, "host", "type the secret itself"),
        ({"sign_in": "delegated", "host": "mx.example.net"}, "host", "type the secret itself"),
    ],
)
def test_what_is_mistyped_is_said_at_its_field(shown, cloud, more, field, words):
    """As relay check would; the API says it too; a secret that was typed, even in the wrong field, is not shown."""
    given = typed(cloud, **more)
    answer = shown.api("POST", "/trials", given)
    page = shown.page("/test-settings", given)
    assert (answer.status, page.status) == (400, 400)
    assert f"{field}: " in answer.json["error"]
    assert words in answer.json["error"]
    slip = re.search(rf'id="{field}-slip">(.*?)</div>', page.body, re.DOTALL)
    assert slip is not None, page.body
    for text in (answer.body, page.body):
        assert cloud.settings.client_secret not in text
        assert "hunter2" not in text


def test_nobody_but_operators_tests_settings_or_sends(shown, cloud):
    """A viewer looks at profiles and at the PowerShell, and may do nothing."""
    assert shown.api("GET", "/profiles", who="vic").status == 200
    assert shown.api("GET", "/profiles/box/powershell", who="vic").status == 200
    trial_id = shown.api("POST", "/profiles/box/test").json["id"]
    for method, path, body in [
        ("POST", "/profiles/box/test", {}), ("POST", "/trials", typed(cloud)), ("GET", f"/trials/{trial_id}", None),
        ("POST", "/profiles/ann/authorize", {}), ("GET", "/profiles/ann/authorize", None),
        ("POST", "/test-mail", {"profile": "box", "to": "x@contoso.test"}),
    ]:  # fmt: skip
        assert shown.api(method, path, body, who="vic").status == 403, path
    shown.until(f"/trials/{trial_id}")


def test_a_profile_tells_what_it_is_made_of_and_no_secret(shown, cloud):
    """State, place of the credential, devices; the page says the same."""
    one = shown.api("GET", "/profiles/box").json
    assert (one["mailbox"], one["app"], one["canary"]) == ("box@contoso.test", "contoso", CANARY)
    assert set(one["devices"]) == {"erp", "narrow"}
    assert one["credential"].startswith("secret file:")
    page = shown.page("/profiles/box").body
    assert all(str(word) in page for word in ("box@contoso.test", one["credential"], "narrow", CANARY))
    assert shown.page("/profiles").status == 200
    assert shown.api("GET", "/profiles/nobody").status == 404
    assert "there is no profile nobody" in shown.page("/profiles/nobody").body


def test_the_script_for_the_tenant_is_what_the_command_line_prints(shown):
    """Both ways, by API and page; what cannot be written says why."""
    rbac = shown.api("GET", "/profiles/box/powershell").json
    classic = shown.api("GET", "/profiles/box/powershell?classic=true").json
    assert "New-ManagementRoleAssignment" in rbac["script"]
    assert "Add-MailboxPermission" in classic["script"]
    assert rbac["portal"].startswith("Profile box by clicks")
    assert "New-ManagementRoleAssignment" in shown.page("/profiles/box/powershell").body
    assert "Add-MailboxPermission" in shown.page("/profiles/box/powershell?classic=1").body


def test_a_test_mail_takes_the_way_of_all_mail_and_is_followed(shown, cloud):
    """Stored, token, submitted, answer; the letter says who sent it and arrived by the profile's mailbox."""
    sent = shown.page("/test-mail", {"profile": "box", "to": "mailed@contoso.test", "subject": "Grüße"})
    assert sent.status == 303, sent.body
    message_id = sent.headers["location"].partition("id=")[2]
    found = shown.until(f"/test-mail/{message_id}")
    assert [(step["name"], step["state"]) for step in found["steps"]] == [
        ("stored", "ok"), ("token", "ok"), ("submitted", "ok"), ("answer", "ok"),
    ]  # fmt: skip
    assert found["good"]
    letter = str(cloud.letter("mailed@contoso.test").content)
    assert "ada sent this test mail" in letter
    assert "Auto-Submitted: auto-generated" in letter
    shown.relay.journal.wait("message.delivered", id=message_id, device="(test mail)")
    page = shown.page(f"/test-mail?id={message_id}").body
    assert f"/messages/{message_id}" in page
    assert "2.0.0" in page


def test_a_refused_test_mail_says_what_to_do(shown, cloud):
    """SendAsDenied in Exchange's words, with meaning and remedy, at the step it was refused at."""
    begun = shown.api("POST", "/test-mail", {"profile": "box", "to": "sendasdenied@contoso.test"}).json
    found = shown.until(f"/test-mail/{begun['id']}", "attempts")
    answer = found["steps"][-1]
    assert (found["good"], answer["state"]) == (None, "failed")
    assert "SendAsDenied" in answer["answer"]
    assert answer["remedy"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"profile": "nobody", "to": "a@contoso.test"}, 404, "there is no profile nobody"),
        ({"profile": "box", "to": "ann"}, 400, "no mail address"),
        ({"profile": "box", "to": "a@contoso.test>\r\nRCPT TO:<b@contoso.test"}, 400, "no mail address"),
        ({"profile": "box", "to": "a@contoso.test", "subject": "a\r\nBcc: b@contoso.test"}, 400, "one line"),
    ],
)
def test_a_test_mail_to_nobody_is_not_sent(shown, body, status, words):
    """Neither an address nor a subject becomes another command or field."""
    answer = shown.api("POST", "/test-mail", body)
    assert (answer.status, words in answer.json["error"]) == (status, True)


def test_a_browser_that_comes_back_signs_in_and_mail_flows_at_once(shown, cloud):
    """Mail waited for the sign-in, with hours until the next recheck; the browser lands at the dashboard itself."""
    waiting = shown.api("POST", "/test-mail", {"profile": "ann", "to": "waited@contoso.test"}).json
    shown.relay.journal.wait("profile.paused", profile="ann")
    followed = shown.api("GET", f"/test-mail/{waiting['id']}").json
    token = next(step for step in followed["steps"] if step["name"] == "token")
    assert (token["state"], "authorize" in token["remedy"]) == ("failed", True), followed
    begun = shown.api("POST", "/profiles/ann/authorize", {"origin": f"http://localhost:{shown.port}"}).json
    assert (begun["person"], begun["comes_back"], begun["state"]) == (ANN, True, "waiting")
    home = urlsplit(Browser(cloud.settings.ca_file).sign_in(begun["address"], ANN))
    assert (home.hostname, home.port) == ("localhost", shown.port)
    landed = shown.get(f"{home.path or '/'}?{home.query}")
    assert (landed.status, "is signed in for profile ann" in landed.body) == (200, True)
    assert home.query not in landed.body
    assert shown.api("GET", "/profiles/ann/authorize").json["state"] == "done"
    assert shown.until(f"/test-mail/{waiting['id']}")["good"]
    shown.relay.journal.wait("signin.kept", profile="ann", person=ANN, who="ada")
    shown.relay.journal.wait("profile.resumed", profile="ann")
    again = shown.get(f"{home.path or '/'}?{home.query}")
    assert "is signed in" in again.body
    assert len(shown.relay.journal.seen("signin.kept", profile="ann")) == 1


def test_a_pasted_address_counts_for_who_began_alone(shown, cloud):
    """Another operator sees nothing of it and pastes in vain; nonsense is asked for again with the reason."""
    begun = shown.api("POST", "/profiles/boss/authorize").json
    assert (begun["comes_back"], begun["person"]) == (False, BOSSES_UPN)
    home = Browser(cloud.settings.ca_file).sign_in(begun["address"], BOSSES_UPN)
    answer = "/profiles/boss/authorize/answer"
    assert shown.api("GET", "/profiles/boss/authorize", who="bea").status == 404
    assert shown.api("POST", answer, {"address": home}, who="bea").status == 404
    for address, words in (
        ("no idea", "not the whole address"), (begun["address"], "the address to open"),
        ("http://localhost/?code=x&state=y", "another sign-in"),
    ):  # fmt: skip
        refused = shown.api("POST", answer, {"address": address})
        assert (refused.status, words in refused.json["error"]) == (400, True)
    assert shown.api("POST", answer, {"address": f" '{home}' "}).json["state"] == "done"


def test_somebody_else_who_signs_in_is_refused_on_the_page(shown, cloud):
    """Both names; nothing is kept."""
    assert shown.page("/profiles/ann/authorize", {"way": "browser"}).status == 303
    page = shown.page("/profiles/ann/authorize").body
    address = re.search(r'id="open" href="([^"]+)"', page)[1].replace("&amp;", "&")
    home = urlsplit(Browser(cloud.settings.ca_file).sign_in(address, BOB))
    landed = shown.get(f"{home.path or '/'}?{home.query}")
    assert (landed.status, "but profile ann is for" in landed.body) == (400, True)
    assert BOB in shown.page("/profiles/ann/authorize").body


def test_a_code_typed_elsewhere_signs_in(shown, cloud):
    """The relay asks Entra by itself until the person has typed it."""
    code = shown.api("POST", "/profiles/ann/authorize", {"way": "device"}).json["code"]
    assert code in shown.page("/profiles/ann/authorize").body
    cloud.order(cloud.cloud.enter_device_code, code, ANN)
    deadline = time.monotonic() + WAIT_S
    while (state := shown.api("GET", "/profiles/ann/authorize").json["state"]) == "waiting":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert state == "done"


def test_a_state_that_nobody_began_goes_its_usual_way(shown):
    """A guess is an unknown visitor like any other."""
    assert shown.get("/?code=x&state=guessed").status == 303


def test_a_profile_that_nobody_signs_in_for_says_so(shown):
    """409, with what would have to be set."""
    answer = shown.api("POST", "/profiles/box/authorize")
    assert (answer.status, "signs in as its app alone" in answer.json["error"]) == (409, True)
    assert "signs in as its app alone" in shown.page("/profiles/box/authorize").body
