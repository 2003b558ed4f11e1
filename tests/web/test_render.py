"""Words of the pages that depend on the machine: its zone."""

from __future__ import annotations

import time

import pytest

from relay.web.render import dated, environment, local, moment, zone


@pytest.fixture
def set_to(monkeypatch):
    """`set_to("Asia/Tokyo")`: the machine's zone, put back at the end."""

    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def test_a_time_is_utc_and_says_what_the_clock_of_the_machine_shows(set_to):
    """In summer and winter; what is no time, of a damaged row, is left alone."""
    set_to("CET-1CEST,M3.5.0,M10.5.0/3")
    assert moment("2026-07-01T09:14:07Z") == "2026-07-01 09:14:07 UTC"
    assert local("2026-07-01T09:14:07Z") == "2026-07-01 11:14:07 CEST"
    assert local("2026-12-01T23:14:07Z") == "2026-12-02 00:14:07 CET"
    assert (
        dated("attempt 2, not before 2026-07-01T09:14:07Z; slow")
        == "attempt 2, not before 2026-07-01 09:14:07 UTC; slow"
    )
    assert local("no time: 'x'") == ""
    assert zone() in ("CET (UTC+01:00)", "CEST (UTC+02:00)")
    shown = environment().get_template("parts.html").module.time("2026-07-01T09:14:07Z")
    assert 'title="2026-07-01 11:14:07 CEST">2026-07-01 09:14:07 UTC<' in shown


def test_a_machine_that_is_set_to_utc_says_nothing_more(set_to):
    """There is one clock."""
    set_to("UTC")
    assert (local("2026-07-01T09:14:07Z"), zone()) == ("", "")
