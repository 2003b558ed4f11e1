"""A reply that turns somebody away, with the option of the configuration that says so."""

from __future__ import annotations

from dataclasses import dataclass

from relay.config.complaint import option_name
from relay.message.reply import Reply

Option = tuple[str | int, ...]
"""Where an option stands in the settings; its first step is `listener` for the listener that was spoken to."""


@dataclass(frozen=True, slots=True)
class Refusal(Reply):
    """What the device hears; `option` is for the journal and for whoever asks why."""

    option: Option = ()


def option_of(reply: Reply) -> str:
    """The option that a reply goes back to, as it is spoken of: `devices.copier.recipients`; empty for none."""
    return option_name(reply.option) if isinstance(reply, Refusal) else ""
