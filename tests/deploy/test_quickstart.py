"""The quickstart's steps are those that work."""

from __future__ import annotations

import re
from pathlib import Path

from relay.config.loader import parse
from relay.config.settings import FromPolicy
from relay.sandbox.cloud import CloudSettings
from relay.sandbox.run import configuration

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "quickstart.md").read_text()
BEGINNING, REAL = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
CLOUD = CloudSettings(
    "https://localhost:1/t", "t", "c", "s", "https://outlook.office365.com/.default", "localhost", 2, Path("/ca.pem"),
    Path("/secret"), ("scanner@contoso.test",), "http://127.0.0.1:8025", Path("/x"),
)  # fmt: skip


def test_the_sandbox_completes_the_configuration_it_begins():
    """The beginning and what `relay sandbox` prints are one good file."""
    settings = parse(BEGINNING + configuration(CLOUD))

    assert settings.devices["this-machine"].profile == "scanner"


def test_the_configuration_of_a_tenant_is_good():
    """It passes the loader as it stands."""
    assert parse(REAL).profiles["scans"].from_policy is FromPolicy.MAILBOX
