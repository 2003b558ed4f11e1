"""Every call of the API, by topic; one file each."""

from __future__ import annotations

from relay.web.calls import profiles, service

CALLS = (*service.CALLS, *profiles.CALLS)
