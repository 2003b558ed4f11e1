"""Orders to the queue: retry, hold, release, drop. Carried out by the running relay, or on the spool when none runs.

An order finds its messages first, then touches them a few hundred at a time, so that mail goes on between. Each message
is looked at again in the transaction that touches it.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from relay.control.caller import NoRelay, Refused, Unreachable, ask, asker
from relay.policy.orders import MEANT, Order
from relay.spool import idle
from relay.spool.browse import Browser
from relay.spool.orders import AT_ONCE, Giver, Ordered
from relay.spool.selection import Selection
from relay.spool.store import SpoolBusy, SpoolError
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.config.settings import Settings
    from relay.control.door import Door, Request
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal

__all__ = ["MEANT", "Answer", "NoRelay", "Order", "OrderDesk", "Refused", "Selection", "Unreachable", "give", "meant"]

_IN_A_LINE = 20
_TOLD = 1000  # ids that an answer names; the counts are always whole


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that was left as it is."""

    id: Annotated[str, "which"]
    reason: Annotated[str, "why"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: how many were touched, and why others were not."""

    count: Annotated[int, "messages that were touched"]
    ids: Annotated[tuple[str, ...], "the first 1000 of them"]
    skipped_count: Annotated[int, "messages that were left as they are"]
    skipped: Annotated[tuple[Skipped, ...], "the first 1000 of them"]
    by_relay: Annotated[bool, "false where no relay runs and the spool itself was worked on"] = True

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Answer:
        skipped = tuple(Skipped(one["id"], one["reason"]) for one in facts["skipped"])
        return cls(facts["count"], tuple(facts["ids"]), facts["skipped_count"], skipped, facts["by_relay"])


class OrderDesk:
    """Takes orders for the running relay. `wake(profiles, again)` tells delivery; `again`: paused ones too."""

    def __init__(self, store: Store, journal: Journal, wake: Callable[[list[str], bool], None]) -> None:
        self._store = store
        self._journal = journal
        self._wake = wake
        self._browser = Browser(store.directory)

    def serve(self, door: Door) -> None:
        """Answers at the control socket from now on."""
        for order in Order:
            door.add(f"queue.{order}", self._handler(order))

    async def carry_out(self, order: Order, selection: Selection, who: str) -> Answer:
        """Every step is durable before the next. Raises `SpoolError`, with what was done until then in the journal."""
        giver = Giver(order, who, now_ms())
        whole = Ordered()
        try:
            ids = await asyncio.to_thread(self._browser.find, meant(order, selection))
            for start in range(0, len(ids), AT_ONCE):
                step = await self._store.order(giver, ids[start : start + AT_ONCE])
                whole.add(step)
                if step.due:
                    self._wake(list(step.due), order is Order.RETRY)
            whole.skipped |= _unknown(selection, ids)
        finally:
            self._journal.ordered(
                order=order, who=who, count=len(whole.done), skipped=len(whole.skipped), **_told(selection)
            )
        return _answer(whole, by_relay=True)

    def look_again(self, profiles: list[str]) -> None:
        """Somebody has mended what these profiles may wait for: they are tried now."""
        self._wake(profiles, True)

    def _handler(self, order: Order) -> Any:
        async def handle(request: Request) -> Mapping[str, Any]:
            try:
                selection = Selection.of(request.fields.get("selection") or {})
                if not selection.narrow and request.fields.get("all") is not True:
                    raise Refused("no message is named", 'name ids or filters under "selection", or say "all": true')
                return (await self.carry_out(order, selection, request.who)).facts()
            except ValueError as error:
                raise Refused(str(error)) from error
            except SpoolError as error:
                raise Refused(str(error), error.remedy) from error

        return handle


def meant(order: Order, selection: Selection) -> Selection:
    """The selection with the states that an order means when none is named."""
    if selection.states or selection.ids:
        return selection
    return replace(selection, states=MEANT[order])


def give(settings: Settings, order: Order, selection: Selection, *, everything: bool = False) -> Answer:
    """Has an order carried out by the relay, or carries it out when none runs.

    Raises `Unreachable`, `Refused`, `SpoolError`.
    """
    try:
        fields: dict[str, Any] = {"selection": selection.facts(), "all": everything}
        return Answer.of(ask(settings.data_dir, f"queue.{order}", **fields))
    except NoRelay:
        return _on_the_spool(settings, order, selection)


def _on_the_spool(settings: Settings, order: Order, selection: Selection) -> Answer:
    spool = settings.data_dir / "spool"
    browser = Browser(spool)
    browser.counts()  # says best why a spool can't be read
    try:
        with idle.taken(spool):
            ids = browser.find(meant(order, selection))
            whole = idle.order(spool, Giver(order, asker(), now_ms()), ids)
    except SpoolBusy as error:
        raise Unreachable(
            f"{error}, and nobody answers at its control socket: it is starting, stopping or could not make one; "
            "see its log, then try again"
        ) from error
    whole.skipped |= _unknown(selection, ids)
    return _answer(whole, by_relay=False)


def _told(selection: Selection) -> dict[str, Any]:
    """As the journal has it: a line is no place for thousands of ids, and the journal hides a recipient."""
    facts = selection.facts()
    fields = {"recipient": facts.pop("recipient", "")}
    if "ids" in facts:
        facts["ids"] = facts["ids"][:_IN_A_LINE]
    return fields | {f"selection_{name}": value for name, value in facts.items()}


def _unknown(selection: Selection, found: list[str] | Any) -> dict[str, str]:
    """Ids that were asked for and are none."""
    missing = set(selection.ids) - set(found)
    return dict.fromkeys(sorted(missing), "there is no such message, or the other filters leave it out")


def _answer(whole: Ordered, *, by_relay: bool) -> Answer:
    skipped = [Skipped(message_id, reason) for message_id, reason in whole.skipped.items()]
    return Answer(len(whole.done), tuple(whole.done[:_TOLD]), len(skipped), tuple(skipped[:_TOLD]), by_relay)
