"""The SMTP server of IIS: its MetaBase.xml, or the list of its Relay dialog as a text.

Pure. The list of who may relay stands in the metabase as octets (`RelayIpList`, an IPSECLIST): offsets of four lists,
then for each network mask its addresses, the mask before them. In a text a line is `address`, `address, mask`,
`address (mask)` or `Granted<tab>address (mask)`, as scripts and the console write them.
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from relay.control.imports.found import Found
from relay.control.imports.xml_text import XmlRefused, elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OFFSET = 0x7FFF_FFFF
_LINE = re.compile(
    r"(?P<word>[A-Za-z]+)?[\s,;:]*(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?:\s*[,;/(\t ]\s*(?P<mask>[\d.]+)\)?)?\s*"
)
_MOST = 100_000
_INT = re.compile(r"\d{1,10}")


def iis(text: str) -> Found:
    """Everything in a MetaBase.xml, or in a list of addresses."""
    found = Found("IIS SMTP")
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        _metabase(found, text)
    else:
        _listing(found, text)
    return found


def _listing(found: Found, text: str) -> None:
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        bare, where = line.strip().strip('"'), f"line {number}"
        match = _LINE.fullmatch(bare)
        if not bare or bare.startswith("#"):
            continue
        if match is None:
            if number > 1 or re.search(r"\d", bare):  # the first line may be a heading
                found.leave(where, f"{bare} is no address with a mask", "name the address of that device")
        elif (match["word"] or "").lower().startswith("den"):
            found.leave(where, f"{match['ip']} was denied", "nothing: who is no device is refused")
        else:
            found.add_network(f"{match['ip']}/{match['mask'] or 32}", f"relay list: {bare}", where)


def _metabase(found: Found, text: str) -> None:
    try:
        servers = [one for one in elements(text) if one[0] in ("IIsSmtpServer", "IIsSmtpService")]
    except (ParseError, XmlRefused, ValueError) as error:
        found.leave("the file", f"it can't be read as XML: {error}", "export the metabase again, or the list as text")
        return
    if not servers:
        found.leave("the file", "there is no IIsSmtpServer in it", "export the metabase of the machine with IIS SMTP")
    for kind, values in servers:
        where = f"{kind} {values.get('Location', '')}".strip()
        for option, value in values.items():
            _option(found, where, option, value)


def _option(found: Found, where: str, option: str, value: str) -> None:
    if option in _KNOWN:
        _KNOWN[option](found, f"{where} {option}", value)
    elif option in _TOLD:
        found.leave(f"{where} {option}", *_TOLD[option])
    elif not _OWN.fullmatch(option):
        found.leave(f"{where} {option}", "this import does not know it", "look it up: IIS SMTP metabase properties")


def _relay_list(found: Found, where: str, value: str) -> None:
    try:
        granted, denied = relay_list(bytes.fromhex("".join(value.split())))
    except (ValueError, struct.error) as error:
        found.leave(where, f"these octets are no list of addresses ({error})", "import the list as a text: docs")
        return
    for network in granted:
        found.add_network(network, f"RelayIpList: {network}", where)
    if denied:
        found.leave(
            where, f"everybody but {', '.join(denied)} might relay", "name the devices that may: here no others may"
        )


def relay_list(octets: bytes) -> tuple[list[str], list[str]]:
    """Who is granted and who is denied, as `address/mask`. Raises `ValueError` or `struct.error`."""
    deny, grant = struct.unpack_from("<2I", octets)
    return list(_networks(octets, grant & _OFFSET)), list(_networks(octets, deny & _OFFSET))


def _networks(octets: bytes, start: int) -> Iterator[str]:
    count, _ = struct.unpack_from("<2I", octets, start)
    if count > len(octets) // 20:
        raise ValueError(f"{count} lists")
    for number in range(count):
        _family, items, size, _, offset = struct.unpack_from("<5I", octets, start + 8 + 20 * number)
        if size != 4 or items > _MOST:
            raise ValueError(f"{items} addresses of {size} octets")
        words = struct.unpack_from(f">{items}I", octets, offset & _OFFSET)
        yield from (f"{IPv4Address(one)}/{IPv4Address(words[0])}" for one in words[1:])


def _bindings(found: Found, where: str, value: str) -> None:
    tls = "implicit" if where.endswith("SecureBindings") else "optional"
    for binding in value.split():
        host, _, rest = binding.partition(":")
        port = rest.partition(":")[0]
        if not _INT.fullmatch(port) or not 0 < int(port) < 65_536 or not re.fullmatch(r"[0-9.]*", host):
            found.leave(where, f"{binding} is no address and port", "add a listener")
            continue
        found.listeners.append({"listen": f"{host or '0.0.0.0'}:{int(port)}", "tls": tls})  # noqa: S104  (as IIS)


def _size(found: Found, where: str, value: str) -> None:
    if _INT.fullmatch(value) and int(value):
        found.settings.setdefault("intake", {})["max_message_size"] = int(value)
    else:
        found.leave(where, f"{value} is no size", "set intake.max_message_size")


def _recipients(found: Found, where: str, value: str) -> None:
    if _INT.fullmatch(value) and int(value):
        found.settings.setdefault("intake", {})["max_recipients"] = int(value)
    else:
        found.leave(where, f"{value} is no limit", "set intake.max_recipients")


def _host(found: Found, where: str, value: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9.-]+", value):
        found.settings["hostname"] = value
    elif value:
        found.leave(where, f"{value} is no host name", "set hostname")


def _user(found: Found, where: str, value: str) -> None:
    if re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+", value):
        found.add_profile(value, {})
    elif value:
        found.leave(where, f"{value} is no mail address", "give --mailbox")


_KNOWN: Mapping[str, Callable[[Found, str, str], None]] = {
    "RelayIpList": _relay_list,
    "ServerBindings": _bindings,
    "SecureBindings": _bindings,
    "MaxMessageSize": _size,
    "MaxRecipients": _recipients,
    "FullyQualifiedDomainName": _host,
    "RouteUserName": _user,
}
_TOLD: Mapping[str, tuple[str, str]] = {
    "RoutePassword": ("the password is not needed: OAuth takes its place", "change it"),
    "SmartHost": ("mail leaves by Exchange Online from now on", "see that the mailbox may write to all recipients"),
    "RelayForAuth": ("who logged in was known to Windows", "give each device that logs in a login"),
    "IPSecurity": ("who may connect is not limited beside who may send", "limit it in the firewall, where it must be"),
    "AuthFlags": ("logins are set for a listener", "set listeners[].auth"),
    "MasqueradeDomain": ("senders are rewritten by the profile's From policy", "choose profiles.NAME.from"),
    "DefaultDomain": ("addresses without a domain are not completed", "write whole addresses in the devices"),
    "DoMasquerade": ("senders are rewritten by the profile's From policy", "choose profiles.NAME.from"),
    "SendBadTo": ("undeliverable mail is told to the sender and to notices.operators", "see notices"),
    "SendNdrTo": ("undeliverable mail is told to the sender and to notices.operators", "see notices"),
    "MaxConnections": ("another limit holds here", "set intake.max_sessions"),
    "HopCount": ("the relay counts hops by itself", "nothing"),
    "MaxSessionSize": ("a session has no size here", "nothing"),
    "EnableReverseDnsLookup": ("names are not looked up", "nothing"),
}
# Where IIS keeps its files, how it logs, how it retries and reaches its smart host: the relay has its own ways.
_OWN = re.compile(
    r"Location|Server(Comment|AutoStart|Size|State|ListenBacklog|ListenTimeout|Command)|\w*Directory|Log\w+|Key\w*"
    r"|AdminACL|\w*Retry\w*|\w*Timeout|Route(Action|ActionString)|SmartHostType|RemoteSmtp\w+|Smtp\w+|\w+Expire\w*"
    r"|MaxOut\w+|MaxBatched\w*|MaxBandwidth|MaxDirChangeIOSize|MaxPoolThreads|Delay\w*|NTAuthenticationProviders"
    r"|AuthAnonymous|AuthBasic|AuthNTLM|Win32Error|DomainRouting|AlwaysUseSsl|Relay|Access\w*|AnonymousUserName"
    r"|AnonymousUserPass|ConnectionTimeout|Local(Domains|RetryInterval\w*)|NameResolutionType|PickupDirectory|Realm"
    r"|EtrnDays|EtrnSubdomains|FiveHundred\w+|BadMailDirectory|ShouldDeliver|DontLog|SaslLogonDomain|Enabled\w*"
    r"|DefaultLogonDomain|InheritedProps|ClusterEnabled|AddNoHeaders|DisableSocketPooling|LimitRemoteConnections"
)
