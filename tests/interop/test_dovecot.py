"""The relay between an identity provider and a submission server nobody here wrote.

Entra's place is taken by npm's oidc-provider, Exchange's by Debian's Dovecot, which verifies each token itself:
signature, issuer, life, and that it belongs to the user who signs in. Neither can share a mistake with the relay or its
sandbox.
"""

from __future__ import annotations

import email
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.configuration import LISTENERS, write
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.interop.conftest import Identity, Sink
    from tests.interop.dovecot import Dovecot

CLIENT, SECRET, BOX = "c11e57a1-0000-4000-8000-000000000001", "a secret of the provider", "box@contoso.test"
COPIER, OTHER = "127.0.0.1", "127.0.0.2"
LETTER = "From: mfp@device.test\r\nTo: {to}\r\nSubject: a scan\r\n\r\n{body}\r\n"
# RFC 4954 §4: an AUTH line ends at 512 octets; Dovecot says 500 5.5.2 to a longer one.
LONGEST_AUTH_LINE = 512

Change = dict[str, Any]


@pytest.fixture
def relay(identity: Identity, dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> Iterator[Callable[..., RunningRelay]]:
    """`relay(secret="…")` runs `relay serve` between both: copier leaves by the provider's mailbox, other does not."""
    running: list[RunningRelay] = []

    def start(secret: str = SECRET) -> RunningRelay:
        (tmp_path / "secret").write_text(secret)
        one = RunningRelay(write(tmp_path / "relay.yaml", _settings(identity, dovecot, ca_file, tmp_path)))
        running.append(one)
        return one.__enter__()

    yield start
    for one in running:
        one.kill()


def _settings(identity: Identity, dovecot: Dovecot, ca_file: Path, directory: Path) -> dict[str, Any]:
    endpoint = {"host": "localhost", "port": dovecot.port, "ca_file": str(ca_file)}
    app = {"tenant": "contoso.test", "client_id": CLIENT, "authority": identity.authority, "ca_file": str(ca_file)}
    nowhere = {"url": f"https://localhost:{identity.port}/graph"}  # else the relay asks Microsoft when the secret ends
    profile = {"app": "contoso", "from": "mailbox", "endpoint": endpoint, "graph": nowhere}
    return {
        "data_dir": str(directory / "data"),
        "hostname": "relay.test",
        "listeners": [{"listen": "127.0.0.1:0", **kind} for kind in LISTENERS.values()],
        "apps": {"contoso": app | {"credential": {"secret": {"file": str(directory / "secret")}}}},
        "profiles": {"box": profile | {"mailbox": BOX}, "other": profile | {"mailbox": "other@contoso.test"}},
        "devices": {"copier": {"address": COPIER, "profile": "box"}, "other": {"address": OTHER, "profile": "other"}},
        "limits": {"messages_per_minute": 0, "sessions": 1},
        "spool": {"min_free_bytes": 0},
        "delivery": {"retry_s": [0.2], "recheck_s": 0.2},
        "log": {"format": "json"},
    }


def scans(relay: RunningRelay, recipient: str, *, device: str = COPIER, body: str = "Hello") -> None:
    """Hands in a letter; the relay takes it."""
    with relay.device(device) as one:
        one.hello()
        one.address(recipient, sender="mfp@device.test")
        assert one.pour(LETTER.format(to=recipient, body=body).encode()).startswith("250 ")


def test_a_scan_arrives_through_both(
    relay: Callable[..., RunningRelay], identity: Identity, dovecot: Dovecot, sink: tuple[Sink, int]
) -> None:
    """A token by client credentials, verified by Dovecot; it is too long for one line, so that AUTH takes two steps."""
    body = "Größe: 12 €\r\n..dot\r\n" + "0123456789" * 7 + "\r\n"
    scans(relay(), "ann@contoso.test", body=body)

    letter = sink[0].wait_for("ann@contoso.test")
    assert (letter.mail_from, letter.recipients) == (BOX, ("ann@contoso.test",))
    text = email.message_from_bytes(letter.content).get_payload(decode=True)  # 8-bit text leaves as quoted-printable
    assert text == body.encode() + b"\r\n"
    assert identity.facts.wait("token.granted", grant="client_credentials")["octets"] > LONGEST_AUTH_LINE
    assert "Line too long" not in dovecot.log()


def test_a_big_scan_and_many_recipients_arrive(relay: Callable[..., RunningRelay], sink: tuple[Sink, int]) -> None:
    """Megabytes of base64 in one message, to each of several recipients."""
    running = relay()
    body = ("QUJD" * 19 + "\r\n") * 40_000
    with running.device(COPIER) as one:
        one.hello()
        one.address("r1@contoso.test", "r2@contoso.test", sender="mfp@device.test")
        assert one.pour(LETTER.format(to="r1@contoso.test", body=body).encode()).startswith("250 ")
    letter = sink[0].wait_for("r2@contoso.test")
    assert sorted(letter.recipients) == ["r1@contoso.test", "r2@contoso.test"]
    assert letter.content.endswith(body.encode() + b"\r\n")


def test_one_session_carries_several_messages(
    relay: Callable[..., RunningRelay], dovecot: Dovecot, sink: tuple[Sink, int]
) -> None:
    """Five scans in a row are one sign-in at Dovecot."""
    before = dovecot.log().count(f"Login: user=<{BOX}>")
    running = relay()
    for number in range(5):
        scans(running, f"many{number}@contoso.test")
    for number in range(5):
        sink[0].wait_for(f"many{number}@contoso.test")
    assert dovecot.log().count(f"Login: user=<{BOX}>") - before == 1


def test_a_mailbox_the_token_is_not_for_pauses_its_profile_alone(
    relay: Callable[..., RunningRelay], sink: tuple[Sink, int]
) -> None:
    """Dovecot refuses the user; his mail waits, and that of the others goes on."""
    running = relay()
    scans(running, "late@contoso.test", device=OTHER)
    paused = running.journal.wait("profile.paused", profile="other")
    assert "535" in str(paused) or "Authentication" in str(paused)
    scans(running, "early@contoso.test")
    sink[0].wait_for("early@contoso.test")
    assert not sink[0].to("late@contoso.test")
    assert not running.journal.seen("message.failed")


def test_a_wrong_secret_pauses_and_the_right_one_is_taken_up(
    relay: Callable[..., RunningRelay], sink: tuple[Sink, int], tmp_path: Path
) -> None:
    """The provider's own refusal (invalid_client); the mail waits until the file is mended, without a restart."""
    running = relay(secret="not this one")
    scans(running, "patient@contoso.test")
    assert "invalid_client" in str(running.journal.wait("profile.paused", profile="box"))
    (tmp_path / "secret").write_text(SECRET)
    sink[0].wait_for("patient@contoso.test")
    running.journal.wait("profile.resumed", profile="box")


def test_the_token_is_in_no_log(relay: Callable[..., RunningRelay], sink: tuple[Sink, int]) -> None:
    """Neither the journal nor what the process says otherwise holds the token or the secret."""
    running = relay()
    scans(running, "quiet@contoso.test")
    sink[0].wait_for("quiet@contoso.test")
    running.journal.wait("message.delivered")
    said = running.journal.tail() + running.stderr
    assert "eyJ" not in said and SECRET not in said  # noqa: PT018
