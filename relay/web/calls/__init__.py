"""Every call of the API, by topic; one file each."""

from __future__ import annotations

from relay.web.calls import messages, service

CALLS = (*service.CALLS, *messages.CALLS)
