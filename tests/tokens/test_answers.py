"""What our own HTTP client remembers of Entra's answers."""

from __future__ import annotations

import pytest

from relay.tokens import answers


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("1.5", 1.5), ("-5", 0), ("nan", None), ("inf", None)])
def test_a_wait_that_is_no_time_is_none(header, seconds):
    """No clock can wait for NaN or for ever, and none goes back."""
    assert answers._seconds(header) == seconds
