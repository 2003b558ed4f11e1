"""The channels of notifications, tried by hand: whether Apprise understands their addresses, and what each answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.config.secret import SecretError
from relay.control.channels import Note, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Tried:
    """One channel: where its address is kept, and why the test was not taken; empty when it was."""

    channel: str
    why: str


def misunderstood(settings: Settings) -> Iterator[str]:
    """Each address that can't be used, with its option. Apprise is imported only where there are channels."""
    for number, channel in enumerate(settings.notifications.channels):
        from relay.control.apprise_door import misunderstood as why_not

        try:
            why = why_not(channel.url.read())
        except SecretError:
            continue  # told already, by whoever reads the secrets
        if why:
            yield f"notifications.channels[{number}].url: secret {channel.url}: {why}"


def send_test(settings: Settings, hostname: str) -> list[Tried]:
    """Sends a test to every channel at once, one try each. Blocks."""
    note = Note("test", f"{hostname}: this is a test", "A notification of the SMTP relay would come here.", "news")
    proxy = settings.outgoing.https_proxy
    urls = [channel.url for channel in settings.notifications.channels]

    async def send() -> list[Tried]:
        whys = await asyncio.gather(*(told(url, note, proxy=proxy) for url in urls))
        return [Tried(str(url), why) for url, why in zip(urls, whys, strict=True)]

    return asyncio.run(send())
