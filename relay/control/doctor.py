"""`relay doctor`: is what a profile needs there, from the name service to a mail that really leaves?

It tests what is typed: the settings it is given need not be in service, a running relay is not asked, no spool is
opened and nothing is written. Each step that makes sense is taken, whatever became of the others: Entra is asked for a
token even where Exchange cannot be reached. The scope is proved on both sides: the profile's mailbox is granted and
the canary is denied.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from relay.control.doctor_ends import ends_of
from relay.control.doctor_graph import GraphExam
from relay.control.doctor_mail import send_really
from relay.control.doctor_patient import Patient, scope
from relay.control.doctor_smtp import ConnectorExam, SmtpExam
from relay.control.doctor_step import Chart, Fault, State, Step
from relay.control.doctor_token import clock_agrees, token_words
from relay.transport.connector import ConnectorTransport
from relay.transport.dialogue import Target
from relay.transport.graph import GraphTransport
from relay.transport.hve import HveTransport
from relay.transport.smtp import ExchangeTransport
from relay.upstream.facts import facts_of
from relay.upstream.sources import Sources
from relay.upstream.transports import Transports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.config.settings import Settings, TransportKind
    from relay.control.doctor_patient import Exam
    from relay.tokens.source import Token

PATIENCE_S = 30.0
T = TypeVar("T", Target, GraphTransport)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for besides looking: a real mail to `send_to`, written by `send_from` (empty: by the mailbox)."""

    send_to: str = ""
    send_from: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found about one profile on one way."""

    profile: str
    transport: TransportKind
    steps: tuple[Step, ...]

    @property
    def good(self) -> bool:
        return all(step.state is not State.FAILED for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """The shape of `--json`: names stay, fields may be added."""
        steps = [
            {
                "name": step.name, "state": step.state, "ms": step.ms, "result": step.result, "answer": step.answer,
                "meaning": step.meaning, "remedy": step.remedy,
            }
            for step in self.steps
        ]  # fmt: skip
        return {"profile": self.profile, "transport": self.transport, "good": self.good, "steps": steps}


class Doctor:
    """Examines profiles one after the other; one token serves all profiles of an app. Belongs to one event loop."""

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self._settings = settings
        self._wish = wish
        self._sources = Sources(read_only=True)
        self._transports = Transports(self._sources, settings.hostname or socket.gethostname())

    def ways(self, profile_name: str) -> tuple[TransportKind, ...]:
        """The ways a profile's mail may take, the first one first."""
        profile = self._settings.profiles[profile_name]
        return tuple(dict.fromkeys(kind for kind in (profile.transport, profile.fallback) if kind is not None))

    async def examine(self, profile_name: str, kind: TransportKind, tell: Callable[[Step], None]) -> Examination:
        """All steps of one profile on one way; `tell` hears of each as it ends. Never raises."""
        chart = Chart(facts_of(self._settings, profile_name, kind), tell)
        await chart.take("examination", self._walk(profile_name, kind, chart), quiet=True)
        return Examination(profile_name, kind, tuple(chart.steps))

    async def _walk(self, profile_name: str, kind: TransportKind, chart: Chart) -> str:
        patient = Patient(self._settings, profile_name, kind, self._sources, self._transports)
        exam = exam_of(patient)
        try:
            reached = await exam.reach(chart)
            if exam.needs_token:
                await self._signed_in(patient, exam, chart, reached=reached)
            else:
                await chart.take("limits", exam.limits())
        finally:
            exam.close()
        await chart.take("ends", ends_of(patient))
        if self._wish.send_to:
            await chart.take("mail", send_really(patient, self._wish.send_to, self._wish.send_from))
        return "done"

    async def _signed_in(self, patient: Patient, exam: Exam, chart: Chart, *, reached: bool) -> None:
        await chart.take("clock", clock_agrees(patient))
        token = await _token(patient, chart)
        if token is None or not reached:
            for name in ("auth", "limits", "scope"):
                chart.skip(name, "not reached" if token is not None else "no token")
            return
        granted = await chart.take("auth", exam.grant(token.value))
        await chart.take("limits", exam.limits())
        await chart.take("scope", scope(patient, exam, token.value, granted=granted))


def exam_of(patient: Patient) -> Exam:
    """How this patient is examined."""
    transport = patient.transport()
    if isinstance(transport, GraphTransport):
        return GraphExam(patient, hasty(transport))
    if isinstance(transport, ConnectorTransport):
        return ConnectorExam(patient, hasty(transport.target))
    assert isinstance(transport, ExchangeTransport | HveTransport)
    return SmtpExam(patient, hasty(transport.target))


def hasty(way: T) -> T:
    """The same, with the patience of somebody who sits and waits."""
    return replace(way, reply_timeout_s=min(way.reply_timeout_s, PATIENCE_S))


async def _token(patient: Patient, chart: Chart) -> Token | None:
    """Entra's token, read; the step fails when there is none, or when it is for somebody else."""
    found: list[Token] = []
    await chart.take("token", token_words(patient, found))
    return found[0] if found else None


def exit_code(examinations: Iterable[Examination]) -> int:
    """0 when all is well; 1 when somebody refused; 78 when the configuration is broken; 69 when nobody answered."""
    faults = {step.fault for each in examinations for step in each.steps if step.state is State.FAILED}
    return next((int(fault) for fault in (Fault.REFUSED, Fault.CONFIG, Fault.UNREACHABLE) if fault in faults), 0)
