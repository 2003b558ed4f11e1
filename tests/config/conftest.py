"""A small valid configuration for these tests to break in one place at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import ConfigError, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.complaint import Complaint

GOOD = """\
listeners:
  - {listen: "0.0.0.0:2525"}
apps:
  contoso: {tenant: contoso.onmicrosoft.com, client_id: 11111111-2222-3333-4444-555555555555, \
credential: {secret: {env: CONTOSO_SECRET}}}
profiles:
  scans: {app: contoso, mailbox: scanner@contoso.com, from: mailbox}
devices:
  copier: {address: 10.0.2.17, profile: scans, recipients: ["*@contoso.com"]}
  erp: {login: {username: erp, password: {env: ERP_PASSWORD}}, profile: scans}
"""


@pytest.fixture
def good() -> str:
    """The text of a configuration with nothing wrong."""
    return GOOD


@pytest.fixture
def complaints() -> Callable[[str], list[Complaint]]:
    """What is wrong with a text; fails when nothing is."""

    def judge(text: str) -> list[Complaint]:
        with pytest.raises(ConfigError) as caught:
            parse(text, "relay.yaml")
        return caught.value.complaints

    return judge


@pytest.fixture
def complaint_of(complaints: Callable[[str], list[Complaint]]) -> Callable[[str, str], str]:
    """The one complaint, as a line, after one change to the good configuration."""

    def judge(old: str, new: str) -> str:
        assert old in GOOD
        lines = [str(item) for item in complaints(GOOD.replace(old, new, 1))]
        assert len(lines) == 1, lines
        return lines[0]

    return judge
