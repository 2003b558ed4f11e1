"""The picture of `relay top`: `Status` as lines of a terminal, pure. Never more lines or columns than there are.

What holds mail up comes first and is cut last. A line is a text and how it looks: good, warn, bad, head or plain.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.policy.prospect import span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Found = Mapping[str, Any]

LEAST = (20, 4)
_BARS = "▁▂▃▄▅▆▇█"
_STATES = {"ok": "", "paused": "bad", "sign_in": "bad", "detour": "warn"}
_GONE = {"state": "gone", "mailbox": "not in the configuration", "why": None}
_WAITING = ("queued", "uncertain", "leased")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture."""

    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the picture: `least` lines of it are shown however small the terminal is."""

    lines: list[Line]
    least: int = 0


def picture(found: Found, width: int, height: int, *, clock: str = "", note: str = "") -> list[Line]:
    """Exactly what fits: `clock` stands at the right of the first line, `note` in the last one."""
    width, height = max(width, LEAST[0]), max(height, LEAST[1])
    foot = [Line(note)] if note else []
    head = [*_head(found, width, clock), *_minutes(found, width)]
    blocks = [Block(head, 2), _profiles(found), _ages(found), _mailboxes(found), _lately(found)]
    chosen = _fitting([block for block in blocks if block.lines], height - len(foot))
    body = [line for block in chosen for line in block][: height - len(foot)]
    return [Line(_cut(line.text, width), line.look) for line in [*body, *foot]]


def _fitting(blocks: Sequence[Block], height: int) -> list[list[Line]]:
    """Blocks with an empty line between them, the longest cut first, line by line, until all fit."""
    sizes = [len(block.lines) for block in blocks]
    while sum(sizes) + sum(1 for size in sizes if size) - 1 > height:
        able = [number for number, size in enumerate(sizes) if size > blocks[number].least]
        if not able:
            break
        longest = max(able, key=lambda number: (sizes[number], number))
        sizes[longest] -= 1 if sizes[longest] > 2 else sizes[longest]
    shown = [_shortened(block.lines, size) for block, size in zip(blocks, sizes, strict=True) if size]
    return [part if number == 0 else [Line(""), *part] for number, part in enumerate(shown)]


def _shortened(lines: list[Line], size: int) -> list[Line]:
    if size >= len(lines):
        return lines
    return [*lines[: size - 1], Line(f"… {len(lines) - size + 1} more lines")]


def _head(found: Found, width: int, clock: str) -> list[Line]:
    ready = found["ready"]
    state = f"takes mail on {', '.join(found['listening'])}" if ready else "; ".join(found["reasons"])
    first = f"relay {found['version']}  {state}"
    room = max(0, width - len(clock) - 1)
    lines = [Line(f"{_cut(first, room):<{room}} {clock}".rstrip(), "good" if ready else "bad"), Line(_figures(found))]
    spool = found["spool"]
    trouble = spool["trouble"] or spool["refusing"]
    return [*lines, Line(trouble, "bad")] if trouble else lines


def _figures(found: Found) -> str:
    counts = {state: _count(found, state) for state in ("uncertain", "held", "corrupt")}
    parts = [
        f"up {span(found['uptime_s'])}" if found["running"] else "not running",
        f"{found['sessions']} connected",
        f"{sum(_count(found, state) for state in _WAITING)} waiting",
        *(f"{count} {state}" for state, count in counts.items() if count),
        f"{_size(found['spool']['free_bytes'])} free",
    ]
    return "  ".join(parts)


def _minutes(found: Found, width: int) -> list[Line]:
    """Mail of each minute of the last hour at most, the one under way at the right; nothing where no relay runs."""
    minutes = found.get("minutes", [])[-max(1, min(60, width - 30)) :]
    rows = {
        "accepted": [one["accepted"] for one in minutes],
        "delivered": [one["delivered"] for one in minutes],
        "trouble": [one["deferred"] + one["refused"] + one["failed"] for one in minutes],
    }
    shown = {name: row for name, row in rows.items() if minutes and (name != "trouble" or any(row))}
    return [Line(f"{name:<9} {bars(row)} {sum(row)} in {len(row)} min") for name, row in shown.items()]


def bars(counts: Sequence[int]) -> str:
    """A sign for each count, as high as its share of the greatest; nothing is a dot, and a little is seen."""
    most = max(counts, default=0)
    return "".join(_BARS[-(-count * len(_BARS) // most) - 1] if count else "·" for count in counts)


def _profiles(found: Found) -> Block:
    """A line a profile, what is held up first, with why and what to do below it: what is cut is what is well."""
    known = {one["name"]: one for one in found["profiles"]}
    names = dict.fromkeys([*known, *(one["profile"] for one in found["queue"])])
    groups = [_profile(found, name, known.get(name, _GONE)) for name in names]
    groups.sort(key=lambda group: ("bad", "warn", "").index(group[0].look))
    head = Line(_row("PROFILE", "STATE", "WAITING", "HELD", "OLDEST", "MAILBOX"), "head")
    return Block([head, *(line for group in groups for line in group)], 2)


def _profile(found: Found, name: str, own: Found) -> list[Line]:
    mine = [one for one in found["queue"] if one["profile"] == name]
    waiting = sum(one["count"] for one in mine if one["state"] in _WAITING)
    held = sum(one["count"] for one in mine if one["state"] in ("held", "corrupt"))
    oldest = span(max(one["oldest_s"] for one in mine)) if mine else ""
    cells = (_plain(name), own["state"], str(waiting), str(held), oldest, own["mailbox"])
    return [Line(_row(*cells), _STATES.get(own["state"], "warn")), *_why(own["why"])]


def _why(why: Found | None) -> list[Line]:
    if not why:
        return []
    return [Line(f"  {_plain(why['meaning'])}", "bad"), Line(f"  → {_plain(why['remedy'])}")]


def _row(*cells: str) -> str:
    widths = (16, 8, 7, 5, 8)
    name, state, *numbers, last = cells
    first = f"{_cut(name, widths[0]):<{widths[0]}}  {state:<{widths[1]}}"
    return "  ".join([first, *(f"{cell:>{size}}" for cell, size in zip(numbers, widths[2:], strict=True)), last])


def _ages(found: Found) -> Block:
    """What waits by its age, as qshape shows it; not there when nothing waits."""
    classes = [f"<{span(limit)}".replace(" ", "") for limit in found["age_limits_s"]] + ["older"]
    rows: dict[str, list[int]] = {}
    for one in found["queue"]:
        sums = rows.setdefault(one["profile"], [0] * len(classes))
        rows[one["profile"]] = [a + b for a, b in zip(sums, one["ages"], strict=False)]
    if not any(map(sum, rows.values())):
        return Block([])
    head = Line(f"{'AGE':<16}" + "".join(f"{name:>7}" for name in classes), "head")
    body = [
        Line(f"{_cut(_plain(name), 16):<16}" + "".join(f"{count or '.':>7}" for count in row))
        for name, row in rows.items()
    ]
    return Block([head, *body])


def _mailboxes(found: Found) -> Block:
    if not found["mailboxes"]:
        return Block([])
    head = Line(f"{'MAILBOX':<32}  SESSIONS  PACE   LEFT TODAY  RESTS UNTIL", "head")
    body = []
    for one in found["mailboxes"]:
        left = "no limit" if one["recipients_left"] is None else str(one["recipients_left"])
        sessions = f"{one['sessions']}/{one['sessions_limit']}"
        text = f"{_cut(one['name'], 32):<32}  {sessions:>8}  {one['pace']:>4.0%}  {left:>11}  {one['blocked_until']}"
        slow = one["pace"] < 1 or one["blocked_until"] or one["recipients_left"] == 0
        body.append(Line(text.rstrip(), "warn" if slow else ""))
    return Block([head, *body])


def _lately(found: Found) -> Block:
    ends = [one for one in found["credentials"] if one["days_left"] <= 30]
    lines = [Line(f"{one['kind']} of {one['app']} ends in {one['days_left']} days", "warn") for one in ends]
    told = {one["name"] for one in found["profiles"] if one["why"]}
    for one in found["problems"]:
        if one["event"] == "profile.paused" and one["about"] in told:
            continue
        times = f" ×{one['times']}" if one["times"] > 1 else ""
        lines.append(Line(f"{one['last'][11:19]}  {_plain(one['about'])}{times}: {_plain(one['what'])}"))
    return Block([Line("LATELY", "head"), *lines] if lines else [])


def _count(found: Found, state: str) -> int:
    return sum(int(one["count"]) for one in found["queue"] if one["state"] == state)


def _size(octets: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}"
        octets /= 1000
    return f"{octets:.1f} TB"


def _plain(text: str) -> str:
    """In one line, and nothing that a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))


def _cut(text: str, width: int) -> str:
    """So many columns at most, what is missing shown by an ellipsis."""
    if _columns(text) <= width:
        return text
    kept = text[: max(0, width - 1)]
    while _columns(kept) > width - 1:
        kept = kept[:-1]
    return f"{kept}…"


def _columns(text: str) -> int:
    """A letter of East Asia takes two columns, an accent that combines none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )
