"""Whether there is room for new mail: a free-disk mark and a quota, each with a band so that nothing flaps.

Mail is refused below the mark and taken again when a tenth more is free; refused above the quota and taken again below
nine tenths of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag


class Lack(Flag):
    """What there is too little of."""

    NOTHING = 0
    DISK = 1
    QUOTA = 2


@dataclass(frozen=True, slots=True)
class Room:
    """How full disk and spool are. `max_bytes` 0: no quota. `refusing`: why no mail is taken; empty when it is."""

    free_bytes: int
    min_free_bytes: int
    used_bytes: int
    max_bytes: int
    refusing: str = ""


REMEDY = {
    Lack.DISK: "free room on that disk, or lower spool.min_free_bytes",
    Lack.QUOTA: "raise spool.max_bytes, or drop mail: `relay queue list` shows what waits, `relay queue drop` drops it",
}


def lacking(room: Room, before: Lack) -> Lack:
    """What lacks now, when `before` lacked at the last look."""
    mark = room.min_free_bytes * 11 // 10 if Lack.DISK in before else room.min_free_bytes
    lack = Lack.DISK if room.free_bytes < mark else Lack.NOTHING
    if not room.max_bytes:
        return lack
    full = room.used_bytes * 10 >= room.max_bytes * 9 if Lack.QUOTA in before else room.used_bytes > room.max_bytes
    return lack | Lack.QUOTA if full else lack


def too_much(room: Room, size: int) -> Lack:
    """What would lack with a message of that size in the spool too."""
    disk = Lack.DISK if room.free_bytes - size < room.min_free_bytes else Lack.NOTHING
    quota = Lack.QUOTA if room.max_bytes and room.used_bytes + size > room.max_bytes else Lack.NOTHING
    return disk | quota


def in_words(lack: Lack, room: Room, place: str) -> str:
    """Why mail is refused; empty when nothing lacks."""
    if Lack.DISK in lack:
        mark = room.min_free_bytes
        return f"less than {mark} bytes free at {place} (mail is taken again with a tenth more): {room.free_bytes}"
    if Lack.QUOTA in lack:
        most = f"{room.max_bytes} bytes (mail is taken again below nine tenths of it)"
        return f"more mail in the spool at {place} than {most}: {room.used_bytes}"
    return ""


def remedy_of(lack: Lack) -> str:
    """What to do about it; empty when nothing lacks."""
    return next((text for what, text in REMEDY.items() if what in lack), "")
