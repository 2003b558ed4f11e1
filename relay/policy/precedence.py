"""Which message goes first within one mailbox: who waits for an answer before who does not, and large ones apart."""

from __future__ import annotations

INTERACTIVE, INTERACTIVE_LARGE, BULK, BULK_LARGE = range(4)


def precedence_of(size: int, *, interactive: bool, large_bytes: int) -> int:
    """The class of a message; `interactive`: its device waits to hear what became of it."""
    large = size > large_bytes
    if interactive:
        return INTERACTIVE_LARGE if large else INTERACTIVE
    return BULK_LARGE if large else BULK


def is_large(precedence: int) -> bool:
    """Whether it must leave the last free connection of its mailbox to the others."""
    return precedence in (INTERACTIVE_LARGE, BULK_LARGE)


def is_interactive(precedence: int) -> bool:
    return precedence in (INTERACTIVE, INTERACTIVE_LARGE)
