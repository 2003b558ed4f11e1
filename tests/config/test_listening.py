"""What a listener may be told, and what contradicts itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.config.loader import ConfigError, parse
from relay.config.settings import Mechanism, TlsFloor

HASH = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def settings(device: dict[str, Any] | None = None, **listener: Any) -> Any:
    """A configuration with one listener."""
    return parse(json.dumps({
        "listeners": [{"listen": "127.0.0.1:0"} | listener],
        "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
        "profiles": {"scans": {"app": "c", "mailbox": "scanner@contoso.test"}},
        "devices": {"copier": {"address": "10.0.2.17", "profile": "scans"} | (device or {})},
    }))  # fmt: skip


def complaint(device: dict[str, Any] | None = None, **listener: Any) -> str:
    """What `relay check` says."""
    with pytest.raises(ConfigError) as caught:
        settings(device, **listener)
    return "\n".join(map(str, caught.value.complaints))


def test_a_listener_that_says_nothing_is_modern_and_careful() -> None:
    """No old TLS, no mechanism that needs a readable password, nobody trusted to speak for others."""
    listener = settings().listeners[0]
    assert listener.tls_floor is TlsFloor.MODERN
    assert listener.mechanisms == (Mechanism.LOGIN, Mechanism.PLAIN)
    assert listener.proxy_protocol is None
    assert not listener.helo_only
    assert not listener.auth_equals


@pytest.mark.parametrize("listen", ["fd:smtp", "fd:relay.socket", "[::]:25", "10.0.0.1:465"])
def test_where_a_listener_may_listen(listen: str) -> None:
    """By address, or by the name of a socket that systemd passes."""
    listener = settings(listen=listen).listeners[0]
    assert listener.activated == (listen.removeprefix("fd:") if listen.startswith("fd:") else None)


@pytest.mark.parametrize("listen", ["fd:", "fd:a b", "fd:a:b", "25", "::1:25"])
def test_where_it_may_not(listen: str) -> None:
    """The remedy names both forms."""
    assert "fd:NAME" in complaint(listen=listen)


def test_mechanisms_are_taken_in_any_case_and_unknown_ones_are_not() -> None:
    """DIGEST-MD5 is an error, not a promise."""
    assert settings(mechanisms=["cram-md5", "Plain"]).listeners[0].mechanisms == (Mechanism.CRAM_MD5, Mechanism.PLAIN)
    assert "mechanisms" in complaint(mechanisms=["DIGEST-MD5"])
    assert "mechanisms" in complaint(mechanisms=[])


@pytest.mark.parametrize("trusted", [[], ["balancer"], ["10.0.0.5/24"]])
def test_whom_a_listener_cannot_trust(trusted: list[str]) -> None:
    """Nobody, a name, or a network that may be a machine."""
    assert "listeners[0].proxy_protocol.trusted" in complaint(proxy_protocol={"trusted": trusted})


def test_a_device_that_must_encrypt_needs_a_listener_that_can() -> None:
    """Found before its first scan is refused."""
    required = {"tls": "required"}
    assert settings(required, tls="implicit").devices["copier"].tls == "required"
    assert "no listener offers TLS" in complaint(required, tls="none")


def test_a_hash_cannot_be_checked_by_cram_md5_alone() -> None:
    """Beside PLAIN it can."""
    login = {"login": {"username": "copier", "password_hash": HASH}}
    assert settings(login, mechanisms=["CRAM-MD5", "PLAIN"])
    assert "can't be checked against a hash" in complaint(login, mechanisms=["cram-md5"])
