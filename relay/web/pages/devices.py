"""Devices: what each one does, who is unknown and how to let it in, and the dry run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from relay.control.caller import Refused
from relay.control.device_status import DeviceQuestion, Sort
from relay.web.calls import devices as calls
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response

    from relay.control.device_status import DeviceStatus
    from relay.control.explain import Explanation

COLUMNS = (
    (Sort.NAME, "Device", ""),
    (Sort.PROFILE, "Profile", ""),
    (Sort.LAST, "Last mail", ""),
    (Sort.DAY, "24 hours", "number"),
    (Sort.WEEK, "7 days", "number"),
    (None, "Speaks", ""),
    (None, "Mended", "number"),
    (Sort.REFUSED, "Turned away", ""),
)
_LARGEST_FIRST = (Sort.LAST, Sort.DAY, Sort.WEEK, Sort.REFUSED)
_NO_FORM = {
    "address": "", "login": "", "sender": "", "recipients": "", "header_from": "", "listener": "", "size": "",
    "encrypted": "", "from_file": "",
}  # fmt: skip


async def devices(visit: Visit) -> Response:
    """Every device of the configuration, and the unknown sources."""
    question = _asked(visit)
    found = await calls.devices(visit.control, question, visit.who)
    unknown = await calls.unknown(visit.control, None, visit.who)
    return await asyncio.to_thread(  # a thousand of them take longer than a device should wait
        render, visit, "devices.html", found=found, unknown=unknown.sources, question=question,
        columns=_columns(question),
        sorts=[(sort, title) for sort, title, _ in COLUMNS if sort],
        total=len(visit.control.settings.devices), **_form(visit),
    )  # fmt: skip


async def device(visit: Visit) -> Response:
    """One device."""
    name = visit.request.path_params["name"]
    found = await calls.devices(visit.control, DeviceQuestion(name=name), visit.who)
    if not found.devices:
        words = f"The configuration in force has no device {name}."
        return render(visit, "refused.html", status=404, title="No such device", words=words)
    one = found.devices[0]
    options = visit.control.settings.devices[name]
    return render(visit, "device.html", one=one, options=options, trouble=found.trouble, **_form(visit, one))


@refusing
async def dry_run(visit: Visit) -> Response:
    """What would happen to the message that the form tells of."""
    given = {name: "\n".join(values).strip() for name, values in (await visit.form()).items()}
    typed = _NO_FORM | {name: given[name] for name in _NO_FORM if name in given}
    outcome: Explanation | None = None
    words = ""
    try:
        outcome = await calls.dry_run(visit.control, _question(typed), visit.who)
    except (ValueError, LookupError) as error:
        words = str(error.args[0] if error.args else error)
    except Refused as error:
        words = str(error)
    status = 200 if outcome is not None else 400
    return render(visit, "dry-run.html", status=status, **(_form(visit) | _run(typed, words, outcome)))


def _asked(visit: Visit) -> DeviceQuestion:
    """What a person's address bar says; a word nobody knows sorts by name."""
    sort = visit.asked("sort")
    known = Sort(sort) if sort in set(Sort) else Sort.NAME
    return DeviceQuestion(text=visit.asked("text").strip(), sort=known, descending=visit.asked("order") == "down")


def _columns(question: DeviceQuestion) -> list[dict[str, str]]:
    """Each heading with the link that sorts by it, or turns the order round."""
    found = []
    for sort, title, kind in COLUMNS:
        here = sort is question.sort
        down = not question.descending if here else sort in _LARGEST_FIRST
        values = {"text": question.text, "sort": sort or "", "order": "down" if down else "up"}
        way = ("descending" if question.descending else "ascending") if here else ""
        found.append(
            {"title": title, "kind": kind, "way": way, "link": f"/devices?{urlencode(values)}" if sort else ""}
        )
    return found


def _form(visit: Visit, one: DeviceStatus | None = None) -> dict[str, Any]:
    """The form of the dry run, filled with what is known of a device."""
    typed = dict(_NO_FORM)
    if one is not None:
        address = one.client or one.address.partition("/")[0]
        typed |= {
            "address": address,
            "login": one.login,
            "listener": one.listener,
            "encrypted": "yes" if one.tls else "",
        }
    listeners = [(one.listen, f"{one.listen}, tls {one.tls}") for one in visit.control.settings.listeners]
    return {"listeners": listeners, "file": f"{visit.control.hands.config}:", **_run(typed)}


def _run(typed: dict[str, str], words: str = "", outcome: Explanation | None = None) -> dict[str, Any]:
    return {"typed": typed, "words": words, "outcome": outcome}


def _question(typed: dict[str, str]) -> calls.DryRun:
    """Raises `ValueError`."""
    if not typed["address"]:
        raise ValueError("Type the address the device sends from.")
    if typed["size"] and not typed["size"].isdecimal():
        raise ValueError("The size is a number of bytes.")
    return calls.DryRun(
        address=typed["address"], login=typed["login"], sender=typed["sender"],
        recipients=tuple(typed["recipients"].split()), header_from=typed["header_from"], listener=typed["listener"],
        encrypted=bool(typed["encrypted"]), size=int(typed["size"]) if typed["size"] else None,
        from_file=bool(typed["from_file"]),
    )  # fmt: skip


PAGES = (
    Page("/devices", devices),
    Page("/devices/explain", dry_run, methods=("POST",)),
    Page("/devices/{name}", device),
)
