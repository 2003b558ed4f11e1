"""Tests of settings that run or have just ended: the doctor's steps, live, for whoever began one and looks again.

A few at once, each within a time; what one found is kept for ten minutes, in memory. The settings tried (and a secret
typed for them) are let go when it ends. Belongs to the relay's loop; mail never waits for it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from relay.control.caller import Refused
from relay.control.status import when

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import Settings, TransportKind
    from relay.control.doctor_step import Step
    from relay.control.typed import Typed
    from relay.telemetry.journal import Journal

MOST_AT_ONCE = 3
MOST_KEPT = 50
KEPT_S = 600.0
WITHIN_S = 300.0
_HIDDEN = "(the secret that was typed)"
_FEWEST = 4  # characters of a secret that is looked for in answers; a shorter one is in every text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep:
    """One step of a test, as `relay doctor` tells it."""

    transport: Annotated[str, "the way upstream that is tried"]
    name: Annotated[str, "dns, tcp, tls, clock, token, auth, limits, scope, ends or mail"]
    state: Annotated[str, "ok, failed or skipped"]
    ms: Annotated[int, "how long it took"]
    result: Annotated[str, "what was found"]
    answer: Annotated[str, "what the other side said"]
    meaning: Annotated[str, "what that means"]
    remedy: Annotated[str, "what to do"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One test of settings."""

    id: Annotated[str, "to ask for it again"]
    profile: Annotated[str, "its name"]
    mailbox: Annotated[str, "who signs in"]
    who: Annotated[str, "who began it"]
    started: Annotated[str, "when it began"]
    ended: Annotated[str, "when it ended; empty while it runs"]
    good: Annotated[bool | None, "whether no step failed; null while it runs"]
    trouble: Annotated[str, "why it ended before its last step; empty when it did not"]
    steps: Annotated[list[TrialStep], "those that have ended, in their order"]
    yaml: Annotated[str, "what was typed, to be saved in the configuration; empty for a profile as saved"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try: the settings, the profile in them, a mail to send; and what was typed, where it is not saved."""

    settings: Settings = field(repr=False)
    profile: str
    send_to: str = ""
    send_from: str = ""
    typed: Typed | None = None
    yaml: str = ""


@dataclass(slots=True)
class _Run:
    trial: Trial
    typed: Typed | None
    task: asyncio.Task[None] | None = None
    ended_at: float = 0.0


class Trials:
    """All of one running relay."""

    def __init__(self, journal: Journal, *, within_s: float = WITHIN_S, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._within_s = within_s
        self._clock = clock
        self._runs: dict[str, _Run] = {}

    def begin(self, plan: Plan, who: str) -> Trial:
        """Returns at once. Raises `Refused` when too many run already."""
        self._forget()
        if sum(not run.ended_at for run in self._runs.values()) >= MOST_AT_ONCE:
            raise Refused(f"{MOST_AT_ONCE} tests run already", "wait until one has ended, a minute or so")
        trial = Trial(
            id=secrets.token_hex(8), profile=plan.profile, mailbox=plan.settings.profiles[plan.profile].mailbox,
            who=who, started=when(self._clock()), ended="", good=None, trouble="", steps=[], yaml=plan.yaml,
        )  # fmt: skip
        run = self._runs[trial.id] = _Run(trial, replace(plan.typed, secret="") if plan.typed else None)
        run.task = asyncio.get_running_loop().create_task(self._try(run, plan), name=f"trial {trial.id}")
        return trial

    def of(self, trial_id: str) -> Trial:
        """As far as it is. Raises `LookupError`."""
        self._forget()
        if trial_id not in self._runs:
            raise LookupError("there is no such test, or it ended more than ten minutes ago; begin another")
        return self._runs[trial_id].trial

    def typed(self, trial_id: str) -> Typed | None:
        """What was typed for it, without the secret, to be changed and tried again; None where it was not typed."""
        run = self._runs.get(trial_id)
        return run.typed if run else None

    async def stop(self) -> None:
        """The relay stops: whatever runs is given up."""
        running = [run for run in self._runs.values() if run.task is not None]
        for run in running:
            assert run.task is not None
            run.task.cancel()
            self._end(run, "the relay stopped")

    def _forget(self) -> None:
        ended = [trial_id for trial_id, run in self._runs.items() if run.ended_at]
        old = self._clock() - KEPT_S
        for trial_id in [*ended[:-MOST_KEPT], *(each for each in ended if self._runs[each].ended_at < old)]:
            self._runs.pop(trial_id, None)

    async def _try(self, run: _Run, plan: Plan) -> None:
        trouble = ""
        try:
            async with asyncio.timeout(self._within_s):
                await self._walk(run, plan)
        except TimeoutError:
            trouble = f"it took longer than {self._within_s:g} s; the step after the last one shown did not end"
        except Exception as error:  # noqa: BLE001  (told to who asked; nobody else would hear of it)
            trouble = _without(plan.typed.secret if plan.typed else "", f"the relay could not do this: {error!r}")
        self._end(run, trouble)

    async def _walk(self, run: _Run, plan: Plan) -> None:
        from relay.control.doctor import Doctor, Wish  # not before somebody asks: it has its price in memory

        physician = Doctor(plan.settings, Wish(plan.send_to, plan.send_from))
        secret = plan.typed.secret if plan.typed else ""
        for kind in physician.ways(plan.profile):

            def tell(step: Step, kind: TransportKind = kind) -> None:
                run.trial.steps.append(_told(step, kind, secret))

            await physician.examine(plan.profile, kind, tell)

    def _end(self, run: _Run, trouble: str) -> None:
        run.ended_at = self._clock()
        failed = [step.name for step in run.trial.steps if step.state == "failed"]
        run.trial = replace(run.trial, ended=when(run.ended_at), good=not (failed or trouble), trouble=trouble)
        run.task = None
        self._journal.service(
            "profile.tested", profile=run.trial.profile, who=run.trial.who, typed=bool(run.trial.yaml),
            good=run.trial.good, failed=failed,
        )  # fmt: skip


def _told(step: Step, kind: TransportKind, secret: str) -> TrialStep:
    shown = partial(_without, secret)
    return TrialStep(
        transport=kind.value, name=step.name, state=step.state.value, ms=step.ms, result=shown(step.result),
        answer=shown(step.answer), meaning=shown(step.meaning), remedy=shown(step.remedy),
    )  # fmt: skip


def _without(secret: str, text: str) -> str:
    """The text, should it repeat what was typed."""
    return text.replace(secret, _HIDDEN) if len(secret) >= _FEWEST else text
