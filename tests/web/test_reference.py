"""The pages about metrics and status are printed from the code and cannot differ from it."""

from __future__ import annotations

from pathlib import Path

from relay.control import status_page
from relay.telemetry.metrics import COUNTED
from relay.web import metrics_page
from relay.web.prometheus import GAUGES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_committed_page_of_metrics_is_what_the_code_prints() -> None:
    """If this fails: make docs"""
    assert (REFERENCE / "metrics.md").read_text(encoding="utf-8") == metrics_page.page()


def test_the_committed_page_of_the_status_is_what_the_code_prints() -> None:
    """If this fails: make docs"""
    assert (REFERENCE / "status.md").read_text(encoding="utf-8") == status_page.page()


def test_no_name_stands_twice() -> None:
    """Nor is one outside the relay's own prefix."""
    names = [metric.name for metric in (*COUNTED, *GAUGES)]
    assert len(names) == len(set(names))
    assert all(name.startswith("relay_") for name in names)
