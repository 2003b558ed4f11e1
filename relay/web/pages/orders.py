"""Orders to messages by forms: those that lose something or mean many ask once more, on a page of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from relay.control.orders import MEANT, Order
from relay.control.who import Role
from relay.web.calls import messages as calls
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from starlette.responses import Response

    from relay.web.calls.messages import Ordering

MEANING = {
    Order.RETRY: "They are due now; failed ones go to their failed recipients once more.",
    Order.HOLD: "They are not tried until somebody releases them.",
    Order.RELEASE: "They are held no longer and are due now.",
    Order.DROP: "They are given up and their content is removed. Nobody gets them, and nothing brings them back.",
}
_TEXTS = ("device", "profile", "mailbox", "sender", "recipient", "subject", "rule", "since", "until")
_FOUND = "found"

Form = dict[str, list[str]]


async def order(visit: Visit) -> Response:
    """What the form says, or the question whether it is meant."""
    form = await visit.form()
    question = ordering(form)
    if _first(form, "confirmed") != "yes" and (question.order is Order.DROP or _first(form, "scope") == _FOUND):
        return _confirm(visit, question, form)
    answer = await calls.order(visit.control, question, visit.who)
    if answer.count == 1 and not answer.skipped_count and len(question.ids) == 1:
        return RedirectResponse(f"/messages/{question.ids[0]}", 303)
    return render(visit, "ordered.html", order=question.order, answer=answer, back=_back(question))


def ordering(form: Form) -> Ordering:
    """The order. Raises `ValueError`."""
    found = _first(form, "scope") == _FOUND
    if not found and not form.get("id"):
        raise ValueError("no message is chosen: tick those that are meant")
    filters: dict[str, Any] = {name: _first(form, name) for name in _TEXTS if found}
    return calls.Ordering(
        order=Order(_first(form, "order")), ids=() if found else tuple(form["id"]),
        state=tuple(form.get("state", ())) if found else (), all=found, **filters,
    )  # fmt: skip


def _confirm(visit: Visit, question: Ordering, form: Form) -> Response:
    fields = [(name, value) for name, values in form.items() if name != "confirmed" for value in values]
    filters = [(name, value) for name, value in fields if name in (*_TEXTS, "state")]
    return render(
        visit, "order.html", order=question.order, ids=question.ids, filters=filters, meant=MEANT[question.order],
        fields=[*fields, ("confirmed", "yes")], meaning=MEANING[question.order], back=_back(question),
    )  # fmt: skip


def _back(question: Ordering) -> str:
    return f"/messages/{question.ids[0]}" if len(question.ids) == 1 else "/messages"


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0].strip()


PAGES = (Page("/messages/orders", refusing(order), Role.OPERATOR, ("POST",)),)
