"""The ID token of whoever signs in at the dashboard: MSAL checks nothing of it but the nonce."""

from __future__ import annotations

from typing import Any

import pytest

from relay.tokens.whois import mistake

TENANT = "6a1f5c1e-0000-4000-8000-000000000001"
GOOD: dict[str, Any] = {
    "aud": "app", "tid": TENANT, "iss": f"https://login.test/{TENANT}/v2.0", "nbf": 1000, "exp": 4600,
    "preferred_username": "ann@contoso.test",
}  # fmt: skip


def test_a_token_of_this_tenant_for_this_app_is_good() -> None:
    """Also where only a domain of the tenant is configured, and when the clocks differ a little."""
    for tenant, now in ((TENANT, 2000), (TENANT.upper(), 2000), ("", 2000), (TENANT, 900), (TENANT, 4800)):
        assert mistake(GOOD, "app", tenant, now) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "another"}, "another app"),
        ({"aud": None}, "another app"),
        ({"tid": "another"}, "another tenant"),
        ({"tid": None}, "another tenant"),
        ({"iss": "https://login.test/another/v2.0"}, "issued by"),
        ({"exp": 1600}, "clock"),
        ({"exp": None}, "clock"),
        ({"nbf": 2400}, "clock"),
        ({"preferred_username": ""}, "nobody"),
    ],
)
def test_any_other_is_not(changes: dict[str, Any], words: str) -> None:
    """With the reason."""
    assert words in mistake(GOOD | changes, "app", TENANT, 2000)
