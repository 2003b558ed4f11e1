"""How long the fuzz tests look: some seconds in every run, always the same; longer and elsewhere when asked."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_ASKED = int(os.environ.get("RELAY_FUZZ", "0"))

EFFORT = settings(
    max_examples=_ASKED or 50,
    derandomize=not _ASKED,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""`RELAY_FUZZ=2000` tries two thousand cases nobody has tried; without it, fifty that are always the same."""
