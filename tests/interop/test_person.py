"""A person signs in at a provider nobody here wrote, and the relay sends as that person through Dovecot.

npm's oidc-provider keeps to the specifications by itself: PKCE is demanded, codes are single-use, each refresh token is
replaced by the next and using an old one again revokes them all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
import requests

from relay.config.aeskey import new_key
from tests.e2e.configuration import COPIER, LISTENERS, write
from tests.e2e.person import WAIT_S, Authorizing
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.interop.conftest import Identity, Sink
    from tests.interop.dovecot import Dovecot

CLIENT, SECRET, BOX = "c11e57a1-0000-4000-8000-000000000001", "a secret of the provider", "box@contoso.test"
SCOPE, CALLBACK = "https://outlook.office365.com/.default", "https://localhost/callback"
LETTER = "From: mfp@device.test\r\nTo: {to}\r\nSubject: a scan\r\n\r\nHello\r\n"


@pytest.fixture
def config(identity: Identity, dovecot: Dovecot, ca_file: Path, tmp_path: Path) -> Path:
    """The copier leaves by a profile that somebody signs in for."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "key").write_text(new_key())
    endpoint = {"host": "localhost", "port": dovecot.port, "ca_file": str(ca_file)}
    profile = {"app": "contoso", "mailbox": BOX, "sign_in": "delegated", "from": "mailbox", "endpoint": endpoint}
    app = {
        "tenant": "contoso.test",
        "client_id": CLIENT,
        "authority": identity.authority,
        "ca_file": str(ca_file),
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "credential": {"secret": {"file": str(tmp_path / "secret")}},
    }
    nowhere = {"url": f"https://localhost:{identity.port}/graph"}
    whole = {
        "data_dir": str(tmp_path / "data"),
        "hostname": "relay.test",
        "listeners": [{"listen": "127.0.0.1:0", **kind} for kind in LISTENERS.values()],
        "apps": {"contoso": app},
        "profiles": {"box": profile | {"graph": nowhere}},
        "devices": {"copier": {"address": COPIER, "profile": "box"}},
        "token_store": {"key": {"file": str(tmp_path / "key")}},
        "spool": {"min_free_bytes": 0},
        "delivery": {"retry_s": [0.2], "recheck_s": 0.2},
        "log": {"format": "json"},
    }
    return write(tmp_path / "relay.yaml", whole)


@pytest.fixture
def browser(ca_file: Path) -> Iterator[requests.Session]:
    """A browser with cookies that trusts the provider."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca_file)
        yield session


def signs_in(browser: requests.Session, url: str, user: str) -> str:
    """Through the provider's pages, sign-in and consent; returns the address the browser ends at."""
    url += "&prompt=consent"  # OpenID Connect Core §11 wants it for offline_access; Entra does not
    answer = browser.get(url, allow_redirects=False, timeout=WAIT_S)
    for _ in range(12):
        if answer.is_redirect:
            url = urljoin(url, answer.headers["Location"])
            if url.startswith(CALLBACK):
                return url
            answer = browser.get(url, allow_redirects=False, timeout=WAIT_S)
        else:
            form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            assert form, answer.text
            prompt = "login" if 'name="login"' in answer.text else "consent"
            said = {"prompt": prompt, "login": user, "password": "anything"}
            answer = browser.post(urljoin(url, form[1]), data=said, allow_redirects=False, timeout=WAIT_S)
    pytest.fail(f"the sign-in does not end: {answer.status_code} at {url}")


def authorizes(config: Path, browser: requests.Session, user: str) -> Authorizing:
    """`relay authorize` to its end, with the address of the browser pasted."""
    with Authorizing(config, "--paste", profile="box") as authorizing:
        authorizing.paste(signs_in(browser, authorizing.url, user))
        authorizing.ended()
    return authorizing


def test_mail_leaves_as_who_signed_in(
    config: Path, browser: requests.Session, identity: Identity, sink: tuple[Sink, int]
) -> None:
    """A code with PKCE, a refresh token for each start, and Dovecot takes the token that comes of it."""
    said = authorizes(config, browser, BOX)
    assert said.process.returncode == 0, said.text
    identity.facts.wait("token.granted", grant="authorization_code")
    for number in (1, 2):  # the second start has only the successor of the first refresh token
        with RunningRelay(config) as relay:
            with relay.device(COPIER) as device:
                device.hello()
                device.address(f"person{number}@contoso.test")
                message = LETTER.format(to=f"person{number}@contoso.test").encode()
                assert device.pour(message).startswith("250 ")
            assert sink[0].wait_for(f"person{number}@contoso.test").mail_from == BOX
            assert relay.stop() == 0
    identity.facts.wait("token.granted", grant="refresh_token", count=2)
    assert not identity.facts.seen("token.refused")


def test_somebody_else_is_refused(config: Path, browser: requests.Session) -> None:
    """The provider's own account name is what is compared."""
    said = authorizes(config, browser, "someone@contoso.test")
    assert said.process.returncode != 0
    assert "someone@contoso.test" in said.text and BOX in said.text  # noqa: PT018
