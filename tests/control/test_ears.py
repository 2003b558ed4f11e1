"""Who listens to the journal says which events; all others would change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from relay.control.activity import Minutes
from relay.control.device_log import DeviceLog
from relay.control.lately import Lately
from relay.telemetry.events_page import events
from relay.telemetry.metrics import Metrics

FIELDS: dict[str, Any] = {
    "id": "X", "device": "copier", "profile": "box", "mailbox": "box@contoso.test", "client": "192.0.2.7", "ms": 1.0,
    "app": "a", "expires_in": 60, "age_s": 1.0, "size": 10, "changes": ["date-added"], "reply": "452 4.3.1 no room",
    "reason": "r", "remedy": "m", "rule": "unknown", "answer": "4", "meaning": "w", "complaints": ["c"],
}  # fmt: skip


@pytest.mark.parametrize("kind", [Lately, Metrics, Minutes, DeviceLog])
def test_an_event_that_nobody_asked_for_changes_nothing(kind: Any) -> None:
    """Else it would be lost to whoever counts it; those that were asked for leave a trace."""
    ear = kind()
    before = _state(ear)
    for event in events().keys() - ear.events:
        ear.heard(event, FIELDS)
    assert _state(ear) == before
    for event in ear.events:
        ear.heard(event, FIELDS)
    assert _state(ear) != before


def _state(ear: Any) -> str:
    """All it remembers, that of its parts too."""
    parts = vars(ear) if hasattr(ear, "__dict__") else {name: getattr(ear, name) for name in ear.__slots__}
    return repr({name: vars(part) if hasattr(part, "heard") else part for name, part in parts.items()})
