"""Testing settings, saved or only typed, and a test mail: forms, and what comes of them, live."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from relay.control.typed import EMPTY, MistypedError, Typed, filled, is_reference, saved
from relay.control.who import Role
from relay.web.calls import profiles as calls
from relay.web.page import Page, Visit
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response


@refusing
async def form(visit: Visit) -> Response:
    """The form: empty, of a profile, or as it was typed for a test."""
    return _form(visit, _typed_before(visit), {})


@refusing
async def try_typed(visit: Visit) -> Response:
    """Begins a test of what is typed, or says what is wrong with it, at the fields."""
    given = await visit.form()
    known = {field.name for field in fields(Typed)}
    typed = Typed(**{name: values[0].strip() for name, values in given.items() if name in known})
    try:
        trial = await calls.try_typed(visit.control, typed, visit.who)
    except MistypedError as error:
        slips = {slip.field: slip.text for slip in reversed(error.slips)}
        return _form(visit, typed, slips, status=400)
    return RedirectResponse(f"/trials/{trial.id}", 303)


@refusing
async def try_saved(visit: Visit) -> Response:
    """Begins a test of a profile as it is saved."""
    given = await visit.form()
    name, send_to = str(visit.request.path_params["name"]), given.get("send_to", [""])[0].strip()
    trial = await calls.try_saved(visit.control, calls.Wished(name, send_to), visit.who)
    return RedirectResponse(f"/trials/{trial.id}", 303)


@refusing
async def trial(visit: Visit) -> Response:
    """The steps so far."""
    one = await calls.trial(visit.control, calls.Numbered(str(visit.request.path_params["id"])), visit.who)
    return render(visit, "trial.html", one=one)


@refusing
async def test_mail(visit: Visit) -> Response:
    """The form, and how far a mail is that was sent by it."""
    return await _test_mail(visit, visit.asked("profile"), "", "")


@refusing
async def send_test_mail(visit: Visit) -> Response:
    """Sends one."""
    given = await visit.form()
    profile, to, subject = (given.get(name, [""])[0].strip() for name in ("profile", "to", "subject"))
    try:
        mail = await calls.send_test_mail(visit.control, calls.Mail(profile, to, subject), visit.who)
    except (ValueError, LookupError) as error:
        return await _test_mail(visit, profile, to, str(error.args[0]), status=400)
    return RedirectResponse(f"/test-mail?id={mail.id}", 303)


def _typed_before(visit: Visit) -> Typed:
    name, trial_id = visit.asked("profile"), visit.asked("trial")
    if trial_id:
        visit.control.trials.of(trial_id)
        return visit.control.trials.typed(trial_id) or EMPTY
    if not name:
        return EMPTY
    if name not in visit.control.settings.profiles:
        raise LookupError(f"there is no profile {name}")
    return saved(name, visit.control.settings)


def _form(visit: Visit, typed: Typed, slips: Mapping[str, str], *, status: int = 200) -> Response:
    """No secret goes back: not the typed one, and not one that was typed into the field of the reference."""
    values = asdict(filled(typed, visit.control.settings)) | {"secret": ""}
    if not is_reference(values["secret_reference"]):
        values["secret_reference"] = ""
    names = list(visit.control.settings.profiles)
    return render(visit, "test-settings.html", status=status, values=values, slips=slips, names=names)


async def _test_mail(visit: Visit, profile: str, to: str, complaint: str, *, status: int = 200) -> Response:
    mail = None
    if message_id := visit.asked("id"):
        mail = await calls.follow_test_mail(visit.control, calls.Numbered(message_id), visit.who)
    chosen = profile or (mail.profile if mail else "")
    names = list(visit.control.settings.profiles)
    return render(
        visit, "test-mail.html", status=status, mail=mail, chosen=chosen, to=to, complaint=complaint, names=names
    )


PAGES = (
    Page("/test-settings", form, Role.OPERATOR),
    Page("/test-settings", try_typed, Role.OPERATOR, ("POST",)),
    Page("/profiles/{name}/test", try_saved, Role.OPERATOR, ("POST",)),
    Page("/trials/{id}", trial, Role.OPERATOR),
    Page("/test-mail", test_mail),
    Page("/test-mail", send_test_mail, Role.OPERATOR, ("POST",)),
)
