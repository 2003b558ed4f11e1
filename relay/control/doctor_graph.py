"""The steps of an examination that speak HTTPS with Microsoft Graph; nothing is submitted.

Whether mail would be taken is asked by a request that cannot send any (`GraphTransport.probe`), for the profile's
mailbox as for the canary. Behind a proxy, name and connection are the proxy's: this machine sees no others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relay.config.settings import TooBig
from relay.control import doctor_wire
from relay.control.doctor_patient import Accepted
from relay.control.doctor_step import Skipped
from relay.transport.dial import dial
from relay.transport.graph import LIMIT, may_send
from relay.transport.https import open_https
from relay.transport.transport import Stage, TransportError

if TYPE_CHECKING:
    from relay.control.doctor_patient import Patient
    from relay.control.doctor_step import Chart
    from relay.message.answer import GraphAnswer
    from relay.transport.graph import GraphTransport


class GraphExam:
    """The `Exam` of transport graph."""

    needs_token = True

    def __init__(self, patient: Patient, transport: GraphTransport) -> None:
        self._patient = patient
        self._transport = transport

    async def reach(self, chart: Chart) -> bool:
        """From the name to the encrypted connection; whether that was reached."""
        steps = {"dns": self._name, "tcp": self._connection, "tls": self._encryption}
        return await chart.walk(steps)

    async def grant(self, token: str) -> str:  # noqa: ARG002  (the transport brings its own)
        """The probe as the profile's mailbox: Graph says that it would take mail."""
        answer = await self._transport.probe()
        if not may_send(answer):
            raise self._refused(answer)
        return f"Graph would take mail of {self._patient.account} (a probe that sends nothing: {answer})"

    async def deny(self, canary: str, token: str) -> str:  # noqa: ARG002
        """The refusal of a probe that must be refused."""
        answer = await replace(self._transport, user=canary).probe()
        if may_send(answer):
            raise Accepted(str(answer))
        if answer.status != 403:
            raise Skipped(
                f"not proved: the answer for {canary} is no refusal of a permission", answer=str(answer),
                remedy="name a canary that exists and has a mailbox",
            )  # fmt: skip
        return f"{canary} is refused: {answer}"

    async def limits(self) -> str:
        """What is known beforehand; Graph announces nothing."""
        graph, mailbox = self._patient.profile.graph, self._patient.profile.mailbox
        larger = "leave by the fallback" if graph.too_big is TooBig.FALLBACK else "fail, and say why"
        return (
            f"Graph takes messages up to {LIMIT} bytes in one request; larger ones {larger} (graph.too_big). SMTP AUTH "
            "does not matter here. Not to be seen from outside: what the mailbox itself may send, and its 10 000 "
            f"recipients a day:  Get-Mailbox {mailbox} | Format-List MaxSendSize,RecipientLimits"
        )

    def close(self) -> None:
        """Nothing stays open between steps."""

    async def _name(self) -> str:
        host, port = self._next_hop()
        return self._words(await doctor_wire.addresses(host, port, self._transport.network))

    async def _connection(self) -> str:
        host, port = self._next_hop()
        try:
            sock = await dial(host, port, self._transport.connect_timeout_s, self._transport.network)
        except OSError as error:
            raise TransportError(Stage.CONNECT, f"{host}:{port}: {error}", host=host) from error
        try:
            return self._words(doctor_wire.ends(sock))
        finally:
            sock.close()

    async def _encryption(self) -> str:
        connection = await open_https(self._transport.place)
        try:
            return doctor_wire.encryption(connection.encryption)
        finally:
            connection.drop()

    def _next_hop(self) -> tuple[str, int]:
        """Where our packets go: Graph, or the proxy."""
        if not self._transport.proxy:
            return self._transport.host, self._transport.port
        proxy = urlsplit(self._transport.proxy)
        return proxy.hostname or "", proxy.port or (443 if proxy.scheme == "https" else 80)

    def _words(self, text: str) -> str:
        return f"the proxy: {text}" if self._transport.proxy else text

    def _refused(self, answer: GraphAnswer) -> TransportError:
        host = self._transport.host
        return TransportError(Stage.AUTH, f"{host} would not take mail: {answer}", host=host, graph=answer)
