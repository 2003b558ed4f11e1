"""Calls that explain: an answer of Microsoft, in whatever text it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from relay.control.answers import STAGES, Explained, explain_answer, facts_for, no_answer
from relay.control.who import Role, Who
from relay.web.call import Call, NotFound

if TYPE_CHECKING:
    from relay.control.running import Control


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """What somebody saw."""

    text: Annotated[str, "a reply, an AADSTS number, a log line, JSON, a whole bounce, or a rule of the log"]
    stage: Annotated[
        str, "the step it was given at; empty: a guess", Field(json_schema_extra={"enum": ["", *STAGES]})
    ] = ""
    profile: Annotated[str, "the profile whose values fill the remedy"] = ""


async def explain(control: Control, question: AnswerQuestion, _who: Who) -> Explained:
    """What an answer means."""
    if question.stage and question.stage not in STAGES:
        raise ValueError(f"{question.stage} is no step; there are {', '.join(STAGES)}")
    facts = facts_for(control.settings, question.profile) if question.profile else None
    found = await control.turns.work(explain_answer, question.text, question.stage, facts)
    if found is None:
        raise NotFound(no_answer(question.text))
    return found


ANSWER = Call(
    "explain_answer", "POST", "/answers/explain", Role.VIEWER,
    "What an answer of Exchange Online, Graph or Entra means.", explain, Explained, AnswerQuestion,
)  # fmt: skip
CALLS = (ANSWER,)
