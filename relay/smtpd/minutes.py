"""What a device and the relay say to each other, as far as it concerns the message under way: for `relay trace`.

Credentials and what is no command are never kept: a device that was refused AUTH, or DATA, goes on with its password
or its message all the same, and each line of it then looks like a command.
"""

from __future__ import annotations

import re
import time

from relay.message.transcript import Conversation

_OPENING = frozenset({b"EHLO", b"HELO", b"STARTTLS", b"AUTH"})
_BARE = frozenset({b"DATA", b"RSET", b"NOOP", b"QUIT", b"STARTTLS", b"VRFY", b"EXPN", b"HELP"})
_ENVELOPE = re.compile(rb"(?i)(?:MAIL\s+FROM|RCPT\s+TO)\s*:")
_MECHANISMS = frozenset(
    {b"PLAIN", b"LOGIN", b"CRAM-MD5", b"DIGEST-MD5", b"NTLM", b"GSSAPI", b"XOAUTH2", b"OAUTHBEARER"}
)
_HIDDEN = b"****"
_LONGEST = 500  # a line may have 16 KiB, and a session many of them


class Minutes(Conversation):
    """How the session began, and the envelope now under way."""

    def __init__(self, remark: str) -> None:
        """`remark` says who has connected to what."""
        super().__init__(time.monotonic)
        self.remark(remark)

    def heard(self, verb: bytes, line: bytes, *, under_way: bool) -> None:
        """A command came; MAIL begins anew, unless an envelope is `under_way`."""
        if verb in _OPENING:
            self.opens()
        elif verb == b"MAIL" and not under_way:
            self.begins()
        else:
            self._now = self._transaction
        self._now.add(self._clock(), "C", shown(verb, line))

    def heard_secret(self) -> None:
        """A response of AUTH came."""
        self.client(_HIDDEN)


def shown(verb: bytes, line: bytes) -> bytes:
    """A line of a device as it may be read later."""
    if verb in _BARE:
        return verb
    line = line.strip()[:_LONGEST]
    if verb in (b"EHLO", b"HELO"):
        return b" ".join(line.split()[:2])
    if _ENVELOPE.match(line):
        return line
    return _login(line.split()) if verb == b"AUTH" else b"%s (no command)" % _HIDDEN


def _login(words: list[bytes]) -> bytes:
    known = [word.upper() for word in words[1:2] if word.upper() in _MECHANISMS]
    return b" ".join([b"AUTH", *known, *([_HIDDEN] if len(words) > 1 + len(known) else [])])
