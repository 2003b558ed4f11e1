"""A pretend tenant for each module, and a desk for each test."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.e2e.pretend import PretendCloud
from tests.vendors.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count(1)
JO, JOS_UPN = "jo@contoso.test", "j.doe@corp.contoso.test"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    """A tenant with the mailboxes and people of the manuals, and the addresses their products return to."""
    mailboxes = ("notifications@contoso.test", "fax@contoso.test", "intake@contoso.test", "box@contoso.test")
    returns = (
        "http://localhost",
        "https://org.test/winking/printandshare",
        "http://localhost:9191/azure-oauth2-callback",
        "https://localhost:9192/azure-oauth2-callback",
        "https://prime.contoso.test/oauth",
        "https://prime-test.contoso.test/oauth",
    )
    people = {
        JO: {"send_as": ("intake@contoso.test",)},
        "someone@contoso.test": {},
        JOS_UPN: {"mailbox": "jd@contoso.test"},
    }
    with PretendCloud(mailboxes=mailboxes, redirect_uris=returns, users=people) as running:
        yield running


@pytest.fixture
def desk(cloud: PretendCloud, tmp_path: Path) -> Iterator[Desk]:
    """The desk of this test."""
    with Desk(cloud, tmp_path) as one:
        yield one


@pytest.fixture
def somebody() -> str:
    """A recipient nobody else writes to."""
    return f"v{next(_numbers)}@contoso.test"
