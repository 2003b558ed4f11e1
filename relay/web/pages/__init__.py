"""Every page of the dashboard, by topic; one file each."""

from __future__ import annotations

from relay.web.pages import configuration, devices, overview, profiles, trials, words

PAGES = (
    *overview.PAGES,
    *devices.PAGES,
    *trials.PAGES,
    *profiles.PAGES,
    *words.PAGES,
    *configuration.PAGES,
)
