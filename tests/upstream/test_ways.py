"""What the configuration says of a profile's ways, built."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from relay.config.loader import parse
from relay.config.secret import SecretRef
from relay.config.settings import TransportKind
from relay.transport.connector import ConnectorTransport
from relay.transport.dial import Family, Network
from relay.transport.graph import GraphTransport
from relay.transport.hve import HveTransport
from relay.transport.smtp import ExchangeTransport
from relay.transport.trust import Identity
from relay.upstream.sources import Sources
from relay.upstream.transports import Transports
from relay.upstream.ways import way_of

CONNECTOR = {
    "host": "contoso-com.mail.protection.outlook.com",
    "certificate": {"file": "/etc/relay/r.crt"},
    "private_key": {"file": "/etc/relay/r.key"},
}


def way(profile: dict[str, Any], app: dict[str, Any] | None = None, **more: Any) -> Any:
    """The way of one profile."""
    settings = parse(
        yaml.safe_dump(
            {
                "listeners": [{"listen": "127.0.0.1:2525"}],
                "apps": {
                    "contoso": {
                        "tenant": "contoso.onmicrosoft.com",
                        "client_id": "11111111-2222-3333-4444-555555555555",
                        "credential": {"secret": {"env": "CONTOSO_SECRET"}},
                        **(app or {}),
                    }
                },
                "profiles": {"scans": {"app": "contoso", "mailbox": "scanner@contoso.com", **profile}},
                "devices": {"copier": {"address": "10.0.2.17", "profile": "scans"}},
                **more,
            }
        )
    )
    return way_of(settings, "scans", Transports(Sources(), "relay.test"))


def test_smtp_is_the_way_unless_told_otherwise() -> None:
    """The cloud's host, port 587, sessions of five minutes and twenty messages; no second way."""
    found = way({})

    assert isinstance(found.transport, ExchangeTransport)
    assert (found.transport.host, found.transport.port) == ("smtp.office365.com", 587)
    assert (found.transport.session_s, found.transport.messages_per_session, found.idle_s) == (300, 20, 60)
    assert (found.second, found.takes_over) == (None, frozenset())


def test_high_volume_email_has_a_host_of_its_own_and_longer_tokens() -> None:
    """A session signs in with at least twelve minutes of token."""
    transport = way({"transport": "hve", "internal_domains": ["contoso.com"]}).transport

    assert isinstance(transport, HveTransport)
    assert transport.exchange.host == "smtp.hve.mx.microsoft"
    assert transport.internal_domains == ("contoso.com",)
    assert transport.exchange.tokens._grace_s == 720


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        ("worldwide", "https://graph.microsoft.com/v1.0"),
        ("us-gov-gcc-high", "https://graph.microsoft.us/v1.0"),
        ("us-gov-dod", "https://dod-graph.microsoft.us/v1.0"),
        ("china", "https://microsoftgraph.chinacloudapi.cn/v1.0"),
    ],
)
def test_graph_is_the_clouds_own(cloud: str, url: str) -> None:
    """Each cloud has its host; the mailbox is named by its user principal name."""
    found = way({"transport": "graph", "upn": "scanner@contoso.onmicrosoft.com"}, {"cloud": cloud})

    assert isinstance(found.transport, GraphTransport)
    assert found.transport.url == url
    assert found.transport.target == "/v1.0/users/scanner@contoso.onmicrosoft.com/sendMail"
    assert found.facts.host in url


def test_graph_may_be_elsewhere_and_behind_a_proxy() -> None:
    """What is configured wins; a slash at the end does no harm."""
    transport = way(
        {"transport": "graph", "graph": {"url": "https://graph.test:8443/beta/", "ca_file": "/etc/relay/ca.pem"}},
        outgoing={"https_proxy": "http://proxy.test:3128"},
    ).transport

    assert (transport.host, transport.port, transport.target) == (
        "graph.test",
        8443,
        "/beta/users/scanner@contoso.com/sendMail",
    )
    assert transport.place.proxy == "http://proxy.test:3128"
    assert str(transport.place.ca_file) == "/etc/relay/ca.pem"


def test_the_connector_shows_its_certificate_and_asks_nobody_for_a_token() -> None:
    """Port 25 of the MX, its name in the facts of a verdict."""
    found = way({"transport": "connector", "connector": CONNECTOR})

    assert isinstance(found.transport, ConnectorTransport)
    assert found.transport.identity == Identity(
        SecretRef.model_validate({"file": "/etc/relay/r.crt"}), SecretRef.model_validate({"file": "/etc/relay/r.key"})
    )
    assert (found.facts.host, found.facts.port) == ("contoso-com.mail.protection.outlook.com", "25")


def test_the_network_is_the_same_for_all() -> None:
    """Source address and family of `outgoing`."""
    outgoing = {"source_address": "10.0.0.5", "address_family": "ipv4"}
    network = Network("10.0.0.5", Family.IPV4)

    assert way({}, outgoing=outgoing).transport.target.network == network
    assert way({"transport": "hve"}, outgoing=outgoing).transport.target.network == network
    assert (
        way({"transport": "connector", "connector": CONNECTOR}, outgoing=outgoing).transport.target.network == network
    )
    assert way({"transport": "graph"}, outgoing=outgoing).transport.place.network == network


@pytest.mark.parametrize(("first", "second"), [("smtp", "hve"), ("hve", "smtp")])
def test_an_endpoint_belongs_to_the_profiles_own_transport(first: str, second: str) -> None:
    """The fallback goes to the host of its own service."""
    found = way({"transport": first, "fallback": second, "endpoint": {"host": "mine.test"}})
    own = {"smtp": "smtp.office365.com", "hve": "smtp.hve.mx.microsoft"}

    assert found.facts.host == "mine.test"
    assert found.second.facts.host == own[second]


def test_what_the_second_takes_over() -> None:
    """Large mail where it is asked to, mail to others for High Volume Email; never without a second."""
    large = way({"transport": "graph", "fallback": "smtp", "graph": {"too_big": "fallback"}})
    refused = way({"transport": "graph", "fallback": "smtp"})
    outside = way({"transport": "hve", "fallback": "graph"})

    assert large.takes_over == {"relay.graph-too-big", "graph.request-too-big"}
    assert (large.kind, large.second.kind) == (TransportKind.GRAPH, TransportKind.SMTP)
    assert refused.takes_over == frozenset()
    assert outside.takes_over == {"relay.hve-external", "smtp.hve-external"}
    assert outside.second.never_takes == large.takes_over


def test_the_same_configuration_is_the_same_way() -> None:
    """A reload that changes nothing keeps the sessions."""
    transports = Transports(Sources(), "relay.test")
    settings = parse(
        "listeners: [{listen: '127.0.0.1:2525'}]\n"
        "apps: {c: {tenant: c.test, client_id: x, credential: {secret: {env: S}}}}\n"
        "profiles: {scans: {app: c, mailbox: s@c.test, transport: hve, fallback: graph}}\n"
        "devices: {copier: {address: 10.0.2.17, profile: scans}}\n"
    )
    one, other = (way_of(settings, "scans", transports) for _ in range(2))

    assert one.transport == other.transport
    assert one.second.transport == other.second.transport
