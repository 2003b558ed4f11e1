"""Every call of the API, by topic; one file each."""

from __future__ import annotations

from relay.web.calls import configuration, devices, messages, profiles, service, words

CALLS = (
    *service.CALLS, *messages.CALLS, *devices.CALLS, *profiles.CALLS, *words.CALLS, *configuration.CALLS,
)  # fmt: skip
