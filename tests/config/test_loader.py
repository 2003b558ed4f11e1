"""Files: what cannot be read, what is checked beyond the text, and that nothing else is ever raised."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.loader import ConfigError, check, digest, load, parse
from relay.config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from relay.config.complaint import Complaint


@pytest.fixture
def file(tmp_path: Path, good: str) -> Path:
    """A good configuration on disk."""
    path = tmp_path / "relay.yaml"
    path.write_text(good)
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


def test_a_good_file_loads_and_its_secrets_are_not_looked_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay starts while a secret is missing."""
    monkeypatch.delenv("CONTOSO_SECRET", raising=False)
    assert "contoso" in load(file).apps


def test_a_byte_order_mark_is_no_mistake(file: Path, good: str) -> None:
    """Windows editors write one."""
    file.write_text("\ufeff" + good)
    assert "contoso" in load(file).apps


def test_a_missing_file_is_a_complaint(tmp_path: Path) -> None:
    """It names the file and what to do."""
    line = complaint(tmp_path / "none.yaml")
    assert line.startswith(f"{tmp_path / 'none.yaml'}: cannot be read: No such file")
    assert "relay init" in line


def test_a_directory_is_a_complaint(tmp_path: Path) -> None:
    """Opening it fails in another way than a missing file."""
    assert "cannot be read: Is a directory" in complaint(tmp_path)


def test_a_file_that_is_not_utf8_is_told_with_the_place(file: Path) -> None:
    """Line and column of the first wrong byte."""
    file.write_bytes(b"a: b\nb: caf\xe9\n")
    assert f"{file}:2:7: not UTF-8 text; save the file as UTF-8" in complaint(file)


def test_an_endless_file_is_a_complaint(file: Path) -> None:
    """Nothing larger than a configuration can be is read."""
    with file.open("wb") as stream:
        stream.truncate(17 * 1024 * 1024)
    assert "larger than 16 MiB" in complaint(file)


def test_an_empty_file_lacks_what_is_required(file: Path) -> None:
    """It is told which sections a configuration needs."""
    file.write_text("")
    assert [line.split(": ")[1] for line in complaint(file).splitlines()] == ["listeners", "apps", "profiles"]


def test_check_is_content_with_a_good_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No complaint when every secret can be read."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "y")
    assert check(file) == []


def test_check_tells_secrets_and_files_that_cannot_be_read_beside_other_mistakes(
    file: Path, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it in one go, each at its place in the file."""
    monkeypatch.delenv("CONTOSO_SECRET", raising=False)
    monkeypatch.setenv("ERP_PASSWORD", "y")
    file.write_text(good.replace("from: mailbox", "from: nobody, endpoint: {ca_file: /no/such.pem}"))
    lines = [str(item) for item in check(file)]
    assert len(lines) == 3
    assert "4:116: apps.contoso.credential.secret: secret env:CONTOSO_SECRET" in lines[0]
    assert "not set" in lines[0]
    assert "profiles.scans.from: is not one of" in lines[1]
    assert "profiles.scans.endpoint.ca_file: cannot read /no/such.pem" in lines[2]


@pytest.mark.parametrize(
    ("value", "word"),
    [("\ufeffS3cr3t", "starts with a BOM"), (" S3cr3t", "spaces or line ends"), ("S3cr3t\n\n", "spaces or line ends")],
)
def test_check_tells_what_an_editor_left_around_a_secret(
    file: Path, good: str, monkeypatch: pytest.MonkeyPatch, value: str, word: str
) -> None:
    """Entra would call it a wrong secret; the secret itself is not shown."""
    monkeypatch.setenv("ERP_PASSWORD", "y")
    kept = file.with_name("secret")
    kept.write_text(value)
    file.write_text(good.replace("{env: CONTOSO_SECRET}", f"{{file: {kept}}}"))
    (line,) = map(str, check(file))
    assert f"apps.contoso.credential.secret: secret file:{kept}" in line
    assert word in line
    assert "S3cr3t" not in line
    kept.write_text("S3cr3t\r\n")
    assert check(file) == []


def test_check_tells_what_load_would_raise(file: Path) -> None:
    """A broken file gives complaints, not an exception."""
    file.write_text("a: [")
    assert "not valid YAML" in str(check(file)[0])


WORDS = st.sampled_from(
    [
        "listeners",
        "apps",
        "profiles",
        "devices",
        "limits",
        "mailboxes",
        "tls",
        "listen",
        "login",
        "password",
        "username",
        "secret",
        "env",
        "file",
        "from",
        "app",
        "profile",
        "address",
        "10.0.0.1",
        "0.0.0.0:25",
        "a@b.c",
        "keep",
        "none",
        "yes",
        "no",
        "~",
        "0x10",
        "-1",
        "1e9",
        ".nan",
        "*",
        "&",
        "!",
        "|",
        ">",
        "'",
        '"',
        "{}",
        "[]",
        "<<",
    ]
)
SCALARS = WORDS | st.text(max_size=12) | st.integers().map(str) | st.just("")
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=4),
    max_leaves=25,
)


def written(tree: object) -> str:
    """A tree as flow YAML, written without any care for quoting."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{name}: {written(value)}" for name, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(written, tree)) + "]"
    return str(tree)


def judged(text: str) -> list[Complaint]:
    """The complaints about a text; none when it is a configuration. Any other exception fails the test."""
    try:
        assert isinstance(parse(text), Settings)
    except ConfigError as error:
        return error.complaints or pytest.fail("refused without a reason")
    return []


def test_another_file_than_the_one_that_is_meant_is_not_taken(file: Path, good: str) -> None:
    """Between a look at it and the order to take it up somebody may have written it anew."""
    seen = digest(file.read_bytes())
    assert load(file, seen) == load(file)
    file.write_text(good + "# more\n")
    with pytest.raises(ConfigError, match="has changed since its changes were shown; look at its changes again"):
        load(file, seen)


@given(st.text(max_size=200) | TREES.map(written))
def test_any_text_is_settings_or_complaints(text: str) -> None:
    """Nothing but ConfigError is ever raised, and every complaint is one line that can be printed."""
    for item in judged(text):
        assert str(item).isprintable()
        str(item).encode("utf-8")


@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_any_tree_of_known_words_is_settings_or_complaints(tree: dict[str, object]) -> None:
    """Right names with wrong things under them find no hole either."""
    assert judged(json.dumps(tree))


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_complaints(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """The same for what a file may hold."""
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    assert check(path)


PRINTABLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
ONE_LINE = st.text(alphabet=PRINTABLE, max_size=20) | st.text(alphabet="{}[]:,#&*!|>'\"%@`- ?~", max_size=8)


@given(before=ONE_LINE, after=ONE_LINE)
def test_no_secret_in_plain_is_ever_repeated(before: str, after: str) -> None:
    """Whatever it looks like, unquoted or quoted, neither str nor repr of the error and its complaints holds it."""
    secret = f"{before}S3cr3t{after}"
    for spelling in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        try:
            parse(f"apps:\n  a:\n    credential:\n      secret: {spelling}\n")
        except ConfigError as error:
            seen = f"{error} {error!r} {error.complaints!r} {''.join(traceback.format_exception(error))}"
        assert "S3cr3t" not in seen
