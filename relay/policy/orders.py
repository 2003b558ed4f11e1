"""What an operator may order of a message in each state, and why not otherwise."""

from __future__ import annotations

from enum import StrEnum


class Order(StrEnum):
    """RETRY: due now, a failed one to its failed recipients again. HOLD: not tried until released. RELEASE: held no
    longer, due now. DROP: given up, its content removed.
    """

    RETRY = "retry"
    HOLD = "hold"
    RELEASE = "release"
    DROP = "drop"


# Which messages are meant when nobody names ids or states: never those that were settled, some of them long ago.
MEANT = {
    Order.RETRY: ("queued", "uncertain"),
    Order.HOLD: ("queued", "uncertain", "leased"),
    Order.RELEASE: ("held",),
    Order.DROP: ("queued", "uncertain", "held", "corrupt"),
}
KEY_MISSING = "spool.key-missing"
_WAITS = ("queued", "uncertain")
_OVER = {
    "delivered": "it is delivered",
    "dropped": "it was dropped: its content is gone",
}
_UNDER_WAY = "an attempt is under way"
_NO_KEY = "its key is missing: put it under spool.encryption.old_keys; the next start releases it by itself"


def obstacle(order: Order, state: str, *, rule: str = "", held_by: str = "") -> str:
    """Why the order can't be carried out; empty when it can. A corrupt message is looked at again by RELEASE."""
    if state in _OVER:
        return _OVER[state]
    if order is Order.DROP:
        return f"{_UNDER_WAY}: hold it, then drop it" if state == "leased" else ""
    if order is Order.HOLD:
        return _no_hold(state)
    if state == "held" and rule == KEY_MISSING:
        return _NO_KEY
    if state == "leased":
        return "" if order is Order.RELEASE and held_by else _UNDER_WAY
    return _no_retry(state) if order is Order.RETRY else _no_release(state)


def _no_hold(state: str) -> str:
    if state == "held":
        return "it is held already"
    return "" if state in (*_WAITS, "leased") else f"it is {state}: it is not tried anyway"


def _no_retry(state: str) -> str:
    return "it is damaged: bring back what is missing, then release it; or drop it" if state == "corrupt" else ""


def _no_release(state: str) -> str:
    if state in _WAITS:
        return "it is not held"
    return "it has failed: retry it" if state == "failed" else ""
