"""A list of printers as a spreadsheet saves it: one device a line, columns by their heading, in any order.

Pure. The delimiter is what the first line has most of: semicolon, comma or tab.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from relay.config.network import is_everybody
from relay.config.starter import name_of
from relay.control.imports.found import Found, address_of, network_in

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = {
    "name": "name device printer hostname host asset gerät name_of_device device_name printer_name model",
    "address": "address ip ip_address ipaddress network subnet adresse ip_adresse addr",
    "login": "login user username user_name account smtp_user benutzer benutzername",
    "password": "password passwort kennwort smtp_password pass",
    "profile": "profile sender_profile profil",
    "mailbox": "mailbox sender from from_address postfach absender sender_address",
    "owner": "owner contact responsible besitzer ansprechpartner owner_mail owner_email",
    "recipients": "recipients recipient to allowed_recipients empfänger domains domain",
}
_MEANS = {word: column for column, words in _COLUMNS.items() for word in words.split()}
_MAIL = re.compile(r"[^@\s<>*]+@[^@\s<>*]+")


def csv_list(text: str, secrets_dir: str) -> Found:
    """Each line a device; what a line or a column can't be is told."""
    found = Found("a list of devices")
    lines = text.removeprefix("\ufeff").replace("\0", "").splitlines(keepends=True)
    if lines and re.fullmatch(r"sep=.\s*", lines[0], re.IGNORECASE):
        lines = lines[1:]
    try:
        rows = list(csv.reader(io.StringIO("".join(lines)), delimiter=_delimiter(lines), skipinitialspace=True))
    except csv.Error as error:
        found.leave("the file", f"it is no table: {error}", "save it as CSV again")
        return found
    headings = [_MEANS.get(_folded(cell), "") for cell in (rows[0] if rows else [])]
    if "address" not in headings and "login" not in headings:
        known = ", ".join(_COLUMNS)
        found.leave("line 1", "no column is called address or login", f"the first line names the columns: {known}")
        return found
    for cell, meaning in zip(rows[0], headings, strict=True):
        if not meaning and cell.strip():
            found.leave(f"column {cell}", "this import does not know it", f"columns are {', '.join(_COLUMNS)}")
        elif headings.count(meaning) > 1 and rows[0].index(cell) != headings.index(meaning):
            found.leave(f"column {cell}", f"there is another one for {meaning}", "the first that is filled in counts")
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row[len(headings) :]):
            found.leave(f"line {number}", "it has more cells than there are columns", "see that none has moved")
        if any(cell.strip() for cell in row):
            _row(found, f"line {number}", _cells(headings, row), secrets_dir)
    return found


def _delimiter(lines: list[str]) -> str:
    first = lines[0] if lines else ""
    return max(";,\t", key=first.count)


def _folded(cell: str) -> str:
    return re.sub(r"[\s.-]+", "_", cell.strip().lower())


def _cells(headings: list[str], row: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for meaning, cell in zip(headings, row, strict=False):
        if meaning and cell.strip():
            found.setdefault(meaning, cell.strip())
    return found


def _row(found: Found, where: str, cells: Mapping[str, str], secrets_dir: str) -> None:
    values: dict[str, Any] = {}
    name = found.free_name(cells.get("name") or cells.get("address") or cells.get("login", ""))
    network = network_in(cells.get("address", ""))
    if network is not None and not is_everybody(network):
        values["address"] = address_of(network)
    elif cells.get("address"):
        found.leave(where, f"{cells['address']} is no address or network of devices", "write the device's IP address")
    _mail_of(found, where, cells, values)
    if "login" in cells:
        values["login"] = _login(found, where, (name, secrets_dir), cells)
    elif "password" in cells:
        found.leave(where, f"a password of {name}, but no login", "write the login, or nothing where it needs none")
    if "address" not in values and "login" not in values:
        found.leave(where, f"{name} has neither address nor login", "write one, or it could never be recognised")
        return
    found.add_device(name, values, "" if name == cells.get("name", name) else cells["name"], where)
    if name not in found.devices:
        found.secrets.pop(f"{name}.password", None)


def _mail_of(found: Found, where: str, cells: Mapping[str, str], values: dict[str, Any]) -> None:
    """Profile, owner and recipients of a device."""
    mailbox = cells.get("mailbox", "")
    if _MAIL.fullmatch(mailbox):
        values["profile"] = profile = found.add_profile(mailbox, {})
        if cells.get("profile", profile) != profile:
            found.leave(where, f"the profile of {mailbox} is called {profile}, not {cells['profile']}", "rename it")
    elif mailbox:
        found.leave(where, f"{mailbox} is no mailbox", "set profile of the device")
    elif "profile" in cells:
        _profile(found, where, cells["profile"], values)
    if _MAIL.fullmatch(cells.get("owner", "")):
        values["owner"] = cells["owner"]
    elif "owner" in cells:
        found.leave(where, f"the owner {cells['owner']} is no mail address", "write the address of whoever looks after")
    if "recipients" in cells:
        values["recipients"] = [_pattern(one) for one in re.split(r"[\s,;|]+", cells["recipients"]) if one]


def _profile(found: Found, where: str, text: str, values: dict[str, Any]) -> None:
    """A profile that only has a name needs its mailbox; `found.remarks` marks it once."""
    name = name_of(text, "scans")
    if name not in found.profiles:
        found.profiles[name] = {"mailbox": f"{name}@change-me.example"}
        found.remarks["profiles", name] = f"CHANGE-ME: the mailbox of profile {name}"
        found.leave(where, f"the list names profile {name}, but no mailbox", f"set profiles.{name}.mailbox")
    values["profile"] = name


def _pattern(text: str) -> str:
    return text if "@" in text or "*" in text else f"*@{text}"


def _login(found: Found, where: str, place: tuple[str, str], cells: Mapping[str, str]) -> dict[str, Any]:
    name, secrets_dir = place
    file = f"{name}.password"
    if "password" in cells:
        found.secrets[file] = cells["password"]
    else:
        found.leave(where, f"the password of {name} is not in the list", f"put it into {secrets_dir}/{file}")
    return {"username": cells["login"], "password": {"file": f"{secrets_dir}/{file}"}}
