"""One attempt: a claimed message over one session. Whatever happens comes back as what was met, never raised."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from relay.delivery.decision import Met
from relay.policy.verdicts import Facts, Verdict, judge_graph, judge_lost, judge_reply, judge_token
from relay.telemetry.faults import fault
from relay.tokens.source import TokenError
from relay.transport.transport import Receipt, Session, Stage, Transport, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.message.address import Address
    from relay.message.parcel import Parcel

ATTEMPT_S = 1800.0
_EARLY = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.TOKEN, Stage.AUTH})


@dataclass(slots=True)
class Result:
    """What the attempt met, who was refused, and what was said, secrets masked."""

    met: Met
    refused: Mapping[Address, tuple[Verdict, str]] = field(default_factory=dict)
    transcript: str = ""


class Line:
    """The connection of one worker: opened when needed, kept while it is good for another message."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._transport: Transport | None = None

    async def to(self, transport: Transport) -> Session:
        """A usable session of this transport. Raises `TransportError`, `TokenError`."""
        if self._session is not None and (self._transport != transport or not self._session.usable):
            await self.close()
        if self._session is None:
            self._session = await transport.connect()
            self._transport = transport
        return self._session

    async def close(self) -> None:
        """Says goodbye, if there is anybody to say it to."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def attempt(parcel: Parcel, line: Line, transport: Transport, facts: Facts) -> Result:
    """Sends one parcel. The answer is judged; a session that failed is closed."""
    session: Session | None = None
    try:
        async with asyncio.timeout(ATTEMPT_S):
            session = await line.to(transport)
            receipt = await session.send(parcel)
        fault("delivery.answered")
        return _judged(receipt, parcel, facts)
    except TokenError as error:
        return _no_token(error, facts.about(parcel))
    except TransportError as error:
        await line.close()
        return _broken(error, facts.about(parcel))
    except TimeoutError:
        await line.close()
        return _cut(f"no end after {ATTEMPT_S:.0f} s", facts.about(parcel), begun=session is not None)
    except Exception as error:  # noqa: BLE001  (a mistake of ours must not leave the message leased until a restart)
        await line.close()
        return _cut(f"the relay made a mistake: {error!r}", facts.about(parcel), begun=session is not None)


def _no_token(error: TokenError, facts: Facts) -> Result:
    verdict = judge_token(error.error, error.description, error.codes, error.status, facts, error.retry_after)
    met = Met(verdict, str(error), Stage.TOKEN, "", early=True)
    return Result(met, transcript=_question(error, facts))


def _question(error: TokenError, facts: Facts) -> str:
    """The question to Entra, and its answer or what kept it from coming."""
    status = f"HTTP {error.status} " if error.status else ""
    wait = f"; Retry-After: {error.retry_after:g} s" if error.retry_after is not None else ""
    who = f"a token for {facts.scope or 'Exchange'}, app {facts.app}, tenant {facts.tenant}"
    return f"     - C: {who}, asked of {facts.login_host or 'Entra'}\n     - S: {status}{error}{wait}"


def _cut(text: str, facts: Facts, *, begun: bool) -> Result:
    """An attempt that nobody answered: in doubt when the message may have been on its way."""
    stage = Stage.FINAL if begun else Stage.CONNECT
    return Result(Met(judge_lost(stage, text, facts), text, stage, facts.host, early=not begun, uncertain=begun))


def _judged(receipt: Receipt, parcel: Parcel, facts: Facts) -> Result:
    final = receipt.final
    if final is not None and final.positive and not receipt.refused:
        return Result(Met(None, str(final), receipt.final_stage, receipt.host), transcript=receipt.transcript)
    return _refused(receipt, parcel, facts.about(parcel))


def _refused(receipt: Receipt, parcel: Parcel, facts: Facts) -> Result:
    """The message, or some of its recipients."""
    refused = {
        address: (judge_reply(reply, Stage.RCPT, replace(facts, recipient=str(address))), str(reply))
        for address, reply in receipt.refused.items()
    }
    final = receipt.final
    if final is None:
        met = _all_refused(receipt, parcel, facts)
        early = met.verdict is None and all(_is_ours(verdict) for verdict, _ in refused.values())
        return Result(replace(met, early=early), refused, receipt.transcript)
    verdict = None if final.positive else judge_reply(final, receipt.final_stage, facts)
    early = verdict is not None and _is_ours(verdict)
    met = Met(verdict, str(final), receipt.final_stage, receipt.host, early=early)
    return Result(met, refused, receipt.transcript)


def _is_ours(verdict: Verdict) -> bool:
    """Whether the relay refused by itself: the server was not asked."""
    return verdict.rule.startswith("relay.")


def _all_refused(receipt: Receipt, parcel: Parcel, facts: Facts) -> Met:
    """Nobody was accepted: the message itself was not judged, so that each recipient's answer decides."""
    answer = "; ".join(dict.fromkeys(map(str, receipt.refused.values())))
    silent = set(parcel.recipients) - receipt.refused.keys()
    verdict = judge_lost(Stage.RCPT, f"no answer for {', '.join(silent)}", facts) if silent else None
    return Met(verdict, answer, Stage.RCPT, receipt.host)


def _broken(error: TransportError, facts: Facts) -> Result:
    early = error.stage in _EARLY
    verdict = _verdict(error, facts)
    answer = str(error.graph or error.reply or error.text)
    met = Met(verdict, answer, error.stage, error.host, early=early, uncertain=error.uncertain)
    return Result(met, transcript=error.transcript)


def _verdict(error: TransportError, facts: Facts) -> Verdict:
    if error.graph is not None:
        return judge_graph(error.graph, facts)
    if error.reply is not None:
        return judge_reply(error.reply, error.stage, facts)
    return judge_lost(error.stage, error.text, facts)
