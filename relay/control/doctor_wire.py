"""What any connection shows of itself, in words: addresses of a name, both ends, encryption and certificate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.transport.dial import lookup
from relay.transport.transport import Stage, TransportError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from relay.transport.dial import Network


async def addresses(host: str, port: int, network: Network) -> str:
    """What the name service says, in the order it is tried. Raises `TransportError`."""
    try:
        found = await lookup(host, port, network)
    except OSError as error:
        raise TransportError(Stage.CONNECT, f"{host}: {error.strerror or error}", host=host) from error
    return f"{host} is {', '.join(dict.fromkeys(where[0] for _, where in found))}"


def ends(sock: socket.socket) -> str:
    """From where to where a connection goes."""
    return f"connected to {_place(sock.getpeername())} from {_place(sock.getsockname())}"


def encryption(tls: ssl.SSLObject | None) -> str:
    """Version, cipher, and whose certificate."""
    if tls is None:
        return "not encrypted"
    cipher = tls.cipher()
    version = f"{tls.version()} {cipher[0] if cipher else ''}".strip()
    return f"{version}; certificate {certificate(tls.getpeercert() or {})}"


def certificate(shown: Mapping[str, object]) -> str:
    """Subject, issuer and last day of what `getpeercert` gives."""
    until = str(shown.get("notAfter", ""))
    words = f"of {_common_name(shown, 'subject')}, issued by {_common_name(shown, 'issuer')}"
    if not until:
        return words
    last = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    return f"{words}, until {last:%Y-%m-%d} ({(last - datetime.now(UTC)).days} days)"


def credulous() -> ssl.SSLContext:
    """A context that believes every certificate: to look at one, and for nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def raw_certificate(tls: ssl.SSLObject | None) -> str:
    """Subject, issuer and last day of a certificate that was not verified (the ssl module tells nothing of those)."""
    from cryptography import x509

    raw = tls.getpeercert(binary_form=True) if tls is not None else None
    if not raw:
        return "of nobody"
    found = x509.load_der_x509_certificate(raw)
    return (
        f"of {found.subject.rfc4514_string() or 'nobody named'}, issued by {found.issuer.rfc4514_string()}, "
        f"until {found.not_valid_after_utc:%Y-%m-%d}"
    )


def _common_name(shown: Mapping[str, object], who: str) -> str:
    """The common name, else the organisation, of subject or issuer."""
    parts: Sequence[Sequence[tuple[str, str]]] = shown.get(who, ())  # type: ignore[assignment]
    names = {key: value for part in parts for key, value in part}
    return names.get("commonName") or names.get("organizationName") or "nobody named"


def _place(address: Sequence[object]) -> str:
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
