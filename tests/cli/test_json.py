"""`--json` wherever data is printed, and errors as JSON beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from relay.cli.pages import all_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Run

# What these print is no data but a text of its own, or a conversation; each says why.
WITHOUT = {
    "relay demo": "a show", "relay serve": "its log is JSON by log.format", "relay authorize": "a conversation",
    "relay setup m365": "a script", "relay top": "relay status --json has its figures", "relay example": "YAML",
    "relay schema": "JSON already", "relay healthcheck": "one line and an exit code, without imports",
    "relay completion": "a script",
}  # fmt: skip
LEAVES = [page for page in all_pages().all() if not page.below]


def test_every_verb_that_prints_data_has_json() -> None:
    """The others are named here, with the reason; a verb that is added has to choose."""
    without = {page.path for page in LEAVES if not any("--json" in name for name, _ in page.options)}
    assert without == set(WITHOUT)


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("check",), 0, "good"),
        (("version",), 0, "openssl"),
        (("status",), 1, "profiles"),
        (("queue", "new-key"), 0, "key"),
        (("explain", "AADSTS7000215"), 0, "meaning"),
        (("explain", "device", "--from", "10.0.2.17"), 0, "steps"),
    ],
)
def test_json_is_all_there_is_on_standard_output(
    run: Run, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int,
    field: str,
) -> None:  # fmt: skip
    """One object, in every case."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "x")
    monkeypatch.setenv("RELAY_CONFIG", str(write_config()))
    ended = run(*words, "--json")

    assert ended.returncode == code, ended.stderr
    assert field in json.loads(ended.stdout)


def test_what_is_wrong_with_a_configuration_is_data(run: Run, write_config: Callable[..., Path]) -> None:
    """The answer of `check` is on standard output, each complaint in fields, with the code of the text."""
    path = write_config()
    path.write_text(path.read_text().replace("mailbox: scanner", "mailbx: scanner"))
    ended = run("check", "--json", "-c", path)

    found = json.loads(ended.stdout)
    assert (ended.returncode, found["good"]) == (78, False)
    complaint = next(one for one in found["complaints"] if one["nearest"] == "mailbox")
    assert complaint["line"] == 7
    assert complaint["text"].startswith(f"{path}:7:")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status", "-c", "/nowhere.yaml"), 78),
        (("queue", "list", "--state", "tired"), 2),
        (("explain", "device"), 2),
        (("explain", "nothing", "of", "the", "kind"), 1),
        (("send", "--host", "127.0.0.1", "--port", "1", "--to", "a@contoso.com"), 69),
        (("doctor", "nobody", "-c", "/nowhere.yaml"), 78),
    ],
)
def test_an_error_is_json_too(run: Run, words: tuple[str, ...], code: int) -> None:
    """One line on standard error with the text and the code; nothing on standard output."""
    ended = run(*words, "--json")

    assert ended.returncode == code
    assert ended.stdout == ""
    found = json.loads(ended.stderr)
    assert found["code"] == code
    assert found["error"]
    assert run(*words).stderr.count("{") == 0


def test_a_message_that_is_not_there(run: Run, write_config: Callable[..., Path]) -> None:
    """Told in the same way by every verb that looks one up."""
    config = write_config()
    for words in (("queue", "show", "x"), ("trace", "x")):
        ended = run(*words, "-c", config, "--json")
        assert ended.returncode in (1, 69)
        assert json.loads(ended.stderr)["code"] == ended.returncode
