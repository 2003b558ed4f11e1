"""Arguments of MAIL and RCPT as devices write them (RFC 5321 §4.1.1.2, §4.1.1.3), and where devices differ.

Taken: any case, spaces around the colon, no angle brackets, parameters nobody announced (ignored).
"""

from __future__ import annotations

import re

from relay.message.address import Address, AddressError, parse_path

_PATH = re.compile(r"""\s*:\s*(<(?:"(?:\\.|[^"\\])*"|[^">])*>|[^\s<]\S*)\s*(.*)$""", re.DOTALL)
_SIZE = re.compile(r"(?:^|\s)SIZE=(\d{1,20})(?:\s|$)", re.IGNORECASE)
_TWO_AT_SIGNS = re.compile(r'^[^"]*@.*@')  # outside quotes: nobody can say which domain is meant


def mail_from(argument: str) -> tuple[Address, int | None]:
    """Reverse-path and announced size (octets) of `MAIL FROM:…`; `FROM:` alone is the null path.

    Raises `AddressError`.
    """
    address, parameters = _path_and_parameters(argument, "FROM")
    size = _SIZE.search(parameters)
    return address, int(size[1]) if size else None


def rcpt_to(argument: str) -> Address:
    """Forward-path of `RCPT TO:…`. Raises `AddressError`."""
    address = _path_and_parameters(argument, "TO")[0]
    if "\ufffd" in address:  # what stood there was lost in decoding: the mail would go to somebody else
        raise AddressError("octets that are not UTF-8; write the address in ASCII")
    if _TWO_AT_SIGNS.search(address):
        raise AddressError("two @ signs in one address")
    return address


def _path_and_parameters(argument: str, keyword: str) -> tuple[Address, str]:
    if argument[: len(keyword)].upper() != keyword:
        raise AddressError(f"expected {keyword}:<address>")
    rest = argument[len(keyword) :]
    if rest.strip() == ":":
        return Address(""), ""
    match = _PATH.match(rest)
    if match is None:
        raise AddressError(f"expected {keyword}:<address>")
    return parse_path(match[1]), match[2]
