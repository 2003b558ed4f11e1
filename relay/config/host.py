"""A host that mail is submitted to, as an administrator writes it: a name, not the address of a web service. Pure."""

from __future__ import annotations

import re

_WEB_SERVICES = re.compile(r"/ews\b|\.asmx", re.IGNORECASE)
_NAME_AND_PORT = re.compile(r"^[^:/\s]+:\d+$")


def host_alone(written: str) -> str:
    """The host, without spaces around it. Raises `ValueError` for what is more or something else than a host."""
    host = no_web_services(written.strip())
    if "://" in host or "/" in host:
        raise ValueError("is an address, not a host; write the name alone, such as smtp.office365.com")
    if _NAME_AND_PORT.match(host):
        raise ValueError("has a port behind the host; write the name alone, and the port under port")
    if len(host.split()) > 1:
        raise ValueError("is not a host; write one name, such as smtp.office365.com")
    return host


def no_web_services(written: str) -> str:
    """The text as it is. Raises `ValueError` for Exchange Web Services, which some products send through."""
    if _WEB_SERVICES.search(written):
        raise ValueError(
            "is Exchange Web Services (EWS), which is not used: Microsoft ends it; leave it out, the relay submits by "
            "SMTP; where only HTTPS gets through, set transport: graph"
        )
    return written
