"""How a message came, kept with it for `relay trace`: what a listener saw of the device, and what was changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relay.config.settings import Answer
from relay.smtpd.patience import answer_to

if TYPE_CHECKING:
    from relay.policy.routing import Known
    from relay.smtpd.dialogue import Dialogue
    from relay.smtpd.heading import Heading
    from relay.spool.store import Whole

_LONGEST_ID = 250
_FACTS = json.JSONEncoder(ensure_ascii=False)


def arrival(dialogue: Dialogue, listener: str, made: Heading, whole: Whole, changes: tuple[str, ...]) -> str:
    """The facts as JSON; no address of a recipient and nothing of the content, the Message-ID excepted."""
    name = made.message_id.decode("utf-8", "replace")[:_LONGEST_ID]
    facts = {
        "listener": listener, "protocol": dialogue.protocol, "tls": dialogue.tls, "helo": dialogue.helo,
        "message_id": name, "sender": dialogue.sender, "changes": changes, "left": whole.left,
    }  # fmt: skip
    return _FACTS.encode({key: fact for key, fact in facts.items() if fact})


def device_side(dialogue: Dialogue, known: Known, message_id: str) -> str:
    """What device and relay said, up to the answer that is given once this is stored."""
    if known.device.answer is Answer.DELIVERED:
        dialogue.minutes.remark("the relay answers as Exchange does, or that it is queued when that takes too long")
    else:
        dialogue.minutes.server(answer_to(message_id, None))
    return dialogue.minutes.text()
