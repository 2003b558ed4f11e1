"""The values of the settings: defaults, what follows from what, what cannot be."""

from __future__ import annotations

import ipaddress

import pytest
from pydantic import ValidationError

from relay.config.loader import parse
from relay.config.settings import App, Device, FromPolicy, Listener, Resource, Settings


def app(**options: object) -> App:
    return App.model_validate(
        {"tenant": "contoso.onmicrosoft.com", "client_id": "x", "credential": {"secret": "env:X"}} | options
    )


def test_the_defaults_are_those_of_the_manual(good: str) -> None:
    """What a short configuration leaves out has the promised values."""
    settings = parse(good)
    assert str(settings.data_dir) == "/var/lib/relay"
    assert settings.intake.max_message_size == 36_700_160
    assert settings.delivery.retry_s == (30, 60, 120, 300, 600, 900, 1800, 3600)
    assert (settings.limits.sessions, settings.limits.messages_per_minute) == (2, 28)
    assert settings.profiles["scans"].from_policy is FromPolicy.MAILBOX
    assert settings.devices["erp"].recipients == ("*",)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("0.0.0.0:2525", "0.0.0.0", 2525), ("[::]:25", "::", 25), ("localhost:0", "localhost", 0)],
)
def test_a_listener_has_host_and_port(listen: str, host: str, port: int) -> None:
    """IPv6 addresses lose their brackets."""
    listener = Listener(listen=listen)
    assert (listener.host, listener.port) == (host, port)


@pytest.mark.parametrize("listen", ["2525", ":2525", "0.0.0.0:", "0.0.0.0:x", "0.0.0.0:65536", "::25", "h:²", "[]:25"])
def test_a_listener_without_host_or_port_is_refused(listen: str) -> None:
    """Nothing is guessed about where to listen."""
    with pytest.raises(ValidationError, match="host:port"):
        Listener(listen=listen)


@pytest.mark.parametrize(
    ("cloud", "authority", "scope"),
    [
        ("worldwide", "https://login.microsoftonline.com", "https://outlook.office365.com/.default"),
        ("us-gov-gcc-high", "https://login.microsoftonline.us", "https://outlook.office365.us/.default"),
        ("us-gov-dod", "https://login.microsoftonline.us", "https://outlook-dod.office365.us/.default"),
        ("china", "https://login.partner.microsoftonline.cn", "https://partner.outlook.cn/.default"),
    ],
)
def test_the_cloud_says_where_to_sign_in(cloud: str, authority: str, scope: str) -> None:
    """Authority and scope follow from the cloud and the tenant."""
    assert app(cloud=cloud).authority_url == f"{authority}/contoso.onmicrosoft.com"
    assert app(cloud=cloud).scope_text == scope


def test_an_authority_of_ones_own_wins_over_the_cloud() -> None:
    """With a path it is taken as it is, without one the tenant is added."""
    assert app(authority="https://127.0.0.1:8443/").authority_url == "https://127.0.0.1:8443/contoso.onmicrosoft.com"
    assert app(authority="https://login.example/t/").authority_url == "https://login.example/t"
    assert app(scope="api://x/.default").scope_text == "api://x/.default"


def test_a_profile_submits_to_its_cloud_unless_told_otherwise(good: str) -> None:
    """`endpoint_of` fills in the cloud's host and keeps what was set."""
    settings = parse(good)
    assert settings.endpoint_of("scans").host == "smtp.office365.com"
    moved = parse(good.replace("from: mailbox", "endpoint: {host: 127.0.0.1, port: 2587}"))
    assert (moved.endpoint_of("scans").host, moved.endpoint_of("scans").port) == ("127.0.0.1", 2587)


def test_a_mailbox_takes_from_the_common_limits_what_it_does_not_set(good: str) -> None:
    """Addresses of mailboxes compare without regard to case."""
    settings = parse(good + "limits: {messages_per_minute: 10}\nmailboxes: {Scanner@contoso.com: {sessions: 3}}\n")
    own = settings.limits_of("scanner@CONTOSO.com")
    assert (own.sessions, own.messages_per_minute) == (3, 10)
    assert settings.limits_of("other@contoso.com").sessions == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.2.17", "10.0.2.17/32"),
        ("10.0.3.0/24", "10.0.3.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.2.17", "10.0.2.17/32"),
    ],
)
def test_a_device_address_is_a_network(address: str, network: str) -> None:
    """A single machine is a network of one, and IPv4 inside IPv6 is IPv4."""
    assert Device(address=address, profile="p").network == ipaddress.ip_network(network)


def test_a_device_known_by_login_alone_has_no_network() -> None:
    """Such a device may come from anywhere."""
    device = Device.model_validate({"login": {"username": "erp", "password": "env:X"}, "profile": "p"})
    assert device.network is None


def test_settings_built_in_code_are_cross_checked_too(good: str) -> None:
    """A profile that names no app is refused however the settings were made."""
    tree = parse(good).model_dump(mode="json", by_alias=True)
    tree["profiles"]["scans"]["app"] = "fabrikam"
    with pytest.raises(ValidationError, match=r"profiles\.scans\.app"):
        Settings.model_validate(tree)


def test_settings_do_not_change_after_loading(good: str) -> None:
    """A part may keep what it was given."""
    with pytest.raises(ValidationError, match="frozen"):
        parse(good).hostname = "other"  # type: ignore[misc]


def test_a_person_who_sends_as_others_by_graph_needs_a_scope_of_its_own(good: str) -> None:
    """By the profile's From policy or by that of one of its devices; the mailbox's own address needs none."""
    delegated = good.replace("from: mailbox", "sign_in: delegated, from: mailbox") + "token_store: {key: env:KEY}\n"
    assert parse(delegated).scope_of("scans", Resource.GRAPH) == "https://graph.microsoft.com/Mail.Send"
    both = "https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/Mail.Send.Shared"
    kept = delegated.replace("from: mailbox", "from: keep")
    assert parse(kept).scope_of("scans", Resource.GRAPH) == both
    by_device = delegated.replace("profile: scans}", "profile: scans, from: keep}")
    assert parse(by_device).scope_of("scans", Resource.GRAPH) == both
