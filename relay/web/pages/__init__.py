"""Every page of the dashboard, by topic; one file each."""

from __future__ import annotations

from relay.web.pages import configuration, devices, messages, orders, overview, profiles, trials, words

PAGES = (
    *overview.PAGES,
    *orders.PAGES,
    *messages.PAGES,
    *devices.PAGES,
    *trials.PAGES,
    *profiles.PAGES,
    *words.PAGES,
    *configuration.PAGES,
)
