"""What the page about the tenant says of the commands is so."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs/how-to/tenant.md").read_text()


def test_every_step_that_is_shown_is_explained():
    """The sample and the table name the same steps."""
    shown = re.findall(r"^  ok +(\w+)", TEXT, re.MULTILINE)
    table = TEXT.partition("| step |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| ([\w, ]+)", table, re.MULTILINE)

    assert shown == [name for row in explained for name in re.findall(r"\w+", row) if name not in ("Graph", "tls")]
