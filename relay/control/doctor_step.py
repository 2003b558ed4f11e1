"""One step of an examination: what was tried, how it ended, how long it took, and on failure what to do.

A step's work is a coroutine that returns its result in words, or raises: what the other side answered is judged by the
verdict table, what kept it from answering too. Whatever else goes wrong is a finding of that step as well, so that one
broken profile never hides the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from relay.policy.verdicts import Class, Verdict, judge_graph, judge_lost, judge_reply, judge_token
from relay.tokens.source import TokenError
from relay.transport.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

    from relay.policy.verdicts import Facts


class State(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Fault(IntEnum):
    """Where a failure lies; the numbers are exit codes."""

    NONE = 0
    REFUSED = 1
    UNREACHABLE = 69
    CONFIG = 78


@dataclass(frozen=True, slots=True)
class Step:
    """`answer` is literally what the other side said; it, `meaning` and `remedy` may be empty."""

    name: str
    state: State
    ms: int
    result: str
    answer: str = ""
    meaning: str = ""
    remedy: str = ""
    fault: Fault = Fault.NONE


class Failed(Exception):  # noqa: N818  (a finding, not a mistake)
    """A step that did not find what it looked for."""

    def __init__(
        self, result: str, *, answer: str = "", meaning: str = "", remedy: str = "", fault: Fault = Fault.REFUSED
    ) -> None:
        super().__init__(result)
        self.result, self.answer, self.meaning, self.remedy, self.fault = result, answer, meaning, remedy, fault


class Skipped(Exception):  # noqa: N818  (a finding, not a mistake)
    """A step that could not be taken, or that proved nothing."""

    def __init__(self, result: str, *, answer: str = "", remedy: str = "") -> None:
        super().__init__(result)
        self.result, self.answer, self.remedy = result, answer, remedy


class Chart:
    """Where the steps of one examination are written down, and told as they end."""

    def __init__(self, facts: Facts, tell: Callable[[Step], None]) -> None:
        self.facts = facts
        self.steps: list[Step] = []
        self._tell = tell

    async def take(self, name: str, work: Coroutine[Any, Any, str], *, quiet: bool = False) -> bool:
        """Does the work of a step; whether it ended well. A quiet step is written down only when it did not."""
        started = time.monotonic()
        try:
            step = Step(name, State.OK, 0, await work)
        except Failed as found:
            step = Step(name, State.FAILED, 0, found.result, found.answer, found.meaning, found.remedy, found.fault)
        except Skipped as found:
            step = Step(name, State.SKIPPED, 0, found.result, found.answer, remedy=found.remedy)
        except Exception as error:  # noqa: BLE001  (the other steps and profiles are examined all the same)
            step = _judged(name, error, self.facts)
        if not (quiet and step.state is State.OK):
            self._write(step, round((time.monotonic() - started) * 1000))
        return step.state is State.OK

    async def walk(self, steps: Mapping[str, Callable[[], Coroutine[Any, Any, str]]]) -> bool:
        """Steps that need each other: what comes after a failure is skipped. Whether the last one was reached."""
        going = True
        for name, work in steps.items():
            if going:
                going = await self.take(name, work())
            else:
                self.skip(name, "not reached")
        return going

    def skip(self, name: str, why: str, *, remedy: str = "") -> None:
        """A step that is not even begun."""
        self._write(Step(name, State.SKIPPED, 0, why, remedy=remedy), 0)

    def _write(self, step: Step, ms: int) -> None:
        written = Step(step.name, step.state, ms, step.result, step.answer, step.meaning, step.remedy, step.fault)
        self.steps.append(written)
        self._tell(written)


def of_verdict(result: str, answer: str, verdict: Verdict) -> Failed:
    """A refusal, with what the verdict table knows of it."""
    return Failed(result, answer=answer, meaning=verdict.meaning, remedy=verdict.remedy)


def refusal(error: TransportError, facts: Facts) -> Verdict:
    """What a failed submission means."""
    if error.reply is not None:
        return judge_reply(error.reply, error.stage, facts)
    if error.graph is not None:
        return judge_graph(error.graph, facts)
    return judge_lost(error.stage, error.text, facts)


def _judged(name: str, error: Exception, facts: Facts) -> Step:
    if isinstance(error, TransportError):
        return _lost(name, error, refusal(error, facts))
    if isinstance(error, TokenError):
        verdict = judge_token(error.error, error.description, error.codes, error.status, facts)
        return _failed(name, f"no token: {error.error}", error.description, verdict, _fault_of_token(error))
    text = f"{type(error).__name__}: {error}"
    return Step(name, State.FAILED, 0, f"the relay could not do this: {text}", fault=Fault.REFUSED)


def _lost(name: str, error: TransportError, verdict: Verdict) -> Step:
    answer = error.reply or error.graph
    if answer is not None:
        return _failed(name, f"refused by {error.host}", str(answer), verdict, Fault.REFUSED)
    fault = Fault.UNREACHABLE if verdict.cls is Class.TRANSIENT else Fault.REFUSED
    return _failed(name, "no answer" if fault is Fault.UNREACHABLE else "not possible", error.text, verdict, fault)


def _failed(name: str, result: str, answer: str, verdict: Verdict, fault: Fault) -> Step:
    return Step(name, State.FAILED, 0, result, answer, verdict.meaning, verdict.remedy, fault)


def _fault_of_token(error: TokenError) -> Fault:
    if error.error in ("secret_unreadable", "token_store"):
        return Fault.CONFIG
    return Fault.UNREACHABLE if error.error in ("unreachable", "timeout") else Fault.REFUSED
