"""What became of an attempt: five kinds, each with a scope (who else is touched by it)."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The outcome of one attempt for one recipient or for the whole message."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"
    HELD = "held"
    UNCERTAIN = "uncertain"


class Scope(StrEnum):
    """How far an answer reaches: a refused recipient fails alone, a revoked secret pauses its whole profile."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    MAILBOX = "mailbox"
    PROFILE = "profile"
    TENANT = "tenant"
    SITE = "site"
