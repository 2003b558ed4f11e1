"""What is printed out of the settings is complete, valid, and the same as the committed copies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import check, parse
from relay.config.reference import example, main, manual, schema
from relay.config.settings import Settings
from relay.config.shape import option_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]


def models() -> Iterator[type[BaseModel]]:
    """Every section there is, by a way of its own: the subclasses of Section."""
    from relay.config.section import Section

    yield from Section.__subclasses__()


def test_the_committed_example_is_the_printed_one() -> None:
    """Otherwise: python -m relay.config.reference example > config.example.yaml."""
    assert (ROOT / "config.example.yaml").read_text("utf-8") == example()


def test_the_committed_manual_is_the_printed_one() -> None:
    """Otherwise: python -m relay.config.reference manual > docs/reference/settings.md."""
    assert (ROOT / "docs/reference/settings.md").read_text("utf-8") == manual()


def test_the_example_passes_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its two variables set there is nothing to complain about."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "y")
    assert check(ROOT / "config.example.yaml") == []


def test_the_example_is_valid_with_every_option_uncommented() -> None:
    """An administrator may remove any # that stands right before an option, and finds the defaults there."""
    plain = parse(example())
    full = parse(re.sub(r"(?m)^( *)#(?=\S)", r"\1", example()))
    assert full.delivery == plain.delivery
    assert full.intake == plain.intake
    assert full.spool.model_copy(update={"encryption": plain.spool.encryption}) == plain.spool
    assert full.hostname == "relay.contoso.com"
    assert full.limits_of("scanner@contoso.com").sessions == 3


def test_every_option_is_in_the_example_and_in_the_manual() -> None:
    """Nothing can be set that is not written down."""
    for model in models():
        for name in option_fields(model):
            assert re.search(rf"\b{name}: ?", example()), name
            assert f"| `{name}` |" in manual(), name


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_every_option_has_its_sentence(model: type[BaseModel]) -> None:
    """A sentence that starts with a capital or a value and ends with a full stop."""
    for name, field in option_fields(model).items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_schema_knows_every_section_and_both_forms_of_a_secret() -> None:
    """Editors complete and check with it."""
    tree = json.loads(schema())
    assert set(tree["properties"]) == set(option_fields(Settings))
    assert tree["additionalProperties"] is False
    forms = tree["$defs"]["SecretRef"]["anyOf"]
    assert [form["type"] for form in forms] == ["object", "string"]
    assert "from" in tree["$defs"]["Profile"]["properties"]


@pytest.mark.parametrize("name", ["example", "schema", "manual"])
def test_the_command_prints_each_of_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is what the functions return."""
    assert main([name]) == 0
    assert capsys.readouterr().out == {"example": example, "schema": schema, "manual": manual}[name]()


def test_the_command_says_what_it_can_print(capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is a usage error."""
    assert main(["poem"]) == 2
    assert "example|schema|manual" in capsys.readouterr().err
