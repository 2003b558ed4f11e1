"""Every page of the dashboard, by topic; one file each."""

from __future__ import annotations

from relay.web.pages import configuration, devices, overview, words

PAGES = (*overview.PAGES, *devices.PAGES, *words.PAGES, *configuration.PAGES)
