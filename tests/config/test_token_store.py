"""Refresh tokens are never kept in plain: a delegated profile needs a key, and `relay check` looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import check, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    One = Callable[[str, str], str]

PROFILE = "from: mailbox"
STORE = "token_store: {key: {env: TOKEN_KEY}}\n"


def test_a_person_s_sign_in_needs_a_key_to_be_kept_with(good: str, complaint_of: One) -> None:
    """It is never kept in plain; with the key all is well."""
    line = complaint_of(PROFILE, "from: mailbox, sign_in: delegated")
    assert "profiles.scans.sign_in" in line
    assert "token_store.key is not set" in line
    assert "relay authorize --new-key" in line
    assert parse(good.replace(PROFILE, f"{PROFILE}, sign_in: delegated") + STORE).token_store.key is not None


@pytest.mark.parametrize("key", ["short", "A" * 42, "no base64 at all, but rather long and full of blanks"])
def test_a_key_that_is_none_is_told(good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """`relay check` says so without showing it, with how to make one."""
    for name in ("CONTOSO_SECRET", "ERP_PASSWORD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("TOKEN_KEY", key)
    file = tmp_path / "relay.yaml"
    file.write_text(good.replace(PROFILE, f"{PROFILE}, sign_in: delegated") + STORE)
    (line,) = map(str, check(file))
    assert "token_store.key" in line
    assert "relay authorize --new-key" in line
    assert key not in line
    monkeypatch.setenv("TOKEN_KEY", "A" * 43 + "=")
    assert check(file) == []
