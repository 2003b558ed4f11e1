"""Calls about sender profiles: how they are, tests of their settings, sign-ins, what the tenant needs, test mail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from relay.control.profiles import Profiles, ProfileView, Setup, profile_of, profiles_of, setup_of
from relay.control.sign_ins import SignIn
from relay.control.test_mail import TestMail, followed, hand_in
from relay.control.trials import Plan, Trial
from relay.control.typed import Typed, drafted
from relay.control.who import Role, Who
from relay.web.call import Call

if TYPE_CHECKING:
    from relay.control.running import Control


@dataclass(frozen=True, slots=True)
class Named:
    """One profile."""

    name: Annotated[str, "name of a profile"]


@dataclass(frozen=True, slots=True)
class Way:
    """What has to be set up for a profile, and how."""

    name: Annotated[str, "name of a profile"]
    classic: Annotated[bool, "API permission and full access, instead of RBAC for Applications"] = False


@dataclass(frozen=True, slots=True)
class Wished:
    """A test of a profile as it is saved."""

    name: Annotated[str, "name of a profile"]
    send_to: Annotated[str, "really send a short mail there; empty: nothing is sent"] = ""
    send_from: Annotated[str, "its author; empty: as the profile sends"] = ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Something that was begun."""

    id: Annotated[str, "as it was answered"]


@dataclass(frozen=True, slots=True)
class Begin:
    """A sign-in of a person."""

    name: Annotated[str, "name of a delegated profile"]
    way: Annotated[Literal["browser", "device"], "device: a code is typed elsewhere; many tenants block it"] = "browser"
    origin: Annotated[
        str, "address of the dashboard in that browser, such as http://localhost:8925; empty: the answer is pasted"
    ] = ""


@dataclass(frozen=True, slots=True)
class Pasted:
    """Where the browser ended."""

    name: Annotated[str, "name of the profile"]
    address: Annotated[str, "the whole address, with code=… and state=… in it"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A test mail."""

    profile: Annotated[str, "name of the profile it leaves by"]
    to: Annotated[str, "its recipient"]
    subject: Annotated[str, "its subject; empty: the usual one"] = ""


async def profiles(control: Control, _question: None, _who: Who) -> Profiles:
    """All of them."""
    return await profiles_of(control)


async def profile(control: Control, question: Named, _who: Who) -> ProfileView:
    """One of them."""
    return await profile_of(control, question.name)


async def powershell(control: Control, question: Way, _who: Who) -> Setup:
    """Script and clicks."""
    return setup_of(control.settings, question.name, classic=question.classic)


async def try_saved(control: Control, question: Wished, who: Who) -> Trial:
    """Begins a test of what is saved."""
    settings = control.settings
    if question.name not in settings.profiles:
        raise LookupError(f"there is no profile {question.name}; there are {', '.join(settings.profiles)}")
    return _begun(control, Typed(based_on=question.name, send_to=question.send_to, send_from=question.send_from), who)


async def try_typed(control: Control, question: Typed, who: Who) -> Trial:
    """Begins a test of what is typed."""
    return _begun(control, question, who, anew=True)


async def trial(control: Control, question: Numbered, _who: Who) -> Trial:
    """How far one is."""
    return control.trials.of(question.id)


async def authorize(control: Control, question: Begin, who: Who) -> SignIn:
    """Begins a sign-in."""
    return await control.sign_ins.begin(question.name, who.name, question.way, question.origin)


async def authorize_answer(control: Control, question: Pasted, who: Who) -> SignIn:
    """Ends one."""
    return await control.sign_ins.pasted(question.name, who.name, question.address)


async def authorize_state(control: Control, question: Named, who: Who) -> SignIn:
    """How one stands."""
    return control.sign_ins.of(question.name, who.name)


async def send_test_mail(control: Control, question: Mail, who: Who) -> TestMail:
    """Sends one."""
    message_id = await hand_in(control, question.profile, question.to, question.subject, who.name)
    return await followed(control, message_id)


async def follow_test_mail(control: Control, question: Numbered, _who: Who) -> TestMail:
    """How far one is."""
    return await followed(control, question.id)


def _begun(control: Control, typed: Typed, who: Who, *, anew: bool = False) -> Trial:
    draft = drafted(typed, control.settings)
    plan = Plan(draft.settings, draft.profile, typed.send_to, typed.send_from)
    if anew:
        plan = replace(plan, typed=typed, yaml=draft.yaml)
    return control.trials.begin(plan, who.name)


_V, _O = Role.VIEWER, Role.OPERATOR
CALLS = (
    Call("profiles", "GET", "/profiles", _V, "Every sender profile.", profiles, Profiles),
    Call("profile", "GET", "/profiles/{name}", _V, "One sender profile.", profile, ProfileView, Named),
    Call(
        "powershell", "GET", "/profiles/{name}/powershell", _V,
        "What has to be set up in the tenant for a profile: PowerShell, and the same by clicks.",
        powershell, Setup, Way,
    ),
    Call(
        "test_profile", "POST", "/profiles/{name}/test", _O,
        "Begins a test of a profile as it is saved, step by step; ask for the trial.", try_saved, Trial, Wished,
    ),
    Call(
        "try_settings", "POST", "/trials", _O,
        "Begins a test of settings that are not saved; ask for the trial.", try_typed, Trial, Typed,
    ),
    Call("trial", "GET", "/trials/{id}", _O, "The steps of a test so far.", trial, Trial, Numbered),
    Call(
        "authorize", "POST", "/profiles/{name}/authorize", _O,
        "Begins the sign-in of a delegated profile's person.", authorize, SignIn, Begin,
    ),
    Call(
        "authorize_state", "GET", "/profiles/{name}/authorize", _O,
        "How the sign-in stands that you began.", authorize_state, SignIn, Named,
    ),
    Call(
        "authorize_answer", "POST", "/profiles/{name}/authorize/answer", _O,
        "Ends the sign-in that you began with the address its browser came back to.", authorize_answer, SignIn, Pasted,
    ),
    Call("send_test_mail", "POST", "/test-mail", _O, "Sends a test mail by a profile.", send_test_mail, TestMail, Mail),
    Call("test_mail", "GET", "/test-mail/{id}", _V, "How far a test mail is.", follow_test_mail, TestMail, Numbered),
)  # fmt: skip
