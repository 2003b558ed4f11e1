"""Everything that is printed out of the settings: the example file, the JSON Schema for editors, the manual page.

`python -m relay.config.reference example > config.example.yaml` and
`python -m relay.config.reference manual > docs/reference/settings.md` bring the committed copies up to date.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from relay.config.example import example
from relay.config.manual import manual
from relay.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["example", "main", "manual", "schema"]


def schema() -> str:
    """The JSON Schema (2020-12) of the configuration file, as text."""
    tree = Settings.model_json_schema(by_alias=True)
    for model in (tree, *tree["$defs"].values()):
        _allow_empty_sections(model)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "m365-smtp-relay configuration"}
    return json.dumps(tree | head, indent=2, ensure_ascii=False) + "\n"


def _allow_empty_sections(model: dict[str, Any]) -> None:
    """`spool:` with nothing under it means the defaults, and an editor should not call it wrong."""
    required = model.get("required", ())
    for name, field in model.get("properties", {}).items():
        if name in required or "anyOf" in field:
            continue
        if "$ref" in field:
            field["anyOf"] = [{"$ref": field.pop("$ref")}, {"type": "null"}]
        elif "type" in field:
            field["type"] = [field["type"], "null"]


def main(arguments: Sequence[str]) -> int:
    """Prints one of the three to standard output; 2 when asked for something else."""
    printers = {"example": example, "schema": schema, "manual": manual}
    if len(arguments) != 1 or arguments[0] not in printers:
        sys.stderr.write("usage: python -m relay.config.reference example|schema|manual\n")
        return 2
    sys.stdout.write(printers[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
