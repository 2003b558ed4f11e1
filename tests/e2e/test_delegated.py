"""A running relay sends as a person who signed in once: rotation, restarts, the end of a sign-in and the next one."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.e2e.configuration import COPIER
from tests.e2e.delegated import ANN, BOSS, BOSSES_UPN, DESK, USERS, configured, kept, registered, signed_in
from tests.e2e.device import LETTER, queued_as
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay
from tests.sandbox import keys


@pytest.fixture(scope="module")
def cloud():
    with PretendCloud(users=USERS) as running:
        yield running


@pytest.fixture
def serve():
    """`serve(config)` runs a relay of this test."""
    with ExitStack() as stack:
        yield lambda config: stack.enter_context(RunningRelay(config))


def sends(relay, recipient, address=COPIER):
    """Hands in a letter; returns its id."""
    with relay.device(address) as device:
        device.hello()
        device.address(recipient)
        return queued_as(device.pour(LETTER))


def used(cloud) -> list[str]:
    """The refresh tokens given out so far, oldest first."""
    return cloud.order(lambda: list(cloud.cloud.entra.grants.refreshes))


def test_mail_leaves_as_the_person_and_from_the_shared_mailbox(cloud, tmp_path, serve, somebody):
    """user= is who signed in, From the shared mailbox they have Send As on; the token is theirs, with SMTP.Send."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config)
    relay = serve(config)
    relay.journal.outcome(sends(relay, somebody))

    letter = cloud.letter(somebody)
    assert (letter.mailbox, letter.mail_from, letter.header("From")) == (ANN, DESK, f'"Desk" <{DESK}>')
    assert (letter.claims["upn"], letter.claims["scp"]) == (ANN, "SMTP.Send")
    assert relay.stop() == 0


def test_a_upn_that_is_not_the_address_sends_as_the_mailbox(cloud, tmp_path, serve, somebody):
    """Signed in by the one, known to Exchange by the other."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config, BOSSES_UPN, profile="boss")
    relay = serve(config)
    sends(relay, somebody, "127.0.0.9")

    letter = cloud.letter(somebody)
    assert (letter.mailbox, letter.claims["upn"]) == (BOSS, BOSSES_UPN)


def test_each_start_uses_the_refresh_token_of_the_last_one(cloud, tmp_path, serve, somebody):
    """What Entra gave last is what is asked with next, across restarts."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config)
    before = len(used(cloud))
    files = []
    for number in (1, 2, 3):
        relay = serve(config)
        relay.journal.outcome(sends(relay, somebody))
        assert relay.stop() == 0
        assert len(cloud.letters(somebody, number)) == number
        files += [path.read_bytes() for path in kept(tmp_path)]

    assert len(used(cloud)) == before + 3
    assert len(set(files)) == 3


def test_mail_waits_for_the_first_sign_in(cloud, tmp_path, serve, somebody):
    """The start says who is missing, and how to sign in; the profile pauses, the mail is kept and flows by itself."""
    config = configured(cloud, tmp_path, profiles={"boss": {"sign_in": "app", "upn": ""}})
    relay = serve(config)
    missing = relay.journal.wait("signin.failing", profile="ann")
    assert missing["remedy"].startswith("relay authorize ann")
    name = sends(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="ann")
    assert (paused["rule"], cloud.has(somebody)) == ("entra.not-signed-in", 0)

    signed_in(cloud, config)

    relay.journal.wait("profile.resumed", profile="ann")
    relay.journal.wait("message.delivered", id=name)
    assert cloud.letter(somebody).mailbox == ANN
    assert relay.stop() == 0


@pytest.mark.parametrize(("end", "rule"), [("revoked", "entra.grant-revoked"), ("expired", "entra.refresh-inactive")])
def test_the_end_of_a_sign_in_keeps_the_mail_until_the_next(cloud, tmp_path, serve, somebody, end, rule):
    """Revoked, or not used for 90 days: the profile pauses with the remedy; after a new sign-in the mail flows."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config)
    if end == "revoked":
        cloud.order(cloud.cloud.revoke_sessions, ANN)
    else:
        cloud.order(cloud.cloud.let_time_pass, 91 * 86_400.0)
    relay = serve(config)
    name = sends(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="ann")
    assert paused["rule"] == rule
    assert "ann" in paused["remedy"]
    assert (cloud.has(somebody), relay.journal.seen("message.failed")) == (0, [])

    signed_in(cloud, config)

    relay.journal.wait("message.delivered", id=name)
    assert len(cloud.letters(somebody)) == 1
    assert relay.stop() == 0


def test_a_lost_key_pauses_and_the_key_put_back_resumes(cloud, tmp_path, serve, somebody):
    """No mail is lost by a key that was changed; the error names the file and the option."""
    config = configured(cloud, tmp_path)
    signed_in(cloud, config)
    key = tmp_path / "token-key"
    right = key.read_text()
    key.write_text("A" * 43 + "=\n")
    relay = serve(config)
    name = sends(relay, somebody)
    paused = relay.journal.wait("profile.paused", profile="ann")
    assert paused["rule"] == "entra.token-store"
    assert "another key than token_store.key" in paused["answer"]

    key.write_text(right)

    relay.journal.wait("message.delivered", id=name)
    assert relay.stop() == 0


def test_no_secret_of_a_sign_in_is_written_anywhere(cloud, tmp_path, serve, somebody):
    """Neither the refresh tokens nor the key stand in the journal or in any file of the data directory."""
    config = configured(cloud, tmp_path)
    told = signed_in(cloud, config).text
    relay = serve(config)
    relay.journal.outcome(sends(relay, somebody))
    assert relay.stop() == 0

    octets = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    words = told + "\n".join(map(str, relay.journal.events)) + relay.stderr
    for secret in (*used(cloud), (tmp_path / "token-key").read_text().strip()):
        assert secret.encode() not in octets
        assert secret not in words


def test_an_app_with_a_certificate_signs_people_in_too(cloud, tmp_path, serve, somebody):
    """The code and each refresh are proven with a signed assertion, which the pretend Entra verifies."""
    pair = keys.pair()
    cloud.order(cloud.cloud.add_certificate, pair.pem)
    for name, text in (("app.crt", pair.pem), ("app.key", pair.key_pem)):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    files = {"certificate": {"file": str(tmp_path / "app.crt")}, "private_key": {"file": str(tmp_path / "app.key")}}
    config = configured(cloud, tmp_path, apps={"contoso": {"credential": {"secret": None, "certificate": files}}})
    signed_in(cloud, config)
    relay = serve(config)
    relay.journal.outcome(sends(relay, somebody))

    assert cloud.letter(somebody).claims["upn"] == ANN


def test_a_public_client_signs_people_in_without_any_secret(cloud, tmp_path, serve, somebody):
    """No credential at all: PKCE alone."""
    config = configured(cloud, tmp_path, apps={"public": registered(cloud)}, profiles={"ann": {"app": "public"}})
    signed_in(cloud, config)
    relay = serve(config)
    relay.journal.outcome(sends(relay, somebody))

    assert cloud.letter(somebody).claims["upn"] == ANN


def test_a_person_sends_by_graph_and_from_the_shared_mailbox(cloud, tmp_path, serve, somebody):
    """Sending as another address is a permission of its own, which the sign-in asks for by itself."""
    config = configured(cloud, tmp_path, profiles={"ann": {"transport": "graph"}})
    signed_in(cloud, config)
    relay = serve(config)
    relay.journal.outcome(sends(relay, somebody))

    letter = cloud.letter(somebody)
    assert (letter.via, letter.mailbox, letter.header("From")) == ("graph", ANN, f'"Desk" <{DESK}>')
    assert "Mail.Send.Shared" in letter.claims["scp"].split()
