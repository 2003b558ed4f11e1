"""The keys of encrypted mail: `relay check` reads them, and says what is wrong with one without showing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import check

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "A" * 43 + "="
ENCRYPTED = "spool: {encryption: {key: {env: NEW_KEY}, old_keys: [{env: OLD_KEY}]}}\n"


@pytest.mark.parametrize(("name", "option"), [("NEW_KEY", "encryption.key"), ("OLD_KEY", "encryption.old_keys[0]")])
def test_a_key_that_is_none_is_told(
    good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    """With the option it stands at, and the command that prints one; a good one is no mistake."""
    for secret in ("CONTOSO_SECRET", "ERP_PASSWORD"):
        monkeypatch.setenv(secret, "x")
    for key in ("NEW_KEY", "OLD_KEY"):
        monkeypatch.setenv(key, GOOD)
    file = tmp_path / "relay.yaml"
    file.write_text(good + ENCRYPTED)
    assert check(file) == []
    monkeypatch.setenv(name, "too-short")
    (line,) = map(str, check(file))
    assert option in line
    assert "relay queue new-key" in line
    assert "too-short" not in line
