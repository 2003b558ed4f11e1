"""A reply that turns somebody away, with the option of the configuration that says so."""

from __future__ import annotations

from dataclasses import dataclass

from relay.message.reply import Reply

Option = tuple[str | int, ...]
"""Where an option stands in the settings; its first step is `listener` for the listener that was spoken to."""


@dataclass(frozen=True, slots=True)
class Refusal(Reply):
    """What the device hears; `option` is for the journal and for whoever asks why."""

    option: Option = ()
