"""Postfix as a relay for Exchange Online: main.cf, master.cf and the tables beside them, as devices and profiles.

Pure: files come through `read` (a path as it is written in main.cf; None: there is none that can be read). Passwords of
`smtp_sasl_password_maps` are what OAuth replaces: nothing of them is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.control.imports import postfix_access, postfix_words
from relay.control.imports.found import Found
from relay.control.imports.postfix_read import expanded, items, services, settings, table, value_named
from relay.control.imports.seconds import seconds_of

if TYPE_CHECKING:
    from relay.control.imports.postfix_read import Read, Service, Setting

_MICROSOFT = re.compile(
    r"\[?(smtp(-legacy)?\.office365\.(com|us)|outlook\.office365\.com|smtp-mail\.outlook\.com|smtp\.partner\.outlook\.cn"
    r"|outlook-dod\.office365\.us|smtp\.hve\.mx\.microsoft|smtp-hve\.office365\.com)\]?(:\w+)?",
    re.IGNORECASE,
)
_TENANT_MX = re.compile(r"\[?[\w.-]+\.(mail\.protection\.outlook\.com|mx\.microsoft)\]?(:\w+)?", re.IGNORECASE)
_MAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_PORTS = {"smtp": "25", "submission": "587", "submissions": "465", "smtps": "465"}
_SERVICE_READ = frozenset({
    "smtpd_sasl_auth_enable", "smtpd_tls_wrappermode", "smtpd_tls_security_level", "syslog_name",
    "smtpd_client_restrictions", "smtpd_relay_restrictions", "smtpd_recipient_restrictions",
})  # fmt: skip
_LEVELS = {"none": "none", "may": "optional", "encrypt": "required"}


@dataclass(frozen=True, slots=True)
class Postfix:
    """The files, and what is made of them."""

    main: dict[str, Setting]
    services: list[Service]
    read: Read
    found: Found

    def value(self, name: str) -> str:
        return expanded(value_named(name, self.main), self.main)

    def where(self, name: str) -> str:
        return f"main.cf:{self.main[name].line} {name}" if name in self.main else name

    def leave(self, name: str, why: str, todo: str) -> None:
        self.found.leave(self.where(name), why, todo)

    def unread(self, name: str, reference: str) -> None:
        """A table that is no text here; what stands in braces or is static may be a password."""
        kind, colon, _ = reference.removeprefix("proxy:").partition(":")
        is_path = re.fullmatch(r"(\w+:)*/[^{}]*", reference)
        shown = reference if is_path else f"a table {kind[:20]}:" if colon and "{" not in kind else "what stands there"
        self.leave(name, f"{shown} is no text that can be read here", "put its source beside main.cf, again")


def postfix(main: str, master: str, read: Read) -> Found:
    """Everything in the two files (`master` may be empty) and the tables that `read` can get."""
    mine = Postfix(settings(main), services(master), read, Found("Postfix"))
    _senders(mine)
    postfix_access.networks(mine)
    postfix_access.restrictions(mine)
    _listeners(mine)
    _certificate(mine)
    _figures(mine)
    _others(mine)
    return mine.found


def _senders(mine: Postfix) -> None:
    """Profiles: the mailbox of the relayhost first, then those of single senders."""
    relayhost = mine.value("relayhost")
    _relayhost(mine, relayhost)
    users = _users(mine)
    user = next((users[key] for key in (relayhost, _host(relayhost)) if key in users), "")
    if _MAIL.fullmatch(user):
        mine.found.add_profile(user, {})
    elif relayhost and users:
        mine.leave("relayhost", f"no user with a mail address for {relayhost}", "give --mailbox")
    for sender, name in users.items():
        if "@" in sender:
            _sender_profile(mine, "smtp_sasl_password_maps", sender, name)
    _by_sender(mine, "sender_dependent_relayhost_maps")
    _by_sender(mine, "sender_dependent_default_transport_maps")
    if users:
        mine.leave(
            "smtp_sasl_password_maps", "the passwords are not needed: OAuth takes their place",
            "delete the file when nothing else uses it, and change the passwords",
        )  # fmt: skip
        mine.leave(
            "relayhost", "Postfix kept the sender a device wrote; here it becomes the mailbox (from: mailbox)",
            "where Exchange grants Send As, set from: keep",
        )  # fmt: skip


def _relayhost(mine: Postfix, relayhost: str) -> None:
    if _TENANT_MX.fullmatch(relayhost):
        mine.leave(
            "relayhost", f"mail went to the tenant's MX {relayhost}, without a login",
            "nothing, where a mailbox sends from now on; else transport: connector (docs/how-to/transports.md)",
        )  # fmt: skip
    elif relayhost and not _MICROSOFT.fullmatch(relayhost):
        mine.leave("relayhost", f"{relayhost} is not Microsoft's: from now on mail leaves by Exchange Online", _CHECK)
    elif not relayhost:
        mine.leave("relayhost", "mail went to each recipient's own server; now it leaves by Exchange Online", _CHECK)


_CHECK = "see that the mailbox may write to all recipients"


def _host(relayhost: str) -> str:
    """Without port: tables name a relayhost either way."""
    return re.sub(r":\w+\Z", "", relayhost)


def _users(mine: Postfix) -> dict[str, str]:
    """User names by relayhost or sender; the password behind the first colon is forgotten at once."""
    return {key: value.partition(":")[0].strip() for key, value in _tables(mine, "smtp_sasl_password_maps")}


def _tables(mine: Postfix, name: str) -> list[tuple[str, str]]:
    found = []
    for reference in items(mine.value(name)):
        entries = table(reference, mine.read)
        if entries is None:
            mine.unread(name, reference)
        found += entries or []
    return found


def _by_sender(mine: Postfix, name: str) -> None:
    for sender, target in _tables(mine, name):
        host = target.removeprefix("smtp:").removeprefix("relay:")
        if _MAIL.fullmatch(sender) and _MICROSOFT.fullmatch(host):
            _sender_profile(mine, name, sender, sender)
        else:
            mine.leave(
                name, f"mail of {sender} left by {target}",
                "it leaves by the profile of its device now: make one for it, or route in Exchange Online",
            )  # fmt: skip


def _sender_profile(mine: Postfix, where: str, sender: str, user: str) -> None:
    """Postfix chose by sender, here the device does: the profile is made, the choice is told."""
    if not _MAIL.fullmatch(user) or not _MAIL.fullmatch(sender):
        mine.leave(where, f"{sender} signed in by a name that is no mailbox", "make a profile of its mailbox")
        return
    own = {} if sender.lower() == user.lower() else {"from": "keep", "senders": [sender, user]}
    profile = mine.found.add_profile(user, own)
    if profile == next(iter(mine.found.profiles)):
        return
    mine.leave(
        where, f"mail of {sender} left as {user}: here a device has its profile, whatever sender it writes",
        f"set profile: {profile} on the devices that write it",
    )  # fmt: skip


def _listeners(mine: Postfix) -> None:
    auth = "optional" if mine.value("smtpd_sasl_auth_enable") == "yes" else "none"
    floor = _floor(mine)
    for service in mine.services:
        _service(mine, service, floor, auth)
    if not mine.services:
        tls = _level(mine, {}, implicit=False)
        for host in _interfaces(mine):
            mine.found.listeners.append({"listen": f"{host}:25", "tls": tls, **floor, "auth": auth})
    if auth == "optional" or any(one.options.get("smtpd_sasl_auth_enable") == "yes" for one in mine.services):
        mine.leave(
            "smtpd_sasl_auth_enable", "who may log in is kept by Cyrus SASL or Dovecot, not in Postfix's files",
            "give each device that logs in a login (relay device password)",
        )  # fmt: skip


def _service(mine: Postfix, service: Service, floor: dict[str, str], auth: str) -> None:
    host, _, port = service.address.rpartition(":")
    number = _PORTS.get(port, port)
    if not number.isdecimal() or not 0 < int(number) < 65_536:
        mine.found.leave(f"master.cf:{service.line} {service.address}", "the port is not known by this name", "add it")
        return
    options = service.options
    if untold := sorted(options.keys() - _SERVICE_READ):
        mine.found.leave(
            f"master.cf:{service.line} {service.address}", f"-o {', '.join(untold)}: set for this service alone",
            "what is not the same for all listeners is set for each device here",
        )  # fmt: skip
    login = {"yes": "optional", "no": "none"}.get(options.get("smtpd_sasl_auth_enable", ""), auth)
    restricted = " ".join(options.get(f"smtpd_{which}_restrictions", "") for which in ("client", "relay", "recipient"))
    if login == "optional" and "permit_sasl_authenticated" in restricted and "permit_mynetworks" not in restricted:
        login = "required"
    implicit = options.get("smtpd_tls_wrappermode") == "yes"
    for one in [host] if host else _interfaces(mine):
        tls = _level(mine, options, implicit=implicit)
        mine.found.listeners.append({"listen": f"{one}:{number}", "tls": tls, **floor, "auth": login})


def _level(mine: Postfix, options: object, *, implicit: bool) -> str:
    if implicit:
        return "implicit"
    own = options.get("smtpd_tls_security_level", "") if isinstance(options, dict) else ""
    level = expanded(own, mine.main) or mine.value("smtpd_tls_security_level")
    if not level and mine.value("smtpd_enforce_tls") == "yes":
        return "required"
    return _LEVELS.get(level, "optional")


def _floor(mine: Postfix) -> dict[str, str]:
    """Old devices were let in on purpose where the list of protocols names an old one."""
    said = f"{mine.value('smtpd_tls_protocols')} {mine.value('smtpd_tls_mandatory_protocols')}"
    return {"tls_floor": "legacy"} if re.search(r"(?<![!\w.])>?=?TLSv1(\.1)?(?![.\w])", said) else {}


def _interfaces(mine: Postfix) -> list[str]:
    said = mine.value("inet_interfaces") or "all"
    if said == "all":
        six = mine.value("inet_protocols") == "all" and "inet_protocols" in mine.main
        return ["0.0.0.0", "[::]"] if six else ["0.0.0.0"]  # noqa: S104  (Postfix listened there)
    if said in ("loopback-only", "localhost"):
        return ["127.0.0.1"]
    hosts = []
    for item in items(said):
        bare = item.strip("[]")
        if re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", bare):
            hosts.append(f"[{bare}]" if ":" in bare else bare)
        else:
            mine.leave("inet_interfaces", f"{item} is a name", "write its address under listeners")
    return hosts or ["127.0.0.1"]


def _certificate(mine: Postfix) -> None:
    certificate = mine.value("smtpd_tls_cert_file")
    key = mine.value("smtpd_tls_key_file") or certificate
    if not certificate or certificate == "none":
        return
    if mine.read(certificate) is None or mine.read(key) is None:
        mine.leave("smtpd_tls_cert_file", f"{certificate} and its key can't be read here", "set tls on their machine")
        return
    mine.found.settings["tls"] = {"certificate": {"file": certificate}, "private_key": {"file": key}}


def _figures(mine: Postfix) -> None:
    host = mine.value("myhostname")
    if re.fullmatch(r"[A-Za-z0-9.-]+", host):
        mine.found.settings["hostname"] = host
    intake = {
        ours: int(mine.value(theirs))
        for ours, theirs in (
            ("max_message_size", "message_size_limit"),
            ("max_recipients", "smtpd_recipient_limit"),
            ("max_sessions_per_address", "smtpd_client_connection_count_limit"),
        )
        if re.fullmatch(r"[1-9]\d{0,11}", mine.value(theirs))
    }
    if intake:
        mine.found.settings["intake"] = intake
    if mine.value("message_size_limit") == "0":
        mine.leave("message_size_limit", "there is no size without a limit", "set intake.max_message_size")
    seconds = seconds_of(mine.value("maximal_queue_lifetime"), "d")
    if seconds:
        mine.found.settings["delivery"] = {"expire_after_s": seconds}
    source = mine.value("smtp_bind_address")
    if re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", source) and source != "0.0.0.0":  # noqa: S104  (compared with)
        mine.found.settings["outgoing"] = {"source_address": source}


def _others(mine: Postfix) -> None:
    """Every other parameter is told; those of Postfix itself in one line."""
    own = [name for name in mine.main if postfix_words.is_own(name)]
    used = " ".join(setting.value for setting in mine.main.values())
    for name in mine.main:
        in_others = re.search(rf"\$[({{]?{re.escape(name)}(?!\w)", used)
        if name not in postfix_words.CARRIED and name not in own and not in_others:
            mine.leave(name, *postfix_words.told(name))
    if own:
        mine.found.leave(f"main.cf {', '.join(own)}", "these are about Postfix itself", "nothing")
