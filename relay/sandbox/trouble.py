"""What a fault answers at an HTTPS endpoint: any status, an AADSTS number, a captive portal, silence or a cut."""

import asyncio
from collections.abc import Mapping

from relay.sandbox.aadsts import RefusalError
from relay.sandbox.faults import ANY_HTTPS, Fault, Faults
from relay.sandbox.httpd import CutError, Response

PORTAL = (
    b"<!DOCTYPE html>\n<html><head><title>Guest Wi-Fi</title></head>\n"
    b'<body><h1>Welcome</h1><p>Accept the terms of use to go on line.</p><form action="/accept" method="post">'
    b'<input type="submit" value="Accept"></form></body></html>\n'
)


async def suffer(faults: Faults, stage: str, facts: Mapping[str, str], mailbox: str = "") -> Response | None:
    """What a fault of this stage answers instead; None when there is none, or after it has delayed us.

    Raises CutError for `drop` and RefusalError for `aadsts`.
    """
    fault = faults.take(stage, mailbox) or faults.take(ANY_HTTPS, mailbox)
    if fault is None:
        return None
    match fault.action:
        case "delay":
            await asyncio.sleep(fault.seconds)
            return None
        case "hang":
            await faults.released(fault)
            return None
        case "drop":
            raise CutError
        case "aadsts":
            retry = {"retry_after": str(fault.retry_after)} if fault.retry_after else {}
            raise RefusalError(fault.aadsts, {**facts, **retry})
        case "portal":
            return Response(200, PORTAL, "text/html; charset=utf-8")
    return _literal(fault)


def _literal(fault: Fault) -> Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    kind = "application/json; charset=utf-8" if fault.body.lstrip().startswith("{") else "text/html"
    return Response(fault.status, fault.body.encode(), kind, headers)
