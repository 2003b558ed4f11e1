"""References to secrets: read late, never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from relay.config.secret import SecretError, SecretRef

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "Pa55~of.the-app"


def ref(value: object) -> SecretRef:
    return SecretRef.model_validate(value)


def test_an_environment_variable_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reads see two values: a rotated secret needs no restart."""
    secret = ref({"env": "APP_SECRET"})
    monkeypatch.setenv("APP_SECRET", VALUE)
    assert secret.read() == VALUE
    monkeypatch.setenv("APP_SECRET", "new")
    assert secret.read() == "new"


@pytest.mark.parametrize(("raw", "value"), [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")])
def test_one_newline_at_the_end_of_a_file_is_not_part_of_the_secret(tmp_path: Path, raw: str, value: str) -> None:
    """Editors add it; anything else is kept."""
    file = tmp_path / "secret"
    file.write_bytes(raw.encode())
    assert ref({"file": str(file)}).read() == value


def test_a_credential_comes_from_the_service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd names the directory in CREDENTIALS_DIRECTORY."""
    (tmp_path / "app").write_text(VALUE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert ref({"credential": "app"}).read() == VALUE


def test_without_systemd_a_credential_is_a_docker_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the place that was looked at."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretError, match="/run/secrets/no-such-secret"):
        ref("cred:no-such-secret").read()


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("env:NAME", {"env": "NAME"}),
        ("file:/a/b", {"file": "/a/b"}),
        ("cred:name", {"credential": "name"}),
        ("credential:name", {"credential": "name"}),
    ],
)
def test_the_short_form_means_the_same(short: str, long: dict[str, str]) -> None:
    """One line in a file may be written either way."""
    assert ref(short) == ref(long)


def test_a_missing_variable_is_reported_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable and what to do."""
    monkeypatch.delenv("APP_SECRET", raising=False)
    with pytest.raises(SecretError, match=r"env:APP_SECRET.*not set.*set APP_SECRET"):
        ref("env:APP_SECRET").read()


@pytest.mark.parametrize("raw", [b"", b"\n", b"\r\n"])
def test_an_empty_secret_is_an_error(tmp_path: Path, raw: bytes) -> None:
    """An empty password would let anybody in."""
    file = tmp_path / "secret"
    file.write_bytes(raw)
    with pytest.raises(SecretError, match="is empty"):
        ref({"file": str(file)}).read()


def test_a_file_that_is_not_text_is_reported_without_its_bytes(tmp_path: Path) -> None:
    """Not even the cause of the error carries the value."""
    file = tmp_path / "secret"
    file.write_bytes(b"Pa55\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8") as caught:
        ref({"file": str(file)}).read()
    assert "Pa55" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    """A directory stands for everything that cannot be opened."""
    with pytest.raises(SecretError, match=r"cannot read .*readable by the relay's user"):
        ref({"file": str(tmp_path)}).read()


@pytest.mark.parametrize(
    "wrong",
    [
        VALUE,
        12345,
        None,
        [VALUE],
        {},
        {"env": "A", "file": "/b"},
        {"env": VALUE},
        {"credential": "../x"},
        {"vault": "x"},
    ],
)
def test_what_is_not_a_reference_is_refused_unseen(wrong: object) -> None:
    """The error never repeats what was written."""
    with pytest.raises(ValidationError) as caught:
        ref(wrong)
    assert VALUE not in str(caught.value)


def test_a_reference_shows_where_not_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither str nor repr reads the secret."""
    monkeypatch.setenv("APP_SECRET", VALUE)
    secret = ref({"env": "APP_SECRET"})
    assert str(secret) == "env:APP_SECRET"
    assert VALUE not in repr(secret)
