"""What a browser came back with from a sign-in, read out of the address that somebody pasted."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

_QUOTES = "\"'<>`"


def parameters(address: str) -> dict[str, str]:
    """What stands behind the ? (or #) of an address, or alone; nothing for what is no address."""
    text = "".join(address.split()).strip(_QUOTES)
    try:
        parts = urlsplit(text)
        return dict(parse_qsl(parts.query or parts.fragment or text.lstrip("?#"), max_num_fields=50))
    except ValueError:
        return {}
