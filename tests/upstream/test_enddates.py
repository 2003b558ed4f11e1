"""When credentials end: as certificates, the configuration and Graph say."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import shutil

import pytest
import trustme
from cryptography.hazmat.primitives import hashes

from relay.config.settings import Settings
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.upstream.enddates import EndDate, configured, registered
from relay.upstream.sources import Sources
from tests.tokens import keys

LISTENERS = [{"listen": "127.0.0.1:2525"}]


@pytest.fixture(scope="module")
def pair():
    key = keys.rsa_key()
    return key, keys.certified(key, days=20)


def settings(tmp_path, at=None, graph="", **app):
    whole = {"tenant": "contoso.test", "client_id": "client-1"} | app
    if at:
        whole |= {"client_id": at.client_id, "authority": at.authority, "ca_file": str(at.ca_file)}
    options = {"url": graph, "ca_file": str(tmp_path / "graph-ca.pem")} if graph else {}
    profile = {"app": "contoso", "mailbox": "scan@contoso.test", "graph": options}
    return Settings.model_validate(
        {"data_dir": str(tmp_path), "listeners": LISTENERS, "apps": {"contoso": whole}, "profiles": {"scan": profile}}
    )


def files(tmp_path, pair):
    key, certificate = pair
    (tmp_path / "crt").write_text(keys.pem(certificate))
    (tmp_path / "key").write_text(keys.key_pem(key))
    return {
        "certificate": {"certificate": {"file": str(tmp_path / "crt")}, "private_key": {"file": str(tmp_path / "key")}}
    }


def test_certificates_are_read_and_secrets_are_told(tmp_path, pair):
    """The certificate's own end, and the configured last day of a secret, whole."""
    secret = {"secret": {"env": "S"}, "expires": "2027-05-31"}
    found = configured(settings(tmp_path, credential=secret, next_credential=files(tmp_path, pair)))

    assert found == [
        EndDate("contoso", "credential", "secret", dt.datetime(2027, 6, 1, tzinfo=dt.UTC), "configuration", "env:S"),
        EndDate("contoso", "next_credential", "certificate", pair[1].not_valid_after_utc, "certificate",
                f"file:{tmp_path / 'crt'}"),
    ]  # fmt: skip


def test_an_ended_certificate_still_says_when(tmp_path):
    """What is over is read too: that is when it matters."""
    key = keys.rsa_key()
    ended = keys.certified(key, days=-0.5)
    [end] = configured(settings(tmp_path, credential=files(tmp_path, (key, ended))))

    assert end.ends == ended.not_valid_after_utc


def test_what_cannot_be_read_is_left_out(tmp_path, pair):
    """A missing file is told elsewhere; the other credential is still there."""
    gone = files(tmp_path, pair)
    (tmp_path / "crt").unlink()
    found = configured(
        settings(tmp_path, credential=gone, next_credential={"secret": {"env": "S"}, "expires": "2028-01-01"})
    )

    assert [end.credential for end in found] == ["next_credential"]


class Graph:
    """Graph's applications endpoint: gives `answer`, notes what it was asked."""

    def __init__(self, tmp_path):
        self.asked, self.answer = [], (403, {"error": {"code": "Authorization_RequestDenied"}})
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(tmp_path / "graph-ca.pem"))
        self._context = _server_context(ca)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.url = f"https://localhost:{self._server.sockets[0].getsockname()[1]}/v1.0"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        status, body = self.answer
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        writer.close()


def _server_context(ca):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return context


async def test_graph_is_asked_where_the_app_may(tmp_path, pair):
    """Entries are recognised by the secret's hint and the certificate's thumbprint; others have no option."""
    sha1 = base64.b64encode(pair[1].fingerprint(hashes.SHA1())).decode()
    async with Cloud(CloudOptions()) as cloud, Graph(tmp_path) as graph:
        at = cloud.settings
        (tmp_path / "secret").write_text(at.client_secret)
        graph.answer = (200, {
            "passwordCredentials": [
                {"displayName": "relay 2026", "hint": at.client_secret[:3], "endDateTime": "2027-01-02T03:04:05Z"},
                {"displayName": "old", "hint": "~~~", "endDateTime": "2025-01-01T00:00:00.1234567Z"},
                {"displayName": "broken", "hint": "x", "endDateTime": None},
            ],
            "keyCredentials": [
                {"displayName": "CN=relay", "customKeyIdentifier": sha1, "endDateTime": "2028-01-01T00:00:00Z"}
            ],
        })  # fmt: skip
        credentials = {
            "credential": {"secret": {"file": str(tmp_path / "secret")}},
            "next_credential": files(tmp_path, pair),
        }
        found = await registered(settings(tmp_path, at, graph.url, **credentials), "contoso", Sources())

        assert [(end.credential, end.kind, end.name, end.ends.year, end.source) for end in found] == [
            ("credential", "secret", "relay 2026", 2027, "graph"),
            ("", "secret", "old", 2025, "graph"),
            ("next_credential", "certificate", "CN=relay", 2028, "graph"),
        ]
        assert graph.asked[0].startswith(
            f"GET /v1.0/applications(appId='{at.client_id}')?$select=passwordCredentials,keyCredentials "
        )
        assert "Authorization: Bearer ey" in graph.asked[0]


@pytest.mark.parametrize(
    "answer", [(403, {}), (404, {}), (200, "<html>"), (200, [1]), (200, {"passwordCredentials": 7}), (503, "")]
)
async def test_a_graph_that_does_not_say_is_quiet(tmp_path, answer):
    """No right to read it is normal; a page or trouble is no reason to disturb anybody either."""
    async with Cloud(CloudOptions()) as cloud, Graph(tmp_path) as graph:
        graph.answer = answer
        (tmp_path / "secret").write_text(cloud.settings.client_secret)
        at = settings(tmp_path, cloud.settings, graph.url, credential={"secret": {"file": str(tmp_path / "secret")}})

        assert await registered(at, "contoso", Sources()) == []
        assert len(graph.asked) == 1


async def test_without_a_token_graph_is_not_asked(tmp_path):
    """Entra refuses: nothing is known, nobody is disturbed."""
    async with Cloud(CloudOptions()) as cloud, Graph(tmp_path) as graph:
        (tmp_path / "secret").write_text("wrong")
        at = settings(tmp_path, cloud.settings, graph.url, credential={"secret": {"file": str(tmp_path / "secret")}})

        assert await registered(at, "contoso", Sources()) == []
        assert graph.asked == []


def graph_of(cloud):
    return cloud.settings.graph_url.removesuffix("/v1.0") + "/v1.0"


async def test_the_sandboxs_graph_lists_what_is_registered(tmp_path, pair):
    """With Application.Read.All both credentials are found in their places, at the ends that were registered."""
    roles = ("Mail.Send", "Application.Read.All")
    async with Cloud(CloudOptions(graph_roles=roles)) as cloud:
        certificate = cloud.add_certificate(keys.pem(pair[1]))
        assert certificate.sha1
        shutil.copy(cloud.settings.ca_file, tmp_path / "graph-ca.pem")
        (tmp_path / "secret").write_text(cloud.settings.client_secret)
        credentials = {
            "credential": {"secret": {"file": str(tmp_path / "secret")}},
            "next_credential": files(tmp_path, pair),
        }
        at = settings(tmp_path, cloud.settings, graph_of(cloud), **credentials)
        found = {(end.credential, end.kind): end.ends for end in await registered(at, "contoso", Sources())}

        assert set(found) == {("credential", "secret"), ("next_credential", "certificate")}
        assert abs(found["next_credential", "certificate"] - pair[1].not_valid_after_utc) < dt.timedelta(seconds=1)


async def test_the_sandboxs_graph_refuses_an_app_without_that_right(tmp_path):
    """403, and nothing is said."""
    async with Cloud(CloudOptions(graph_roles=("Mail.Send",))) as cloud:
        shutil.copy(cloud.settings.ca_file, tmp_path / "graph-ca.pem")
        (tmp_path / "secret").write_text(cloud.settings.client_secret)
        own = {"secret": {"file": str(tmp_path / "secret")}}
        at = settings(tmp_path, cloud.settings, graph_of(cloud), credential=own)

        assert await registered(at, "contoso", Sources()) == []
        assert [request[-1] for request in cloud.graph.requests] == [403]
