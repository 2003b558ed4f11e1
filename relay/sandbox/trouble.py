"""What a fault answers at an HTTPS endpoint: any status, an AADSTS number, a captive portal, silence or a cut."""

import asyncio
from collections.abc import Mapping

from relay.sandbox.aadsts import RefusalError
from relay.sandbox.faults import Fault, Faults
from relay.sandbox.graph_errors import GraphError
from relay.sandbox.httpd import CutError, Response

PORTAL = (
    b"<!DOCTYPE html>\n<html><head><title>Guest Wi-Fi</title></head>\n"
    b'<body><h1>Welcome</h1><p>Accept the terms of use to go on line.</p><form action="/accept" method="post">'
    b'<input type="submit" value="Accept"></form></body></html>\n'
)


async def suffer(faults: Faults, stage: str, facts: Mapping[str, str], mailbox: str = "") -> Response | None:
    """What a fault of this stage answers instead; None when there is none, or after it has delayed us.

    Raises CutError for `drop`, RefusalError for `aadsts`, GraphError for `graph`.
    """
    fault = faults.take_https(stage, mailbox)
    return None if fault is None else await act(faults, fault, facts)


async def act(
    faults: Faults, fault: Fault, facts: Mapping[str, str], gone: asyncio.Event | None = None
) -> Response | None:
    """What a fault that was taken answers; `gone` is set when the client leaves: who hangs then goes too (CutError)."""
    match fault.action:
        case "delay":
            await asyncio.sleep(fault.seconds)
            return None
        case "hang":
            await _hang(faults, fault, gone or asyncio.Event())
            return None
        case "drop":
            raise CutError
        case "aadsts":
            retry = {"retry_after": str(fault.retry_after)} if fault.retry_after else {}
            raise RefusalError(fault.aadsts, {**facts, **retry})
        case "graph":
            raise _refusal_of_graph(fault)
        case "portal":
            return Response(200, PORTAL, "text/html; charset=utf-8")
    return _literal(fault)


def _refusal_of_graph(fault: Fault) -> GraphError:
    """By its code where the fault has one, else by its name."""
    if fault.code:
        return GraphError(fault.code, fault.body, status=fault.status, retry_after=fault.retry_after)
    return GraphError.named(fault.graph, retry_after=fault.retry_after)


async def _hang(faults: Faults, fault: Fault, gone: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(one) for one in (faults.released(fault), gone.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if gone.is_set():
        raise CutError


def _literal(fault: Fault) -> Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    kind = "application/json; charset=utf-8" if fault.body.lstrip().startswith("{") else "text/html"
    return Response(fault.status or 503, fault.body.encode(), kind, headers)
