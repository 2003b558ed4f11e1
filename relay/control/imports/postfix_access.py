"""Who Postfix lets relay: mynetworks, and the access tables of its restrictions, as devices known by their address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.config.network import is_everybody
from relay.control.imports.found import address_of, name_of_network, network_in
from relay.control.imports.postfix_read import entries, items, logical_lines, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.network import Network
    from relay.control.imports.postfix import Postfix

NOBODY = "nobody@nowhere.invalid"  # RFC 2606: no address ever ends so
_RESTRICTIONS = ("smtpd_client_restrictions", "smtpd_relay_restrictions", "smtpd_recipient_restrictions")
# What the relay does anyway: known devices come in, all others are refused, syntax is looked at.
_AS_HERE = frozenset({
    "permit", "permit_mynetworks", "permit_sasl_authenticated", "reject", "defer", "reject_unauth_destination",
    "defer_unauth_destination", "reject_unauth_pipelining", "reject_invalid_helo_hostname",
    "reject_non_fqdn_recipient", "reject_non_fqdn_sender", "reject_unknown_sender_domain",
    "reject_unknown_recipient_domain", "permit_inet_interfaces",
})  # fmt: skip
_TABLE = re.compile(r"(proxy:)?[a-z]+:[/{]")
_REFUSES = re.compile(r"[45]\d\d|REJECT|DEFER|DISCARD")
_LOOKUPS = {
    "check_client_access": "", "check_recipient_access": "recipients", "check_sender_access": "senders",
}  # fmt: skip


def networks(mine: Postfix) -> None:
    """Each network of mynetworks becomes a device; what was excluded from one is told."""
    if "mynetworks" not in mine.main:
        mine.leave(
            "mynetworks", "it is not set: Postfix let the machine's own networks in (mynetworks_style)",
            "name your devices' addresses: `postconf mynetworks` prints what it was",
        )  # fmt: skip
        return
    out: list[Network] = []
    for item in _listed(mine, mine.value("mynetworks"), depth=0):
        network = network_in(item.removeprefix("!"))
        if item.startswith("!"):
            _keep_out(mine, item[1:])
            out += [network] if network else []
        elif network and any(_within(network, one) for one in out):  # in Postfix the first match counts
            mine.leave("mynetworks", f"{item} comes behind its exclusion", "nothing: Postfix did not let it in either")
        else:
            mine.found.add_network(item, f"mynetworks: {item}", mine.where("mynetworks"))


def _keep_out(mine: Postfix, item: str) -> None:
    """The most specific device wins: one that may write to nobody keeps an address out of the network around it."""
    network = network_in(item)
    if network is None or is_everybody(network):
        mine.leave("mynetworks", f"!{item} excludes what is no network of devices", "see that nobody is let in")
        return
    _refused_device(mine, "mynetworks", network, f"!{item}")


def _refused_device(mine: Postfix, name: str, network: Network, said: str) -> None:
    device = f"kept-out-{name_of_network(network)}"
    values = {"address": address_of(network), "recipients": [NOBODY]}
    mine.found.add_device(device, values, f"{name}: {said}", mine.where(name))
    mine.leave(
        name, f"{address_of(network)} was excluded; here it is a device that may write to nobody",
        f"nothing; or delete {device} where no network around it is a device",
    )  # fmt: skip


def _listed(mine: Postfix, text: str, depth: int) -> Iterator[str]:
    """The items of a list, those of files and tables that it names among them."""
    for item in items(text):
        excluded, bare = ("!", item[1:]) if item.startswith("!") else ("", item)
        if depth < 2 and bare.startswith("/"):
            yield from (excluded + one for one in _of_file(mine, bare, depth))
        elif _TABLE.match(bare):
            yield from (excluded + key for key, _ in _table(mine, "mynetworks", bare))
        else:
            yield item


def _of_file(mine: Postfix, path: str, depth: int) -> list[str]:
    text = mine.read(path)
    if text is None:
        mine.leave("mynetworks", f"{path} can't be read here", "put it beside main.cf, and import again")
        return []
    return [one for _, line in logical_lines(text) for one in _listed(mine, line, depth + 1)]


def restrictions(mine: Postfix) -> None:
    """Access tables by client become devices; the other restrictions are told where the relay does otherwise."""
    refused: list[tuple[str, str, str]] = []
    for name in _RESTRICTIONS:
        words = items(mine.value(name))
        for number, word in enumerate(words):
            if word in _LOOKUPS:
                entries = _lookup(mine, name, word, words[number + 1] if number + 1 < len(words) else "")
                refused += [] if "permit_mynetworks" in words[:number] else [(name, *entry) for entry in entries]
            elif word not in _AS_HERE and not (number and _takes_argument(words[number - 1])):
                what = " ".join(words[number : number + 1 + _takes_argument(word)])
                mine.leave(name, f"{what} has no counterpart", "nothing, where only your own devices reach the relay")
    _refusals(mine, refused)


def _refusals(mine: Postfix, refused: list[tuple[str, str, str]]) -> None:
    """Who was refused before mynetworks counted stays refused where a network around it is a device now."""
    around = [other for one in mine.found.devices.values() if (other := network_in(one.get("address", "")))]
    for name, key, action in refused:
        network = network_in(_padded(key))
        if network is not None and any(_within(network, one) for one in around):
            _refused_device(mine, name, network, f"{key} {action}")


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def _takes_argument(word: str) -> bool:
    return word.startswith(("check_", "reject_rbl_", "reject_rhsbl_", "permit_dnswl_", "permit_rhswl_"))


def _lookup(mine: Postfix, name: str, word: str, reference: str) -> list[tuple[str, str]]:
    """Makes devices of those that might relay by it; answers with who was refused."""
    refused: list[tuple[str, str]] = []
    if _LOOKUPS[word]:
        mine.leave(
            name, f"{word} {reference}: that is set for each device here", f"set {_LOOKUPS[word]} of the devices, or "
            "under defaults",
        )  # fmt: skip
        return refused
    for key, action in _table(mine, name, reference):
        answer = (action.split() or [""])[0].upper()
        if answer not in ("OK", "PERMIT", "PERMIT_MYNETWORKS"):
            mine.leave(name, f"{key} was answered with {action}", "nothing: who is no device is refused")
            refused += [(key, action)] if _REFUSES.fullmatch(answer) else []
        elif _lets_relay(mine, name):
            mine.found.add_network(_padded(key), f"{word} {reference}: {key}", mine.where(name))
        else:
            mine.leave(name, f"{key} might connect, not relay", "nothing; or a device of it, where it is one of yours")
    return refused


def _lets_relay(mine: Postfix, name: str) -> bool:
    """OK ends its own list alone: since Postfix 2.10 only smtpd_relay_restrictions let a client relay."""
    before_2_10 = name == "smtpd_recipient_restrictions" and not mine.value("smtpd_relay_restrictions")
    return before_2_10 or name == "smtpd_relay_restrictions"


def _padded(key: str) -> str:
    """`10.0.3` in an access table stands for the network 10.0.3.0/24."""
    parts = key.strip(".").split(".")
    if 1 <= len(parts) < 4 and all(part.isdecimal() for part in parts):
        return f"{'.'.join(parts + ['0'] * (4 - len(parts)))}/{8 * len(parts)}"
    return key


def _table(mine: Postfix, name: str, reference: str) -> list[tuple[str, str]]:
    found = entries(mine.read(reference) or "") if reference.startswith("/") else table(reference, mine.read)
    if found is None:
        mine.unread(name, reference)
    return found or []
