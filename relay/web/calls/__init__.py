"""Every call of the API, by topic; one file each."""

from __future__ import annotations

from relay.web.calls import service

CALLS = (*service.CALLS,)
