"""A cloud is one word, and everything that follows from it can be overridden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.clouds import HOSTS, HVE_HOST, Cloud
from relay.config.loader import parse
from relay.config.settings import Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import App

    One = Callable[[str, str], str]

TENANT, PROFILE = "tenant: contoso.onmicrosoft.com", "from: mailbox"
ENDS = {
    "worldwide": (".microsoftonline.com", "office365.com", "graph.microsoft.com"),
    "us-gov-gcc-high": (".microsoftonline.us", "office365.us", "graph.microsoft.us"),
    "us-gov-dod": (".microsoftonline.us", "office365.us", "dod-graph.microsoft.us"),
    "china": (".microsoftonline.cn", "partner.outlook.cn", "microsoftgraph.chinacloudapi.cn"),
}


def app_of(good: str, options: str) -> App:
    return parse(good.replace(TENANT, f"{TENANT}, {options}")).apps["contoso"]


@pytest.mark.parametrize("cloud", list(Cloud))
def test_one_word_sets_sign_in_scopes_submission_and_graph_together(good: str, cloud: Cloud) -> None:
    """All of them are of the same cloud."""
    settings = parse(good.replace(TENANT, f"{TENANT}, cloud: {cloud}"))
    app, (login, exchange, graph) = settings.apps["contoso"], ENDS[cloud]
    assert app.authority_url.removesuffix("/contoso.onmicrosoft.com").endswith(login)
    assert settings.endpoint_of("scans").host.endswith(exchange)
    for delegated in (False, True):
        assert f"//{HOSTS[cloud].graph}/" in app.scope_for(Resource.GRAPH, delegated=delegated)
        assert app.scope_for(Resource.OUTLOOK, delegated=delegated).startswith("https://")
    assert HOSTS[cloud].graph == graph


@pytest.mark.parametrize("cloud", list(Cloud))
def test_each_host_and_scope_of_a_cloud_can_be_overridden(good: str, cloud: Cloud) -> None:
    """Authority, scope, graph_scope, submission host and Graph's address: some of the cloud's own are not proved."""
    own = "authority: https://login.own.example, scope: https://mail.own.example/.default, "
    text = good.replace(TENANT, f"{TENANT}, cloud: {cloud}, {own}graph_scope: https://graph.own.example/.default")
    ends = "endpoint: {host: smtp.own.example}, graph: {url: https://graph.own.example/v1.0}"
    settings = parse(text.replace(PROFILE, f"{PROFILE}, {ends}"))
    app = settings.apps["contoso"]
    assert app.authority_url == "https://login.own.example/contoso.onmicrosoft.com"
    for delegated in (False, True):
        assert app.scope_for(Resource.OUTLOOK, delegated=delegated) == "https://mail.own.example/.default"
        assert app.scope_for(Resource.GRAPH, delegated=delegated) == "https://graph.own.example/.default"
    assert settings.endpoint_of("scans").host == "smtp.own.example"
    assert settings.profiles["scans"].graph.url == "https://graph.own.example/v1.0"


def test_high_volume_email_has_a_host_of_its_own(good: str) -> None:
    """And that can be overridden too."""
    assert parse(good.replace(PROFILE, "transport: hve")).endpoint_of("scans").host == HVE_HOST
    text = good.replace(PROFILE, "transport: hve, endpoint: {host: smtp-hve.office365.com}")
    assert parse(text).endpoint_of("scans").host == "smtp-hve.office365.com"


def test_the_other_name_of_a_clouds_resource_is_no_mistake(good: str) -> None:
    """DoD's delegated scope is not proved: that of GCC High, which signs in at the same host, may be tried."""
    app = app_of(good, "cloud: us-gov-dod, scope: https://outlook.office365.us/.default")
    assert app.scope_text == "https://outlook.office365.us/.default"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("endpoint: {host: 'https://outlook.office365.com/EWS/Exchange.asmx'}", "(EWS), which is not used"),
        ("graph: {url: 'https://outlook.office365.com/EWS/Exchange.asmx'}", "(EWS), which is not used"),
        ("endpoint: {host: 'smtp://smtp.office365.com'}", "is an address, not a host"),
        ("endpoint: {host: 'smtp.office365.com:587'}", "has a port behind the host"),
        ("endpoint: {host: 'smtp office365 com'}", "is not a host"),
        ("endpoint: {port: 465}", "TLS from the first byte, which Exchange does not offer"),
    ],
)
def test_what_is_no_submission_host_is_explained(complaint_of: One, option: str, words: str) -> None:
    """An EWS address, as one vendor's manual asks for it, and other things that are no host name."""
    line = complaint_of(PROFILE, f"{PROFILE}, {option}")
    assert line.startswith("relay.yaml:6:") and words in line  # noqa: PT018
