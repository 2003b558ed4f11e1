"""The sandbox's own door, plain HTTP on loopback: read what arrived, switch faults, pull plugs.

| request | answer |
|---|---|
| `GET /` | what arrived, as text for people |
| `GET /messages` · `DELETE /messages` | JSON list (oldest first; `?to=ADDRESS`, `?after=ID`) · forget them |
| `GET /messages/<id>` | the message, byte for byte (`message/rfc822`); with `.json`: the facts about it |
| `GET /wait?count=N&timeout=S&to=ADDRESS` | like /messages, once N have arrived; 408 when they did not |
| `GET /settings` | what a client needs (this cloud's secret too: it is worth nothing elsewhere) |
| `GET /stats` | counters |
| `GET /faults` · `POST /faults` · `DELETE /faults[/<id>]` | list · add one (JSON, answers its id) · remove |
| `GET /catalogue` | answers by name: `{"name": "mailbox-full", "count": 1}` is a fault |
| `GET /switches` · `PUT /switches` | `{"entra": "up", "graph": "down", "secret": "expired", "revoked": [...]}` |
| `POST /revoke-tokens` · `POST /rotate-keys` | every token so far is refused · a new key signs, old tokens stay good |

What is Entra's is in `management_entra.py`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from relay.sandbox import catalogue
from relay.sandbox.httpd import Request, Response, json_response
from relay.sandbox.mailbox import Arrived
from relay.sandbox.management_entra import EntraDesk

if TYPE_CHECKING:
    from relay.sandbox.cloud import Cloud

_WAIT_AT_MOST_S = 600.0


class Management:
    """Answers the management requests of one cloud."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._entra = EntraDesk(cloud)

    async def answer(self, request: Request) -> Response:
        """The reply to one request; a mistake in it is answered with 400 and a sentence."""
        first, _, rest = request.path.strip("/").partition("/")
        method = "GET" if request.method == "HEAD" else request.method
        try:
            return await self._route(method, first, rest, request)
        except (ValueError, TypeError) as error:
            return json_response({"error": str(error)}, 400)

    async def _route(self, method: str, first: str, rest: str, request: Request) -> Response:
        match method, first:
            case "GET", "":
                return Response(200, self._page().encode())
            case "GET", "messages":
                return self._message(rest) if rest else self._list(request.query)
            case "GET", "wait":
                return await self._wait(request.query)
            case "GET", "settings":
                return json_response(self._cloud.settings.to_json())
            case "GET", "catalogue":
                return json_response(catalogue.to_json())
            case "GET", "stats":
                return json_response(self._cloud.stats())
            case _, "faults":
                return self._faults(method, rest, request)
        if answer := self._entra.answer(method, first, rest, request):
            return answer
        return await self._order(method, first, request)

    async def _order(self, method: str, first: str, request: Request) -> Response:
        match method, first:
            case "DELETE", "messages":
                self._cloud.arrivals.clear()
                return Response(204)
            case "POST", "revoke-tokens":
                self._cloud.entra.revoke_tokens()
                return Response(204)
            case "POST", "rotate-keys":
                self._cloud.entra.rotate_keys()
                return Response(204)
            case "PUT", "switches":
                await self._cloud.switch(request.json())
                return json_response(self._cloud.switches())
            case "GET", "switches":
                return json_response(self._cloud.switches())
        return json_response({"error": f"no {method} /{first} here; GET / for what there is"}, 404)

    def _page(self) -> str:
        cloud = self._cloud
        lines = [
            f"The pretend Microsoft 365: {len(cloud.arrivals)} messages arrived, {cloud.entra.issued} tokens issued.",
            "One message: GET /messages/<id>   all as JSON: GET /messages   faults: GET, POST, DELETE /faults",
            "Fault names: GET /catalogue   switches: GET, PUT /switches   counters: GET /stats   people: GET /users",
            "",
            *(_line(message) for message in cloud.arrivals),
        ]
        return "\n".join(lines) + "\n"

    def _list(self, query: Mapping[str, str]) -> Response:
        messages = self._cloud.arrivals.to(query["to"]) if "to" in query else list(self._cloud.arrivals)
        return json_response([message.to_json() for message in messages if message.id > query.get("after", "")])

    def _message(self, name: str) -> Response:
        message = self._cloud.arrivals.get(name.removesuffix(".json"))
        if message is None:
            return json_response({"error": f"no message {name} arrived"}, 404)
        if name.endswith(".json"):
            return json_response(message.to_json())
        return Response(200, message.raw, "message/rfc822")

    async def _wait(self, query: Mapping[str, str]) -> Response:
        count = int(query.get("count", "1"))
        seconds = min(float(query.get("timeout", "30")), _WAIT_AT_MOST_S)
        arrivals = self._cloud.arrivals
        try:
            if "to" in query:
                messages = await arrivals.wait_for_recipient(query["to"], count, seconds)
            else:
                messages = await arrivals.wait_for(count, seconds)
        except TimeoutError as error:
            return json_response({"error": str(error)}, 408)
        return json_response([message.to_json() for message in messages])

    def _faults(self, method: str, name: str, request: Request) -> Response:
        faults = self._cloud.faults
        if method == "POST":
            return json_response({"id": faults.add(catalogue.from_json(_object(request.json())))}, 201)
        if method == "DELETE" and not name:
            faults.clear()
            return Response(204)
        if method == "DELETE":
            return Response(204) if faults.remove(name) else json_response({"error": f"no fault {name}"}, 404)
        return json_response([fault.to_json() for fault in faults])


def _object(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise ValueError("a JSON object is needed")  # noqa: TRY004 - answered as 400
    return given


def _line(message: Arrived) -> str:
    to = ", ".join(message.rcpt_to)
    subject = message.header("Subject") or ""
    return f"{message.id}  {message.time:%H:%M:%S}  {message.size:>9}  {message.mailbox} -> {to}  {subject}"
