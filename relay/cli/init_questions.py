"""The five questions of `relay init`: each is asked where it was not answered by an option, and judged as it is typed.

What is wrong is said in the words of `relay check`. No answer is ever the secret itself, only where it is kept.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    F = TypeVar("F", bound=Callable[..., Any])

_SOME_ID = "00000000-0000-0000-0000-000000000000"
_MAIL = re.compile(r"[^@\s<>*]+@[^@\s<>*]+\.[^@\s<>*.]+")


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `judge` makes the answer of a text, or raises `ValueError` with what is wrong with it."""

    option: str
    text: str
    judge: Callable[[str], Any]
    default: str = ""

    def answered(self, given: str) -> Any:
        """The answer that an option gave. Raises `click.UsageError`."""
        try:
            return self.judge(given)
        except ValueError as error:
            raise click.UsageError(f"{self.option}: {error}") from None

    def asked(self) -> Any:
        """The answer of whoever sits at the terminal, who is asked until it is a good one."""
        return click.prompt(self.text, default=self.default or None, value_proc=self._typed, err=True)

    def _typed(self, text: str) -> Any:
        try:
            return self.judge(text)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def answers(questions: Iterable[Question], given: dict[str, str]) -> dict[str, Any]:
    """All answers by option. Raises `click.UsageError` naming all that are missing where nobody can be asked."""
    asked = list(questions)
    found = {one.option: one.answered(given[one.option]) for one in asked if given[one.option]}
    missing = [one for one in asked if one.option not in found]
    if missing and not sys.stdin.isatty():
        named = ", ".join(one.option for one in missing)
        raise click.UsageError(f"there is no terminal to ask at: give {named}")
    return found | {one.option: one.asked() for one in missing}


def cloud_option(command: F) -> F:
    """Which Microsoft cloud; hardly anybody has another than the default, so it is not asked."""
    from relay.config.clouds import Cloud

    names = click.Choice([cloud.value for cloud in Cloud])
    return click.option("--cloud", type=names, default="worldwide", show_default=True, help="The tenant's cloud.")(
        command
    )


def tenant(text: str, cloud: str = "worldwide") -> str:
    """A tenant in any form that portals hand out."""
    from relay.config.settings import App
    from relay.config.tenant import ANYBODY, understood

    _judged(App, {"cloud": cloud, "tenant": text, "client_id": _SOME_ID}, "tenant")
    if (word := understood(text).tenant) in ANYBODY:
        raise ValueError(f"{word} stands for {ANYBODY[word]}; write the tenant's id (a GUID) or one of its domains")
    return text.strip()


def client_id(text: str) -> str:
    """A client id: a GUID."""
    from relay.config.tenant import is_guid, unbraced

    if not is_guid(text):
        raise ValueError("is no GUID; copy the Application (client) ID of the app registration")
    return unbraced(text)


def mailbox(text: str) -> str:
    """A mail address."""
    if not _MAIL.fullmatch(text.strip()):
        raise ValueError("is no mail address; write it plain: scanner@contoso.com")
    return text.strip()


def secret_place(text: str) -> dict[str, str]:
    """Where a secret is kept; whoever typed the secret itself does not get it shown."""
    from pathlib import Path

    from relay.config.secret import SecretRef

    text = text.strip()
    try:
        place = SecretRef.model_validate(f"file:{text}" if text.startswith(("/", "./")) else text)
    except ValueError:
        raise ValueError("name where it is kept, not the secret: env:NAME, file:/path or cred:NAME") from None
    if place.file is not None:
        return {"file": str(Path(place.file).expanduser().absolute())}
    return {"env": place.env} if place.env else {"credential": str(place.credential)}


def devices(text: str) -> dict[str, str]:
    """Devices by name, of a text such as `10.0.2.17 erp=10.0.3.0/24`."""
    found: dict[str, str] = {}
    for part in re.split(r"[,;\s]+", text.strip()):
        name, address = _device(part, len(found))
        if name in found:
            raise ValueError(f"two devices are called {name}; write NAME=ADDRESS with another name")
        found[name] = address
    return found


def _device(text: str, before: int) -> tuple[str, str]:
    from relay.config.network import is_everybody, network_of
    from relay.config.starter import name_of

    name, equals, address = text.rpartition("=")
    network = network_of(address)
    if equals and name_of(name, "") != name:
        raise ValueError(f"{name!r} is no name for a device: letters, digits and _ . - in one word")
    if is_everybody(network):
        raise ValueError(f"{address} is everybody, or nearly; name your devices: an open relay sends spam")
    own = "devices" if network.num_addresses > 1 else "device"
    return name or (f"{own}-{before + 1}" if before else own), address


def _judged(model: Any, values: dict[str, str], option: str) -> None:
    from pydantic import ValidationError

    try:
        model.model_validate(values)
    except ValidationError as error:
        wrong = [item["msg"].removeprefix("Value error, ") for item in error.errors() if item["loc"] == (option,)]
        if wrong:
            raise ValueError(wrong[0]) from None
