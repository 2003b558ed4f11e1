"""The token sources of a configuration, against the sandbox."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from relay.config.settings import Settings, TransportKind
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.telemetry.journal import Journal
from relay.tokens.claims import read
from relay.tokens.source import TokenError
from relay.transport.smtp import ExchangeTransport
from relay.transport.transport import TransportError
from relay.upstream.news import TokenNews
from relay.upstream.sources import Sources
from tests.tokens import keys


@pytest.fixture
async def cloud():
    async with Cloud(CloudOptions()) as running:
        yield running


@pytest.fixture
def told():
    """A journal and what it has written, as JSON lines."""
    lines = io.StringIO()
    render = [structlog.processors.add_log_level, structlog.processors.JSONRenderer()]
    log = structlog.wrap_logger(structlog.PrintLogger(lines), processors=render)
    return Journal(log), lambda: [json.loads(line) for line in lines.getvalue().splitlines()]


def settings(cloud, tmp_path, *, outgoing=None, **app):
    """One app with four profiles: smtp twice, hve, graph."""
    at = cloud.settings
    secret = tmp_path / "secret"
    if not secret.exists():
        secret.write_text(at.client_secret)
    whole = {
        "tenant": at.authority.rpartition("/")[2], "client_id": at.client_id, "authority": at.authority,
        "ca_file": str(at.ca_file), "credential": {"secret": {"file": str(secret)}},
    }  # fmt: skip
    names = ("one", "two", "hve", "graph")
    profiles = {name: {"app": "contoso", "mailbox": f"{name}@contoso.test"} for name in names}
    for name in ("hve", "graph"):
        profiles[name]["transport"] = name
    return Settings.model_validate(
        {
            "data_dir": str(tmp_path),
            "listeners": [{"listen": "127.0.0.1:2525"}],
            "apps": {"contoso": whole | app},
            "profiles": profiles,
            "outgoing": outgoing or {},
        }
    )


def of(sources, at, profile):
    return sources.of(at, profile, at.profiles[profile].transport)


async def test_profiles_that_ask_for_the_same_share_one_keeper(cloud, tmp_path):
    """Exchange's and Graph's tokens differ, and HVE's must live longer; a reload that changes nothing keeps them."""
    sources, at = Sources(), settings(cloud, tmp_path)
    keepers = [of(sources, at, name) for name in at.profiles]

    assert keepers[0] is keepers[1]
    assert len(set(keepers)) == 3
    assert of(sources, settings(cloud, tmp_path), "one") is keepers[0]


@pytest.mark.parametrize(
    "change",
    [
        {"outgoing": {"https_proxy": "http://127.0.0.1:1"}},
        {"outgoing": {"source_address": "127.0.0.9"}},
        {"next_credential": {"secret": {"env": "NEXT"}}},
    ],
)
async def test_what_a_token_depends_on_makes_a_new_keeper(cloud, tmp_path, change):
    """Another proxy, address or credential."""
    sources = Sources()
    before = of(sources, settings(cloud, tmp_path), "one")

    assert of(sources, settings(cloud, tmp_path, **change), "one") is not before


async def test_hve_takes_no_token_with_less_than_twelve_minutes(cloud, tmp_path):
    """A token of ten minutes is good enough for smtp and asked for anew for each hve session (501 5.5.127)."""
    cloud.entra.registration.lifetime_s = 600
    sources, at = Sources(), settings(cloud, tmp_path)
    smtp, hve = of(sources, at, "one"), of(sources, at, "hve")

    assert await smtp.token() is await smtp.token()
    assert (await hve.token()).value != (await hve.token()).value


async def test_the_configured_way_out_is_taken(cloud, tmp_path):
    """A proxy that is not there: sign-in fails, and names it."""
    at = settings(cloud, tmp_path, outgoing={"https_proxy": "http://127.0.0.1:1"})
    with pytest.raises(TokenError, match=r"127\.0\.0\.1:1 \(outgoing\.https_proxy\)"):
        await of(Sources(), at, "one").token()


async def test_the_change_of_credential_is_told_once(cloud, tmp_path, told):
    """The secret expires, the certificate in next_credential serves; the journal names both and what Entra said."""
    key = keys.rsa_key()
    certificate = keys.certified(key)
    path = tmp_path / "next.pfx"
    path.write_bytes(keys.pfx(key, certificate, "w0rd"))
    (tmp_path / "word").write_text("w0rd")
    cloud.add_certificate(keys.pem(certificate))
    cloud.set_secret("expired")
    journal, lines = told
    following = {"certificate": {"pfx": str(path), "passphrase": {"file": str(tmp_path / "word")}}}
    at = settings(cloud, tmp_path, next_credential=following)
    keeper = of(Sources(TokenNews(journal)), at, "one")
    for _ in range(2):
        keeper.refused(await keeper.token())

    events = [line["event"] for line in lines()]
    assert events == ["credential.changed", "token.fetched", "token.fetched"]
    change = lines()[0]
    assert change["credential"] == f"apps.contoso.next_credential (the certificate {path})"
    assert change["refused"] == f"apps.contoso.credential (the client secret file:{tmp_path / 'secret'})"
    assert "AADSTS7000222" in change["reason"]
    assert change["level"] == "warning"


async def test_a_token_that_serves_on_is_told(cloud, tmp_path, told):
    """Grace longer than the token: the second question fails, the first token serves, the journal says why."""
    journal, lines = told
    at = settings(cloud, tmp_path, token_grace_s=7200)
    keeper = of(Sources(TokenNews(journal)), at, "one")
    first = await keeper.token()
    cloud.set_secret("expired")

    assert await keeper.token() is first
    kept = lines()[-1]
    assert (kept["event"], kept["app"], kept["level"]) == ("token.kept", "contoso", "warning")
    assert "AADSTS7000222" in kept["reason"]


async def test_a_secret_mended_in_its_file_serves_without_restart(cloud, tmp_path):
    """Refused, then the new value in the same file: the next question uses it."""
    at = settings(cloud, tmp_path)
    keeper = of(Sources(), at, "one")
    cloud.set_secret("expired")
    with pytest.raises(TokenError):
        await keeper.token()
    (tmp_path / "secret").write_text(cloud.add_secret().value + "\n")

    assert await keeper.token()


async def test_each_kind_asks_for_its_own_service(cloud, tmp_path):
    """Graph's scope for transport graph, Exchange's for the others."""
    at, sources = settings(cloud, tmp_path), Sources()
    kinds = (TransportKind.SMTP, TransportKind.HVE, TransportKind.GRAPH)
    audiences = [read((await sources.of(at, "one", kind).token()).value).audience for kind in kinds]

    assert audiences == ["https://outlook.office365.com"] * 2 + ["https://graph.microsoft.com"]


async def test_a_token_refused_before_its_end_costs_one_more_sign_in(cloud, tmp_path):
    """Exchange says 535 to the kept token: it is dropped, a new one fetched, and the same connect succeeds."""
    at = settings(cloud, tmp_path)
    sources, to = Sources(), cloud.settings
    transport = ExchangeTransport(
        host=to.smtp_host, port=to.smtp_port, mailbox="scanner@contoso.test", tokens=of(sources, at, "one"),
        local_hostname="relay.test", ca_file=to.ca_file,
    )  # fmt: skip
    await (await transport.connect()).close()
    cloud.entra.revoke_tokens()
    await (await transport.connect()).close()

    assert cloud.entra.issued == 2
    cloud.revoke_mailbox("scanner@contoso.test")
    with pytest.raises(TransportError, match="535"):
        await transport.connect()
    assert cloud.entra.issued == 3
