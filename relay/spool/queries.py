"""The named statements of queries.sql, as attributes of `SQL`; the schema, and the steps of the writing connection."""

from __future__ import annotations

import re
from importlib.resources import files
from types import SimpleNamespace

_NAME = re.compile(r"(?m)^-- name: (\w+)$")


def _load() -> SimpleNamespace:
    text = files("relay.spool").joinpath("queries.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return SimpleNamespace(**{name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})


SQL = _load()
SCHEMA = files("relay.spool").joinpath("schema.sql").read_text(encoding="utf-8")
STEPS = files("relay.spool").joinpath("steps.sql").read_text(encoding="utf-8")
