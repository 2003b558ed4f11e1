"""Every page of the dashboard, by topic; one file each."""

from __future__ import annotations

from relay.web.pages import overview, profiles, trials

PAGES = (*overview.PAGES, *trials.PAGES, *profiles.PAGES)
