"""Tokens of somebody else as credentials: a workload's token file, and a managed identity's metadata endpoint."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Route
from relay.tokens.credentials import TokenFile
from relay.tokens.entra import Entra
from relay.tokens.identity import ManagedIdentity
from relay.tokens.keeper import Keeper
from relay.tokens.source import TokenError
from tests.tokens import keys

AUDIENCE = "api://AzureADTokenExchange"


def complaint(credential) -> str:
    with pytest.raises(TokenError) as caught:
        credential.load()
    assert caught.value.error == "secret_unreadable"
    return caught.value.description


@pytest.fixture
def metadata(monkeypatch):
    """A fake metadata endpoint on loopback, found the way MSAL finds AKS's and, by `answer`, whatever it shall say."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Metadata)
    server.asked, server.answer = [], (200, {"access_token": "mi-token", "expires_in": "3600"})
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "IMDS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class _Metadata(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        status, body = self.server.answer
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        """Says nothing."""


def test_the_file_is_read_anew_for_each_question(authority, entra, tmp_path):
    """What stands in it now goes out as the assertion; the application need not be built anew."""
    path = tmp_path / "token"
    issuer = entra(credential=TokenFile(path))
    for word in ("first.token.x", "second.token.x\n"):
        path.write_text(word)
        issuer.acquire()

        assert authority.forms[-1]["client_assertion"] == [word.strip()]
    assert authority.asked.count("discovery") == 1


def test_a_file_of_no_use_is_named(tmp_path):
    """Missing, empty, not text: the path, and who writes such files."""
    path = tmp_path / "token"
    assert f"{path} cannot be read: No such file" in complaint(TokenFile(path))
    path.write_text("\n")
    assert "is empty; check what writes it" in complaint(TokenFile(path))
    path.write_bytes(b"\xff\xfe\x00")
    assert "no text in ASCII" in complaint(TokenFile(path))


async def test_entra_takes_a_workload_whose_identity_it_knows(tmp_path):
    """Issuer, subject and audience as registered give a token; another subject is told by its number."""
    key, path = keys.rsa_key(), tmp_path / "token"
    public = keys.public_pem(key)
    async with Cloud(CloudOptions()) as cloud:
        cloud.add_federated("https://k8s.test", "system:serviceaccount:relay", public, audience=AUDIENCE)
        at = cloud.settings
        issuer = Entra(at.client_id, at.authority, at.scope, credential=TokenFile(path), route=Route(at.ca_file))
        keeper = Keeper(issuer, grace_s=300)
        path.write_text(_workload(key, "system:serviceaccount:other"))
        with pytest.raises(TokenError) as caught:
            await keeper.token()
        assert caught.value.codes == (700213,)
        path.write_text(_workload(key, "system:serviceaccount:relay"))

        assert await keeper.token()


@pytest.mark.parametrize(("identity", "client_id"), [("system", None), ("1111-2222", ["1111-2222"])])
def test_a_managed_identity_is_asked_for_its_token(authority, entra, metadata, identity, client_id):
    """The metadata endpoint hears the audience and the identity; its token goes to Entra as the assertion."""
    entra(credential=ManagedIdentity(identity, AUDIENCE)).acquire()
    path, headers = metadata.asked[0]
    query = parse_qs(urlsplit(path).query)

    assert headers["Metadata"] == "true"
    assert (query["resource"], query.get("client_id")) == ([AUDIENCE], client_id)
    assert authority.forms[0]["client_assertion"] == ["mi-token"]


def test_app_services_endpoint_is_found(authority, entra, metadata, monkeypatch):
    """With App Service's variables its endpoint is asked, with its header."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{metadata.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h-e-a-d-e-r")
    metadata.answer = (200, {"access_token": "app-token", "expires_on": str(int(time.time()) + 3600)})
    entra(credential=ManagedIdentity("system", AUDIENCE)).acquire()

    assert metadata.asked[0][1]["X-IDENTITY-HEADER"] == "h-e-a-d-e-r"
    assert authority.forms[0]["client_assertion"] == ["app-token"]


def test_no_token_of_the_identity_is_used_twice(authority, entra, metadata):
    """A token that Entra refused must not be kept: each question asks the metadata endpoint."""
    issuer = entra(credential=ManagedIdentity("system", AUDIENCE))
    for number in (1, 2):
        metadata.answer = (200, {"access_token": f"mi-{number}", "expires_in": "86400"})
        issuer.acquire()

    assert [form["client_assertion"] for form in authority.forms] == [["mi-1"], ["mi-2"]]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            (400, {"error": "invalid_request", "error_description": "Identity not found"}),
            "HTTP 400: Identity not found",
        ),
        ((500, "<html>"), "HTTP 500, and no JSON"),
        ((200, {}), "HTTP 200: no token in it"),
    ],
)
def test_a_metadata_endpoint_that_gives_none_is_quoted(metadata, answer, says):
    """What it said, and what to check."""
    metadata.answer = answer
    said = complaint(ManagedIdentity("system", AUDIENCE))

    assert says in said
    assert "is a managed identity assigned to this machine" in said


def test_a_machine_outside_azure_is_told_so(metadata, monkeypatch):
    """Nobody at the endpoint; a proxy in the environment is not asked for it."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", metadata.url)

    assert "cannot be reached" in complaint(ManagedIdentity("system", AUDIENCE))
    assert metadata.asked == []


def _workload(key, subject):
    now = int(time.time())
    claims = {"iss": "https://k8s.test", "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 3600}
    return jwt.encode(claims, key, algorithm="RS256")
