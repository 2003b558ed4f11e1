"""The page about From policies is printed from what the policies do and cannot differ from it."""

from __future__ import annotations

import re
from pathlib import Path

from relay.config.settings import FromPolicy
from relay.policy.sender_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "from-policy.md"


def test_the_committed_page_is_what_the_policies_do() -> None:
    """If this fails: python -m relay.policy.sender_page > docs/reference/from-policy.md"""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_policy_is_in_the_table_and_in_every_example() -> None:
    """A new policy cannot be left out."""
    tables = [re.findall(r"(?m)^\| `(\w+)` \|", table) for table in page().split("\n\n") if "| `keep` |" in table]

    assert len(tables) == 12
    assert all(policies == [str(policy) for policy in FromPolicy] for policies in tables)
