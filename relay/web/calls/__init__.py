"""Every call of the API, by topic; one file each."""

from __future__ import annotations

from relay.web.calls import configuration, devices, profiles, service, words

CALLS = (*service.CALLS, *devices.CALLS, *profiles.CALLS, *words.CALLS, *configuration.CALLS)
