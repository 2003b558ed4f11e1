"""What would happen if: a dry run of one message, by the very dialogue and policy that sessions use.

Nothing is sent, stored or counted, no password is looked at, and the running relay is not asked: how many messages a
device has handed in this hour, and who is blocked for guessing, is not known here.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import Field

from relay.config.loader import ConfigError, load
from relay.config.places import Places
from relay.config.settings import ListenerTls
from relay.message.mend_header import mend_header
from relay.message.repair import Arrival
from relay.message.reply import Reply
from relay.policy.admission import may_show, not_listed
from relay.policy.refusal import Refusal
from relay.policy.routing import plain_address
from relay.policy.sender import SenderNotListed
from relay.smtpd.desk import Desk, House, Rules
from relay.smtpd.dialogue import Dialogue
from relay.smtpd.heading import heading
from relay.smtpd.login import INVALID

if TYPE_CHECKING:
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.message.address import Address
    from relay.policy.refusal import Option
    from relay.policy.routing import Known
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal

_ID = "0" * 26


@dataclass(frozen=True, slots=True)
class Question:
    """Who would say what; `sender` and `recipients` as in MAIL FROM and RCPT TO, `header_from` the body of From."""

    address: Annotated[str, "IP address the device sends from"]
    login: Annotated[str, "user name it signs in with; the password is not looked at"] = ""
    sender: Annotated[str, "what it says in MAIL FROM; empty: the empty sender"] = ""
    recipients: Annotated[tuple[str, ...], "what it says in RCPT TO", Field(max_length=1000)] = ()
    header_from: Annotated[str, "the From of the message"] = ""
    listener: Annotated[str, "address or port of a listener; empty: the first"] = ""
    encrypted: Annotated[bool, "whether it uses STARTTLS before it logs in or sends"] = False
    size: Annotated[int | None, "size of the message in bytes", Field(ge=0)] = None


@dataclass(frozen=True, slots=True)
class Step:
    """One command, what the device would hear, and the line of the configuration that decides."""

    command: Annotated[str, "what the device says"]
    reply: Annotated[str, "what it hears"]
    allowed: Annotated[bool, "whether it goes on"]
    decided_by: Annotated[str, "line and option of the configuration"] = ""


@dataclass(kw_only=True)
class Explanation:
    """Everything about one message that would come in so."""

    allowed: Annotated[bool, "whether the message would be taken for every recipient asked about"] = False
    listener: Annotated[str, "the listener that is spoken to"]
    device: Annotated[str, "the device that is recognised; empty: nobody knows it"] = ""
    known_by: Annotated[str, "by what it is recognised"] = ""
    owner: Annotated[str, "who looks after it"] = ""
    profile: Annotated[str, "the sender profile its mail leaves by"] = ""
    sends_as: Annotated[str, "MAIL FROM towards Exchange"] = ""
    steps: Annotated[list[Step], "the dialogue"] = field(default_factory=list)
    headers: Annotated[list[str], "the header fields as they would leave"] = field(default_factory=list)
    changes: Annotated[list[str], "what was changed in them"] = field(default_factory=list)
    hints: Annotated[list[str], "what may be meant"] = field(default_factory=list)


def explain(config: Path, question: Question) -> Explanation:
    """The dry run by a file. Raises `ConfigError`, and `LookupError` for a listener that there is not."""
    settings = load(config)
    return _DryRun(settings, Places(config), question).run()


def explain_by(settings: Settings, config: Path, question: Question) -> Explanation:
    """The dry run by settings in force; lines are named where the file still says the same.

    Raises `LookupError` for a listener that there is not.
    """
    try:
        same = load(config) == settings
    except ConfigError:
        same = False
    return _DryRun(settings, Places(config if same else None), question).run()


class _Room:
    """Stands where the spool is: a dry run stores nothing, so that there is always room."""

    def check_room(self, _size: int = 0) -> None:
        return


class _DryRun:
    """One dialogue without a socket."""

    def __init__(self, settings: Settings, places: Places, question: Question) -> None:
        self._settings = settings
        self._places = places
        self._question = question
        self._number = _listener_of(settings, question.listener)
        hostname = settings.hostname or socket.gethostname()
        self._house = House(Rules(settings, {}), cast("Store", _Room()), cast("Journal", None), hostname)
        listener = settings.listeners[self._number]
        client = str(plain_address(question.address) or question.address)
        encrypted = question.encrypted or listener.tls is ListenerTls.IMPLICIT
        self._dialogue = Dialogue(Desk(self._house, listener), client, tls="TLS" if encrypted else "")
        place = places.of(("listeners", self._number))
        self._found = Explanation(listener=f"{listener.listen}  tls {listener.tls}  auth {listener.auth}  ({place})")

    def run(self) -> Explanation:
        self._dialogue.hello("explain", extended=True)
        if self._may_go_on() and self._mail():
            taken = [self._rcpt(recipient) for recipient in self._question.recipients]
            if all(taken):
                self._message()
        steps = self._found.steps
        self._found.allowed = bool(steps) and all(step.allowed for step in steps)
        return self._found

    def _may_go_on(self) -> bool:
        """AUTH, if a login is asked about. The password is not."""
        name = self._question.login
        if not name:
            return True
        refusal = self._dialogue.may_log_in()
        if refusal is not None:
            return self._step(f"AUTH {name}", refusal, ("listener", "auth"))
        self._dialogue.login = self._house.rules.directory.by_login(name, self._dialogue.client)
        if self._dialogue.login is not None:
            option = self._dialogue.login.option("login")
            return self._step(f"AUTH {name}", Reply(235, "2.7.0", "if the password is right"), option)
        users = self._house.rules.directory.users(name)
        option = users[0].option("address") if users else ("devices",)
        return self._step(f"AUTH {name}", INVALID, option)

    def _mail(self) -> bool:
        size = self._question.size
        parameter = f" SIZE={size}" if size is not None else ""
        reply = self._dialogue.mail(f"FROM:<{self._question.sender}>{parameter}")
        known = self._dialogue.known
        if known is None:
            self._hint()
        else:
            self._name(known)
        option = known.option("senders") if known is not None else ("devices",)
        return self._step(f"MAIL FROM:<{self._question.sender}>{parameter}", reply, option)

    def _name(self, known: Known) -> None:
        device, login = known.device, known.device.login
        ways = (device.address and f"address {device.address}", login and f"login {login.username}")
        self._found.device = f"{known.name}  ({self._places.of(('devices', known.name))})"
        self._found.owner = device.owner or ""
        self._found.known_by = " and ".join(way for way in ways if way)
        profile = self._settings.profiles[device.profile]
        policy = device.from_policy or profile.from_policy
        place = known.option("from") if device.from_policy else ("profiles", device.profile, "from")
        self._found.profile = f"{device.profile}  mailbox {profile.mailbox}  from {policy}  ({self._places.of(place)})"

    def _hint(self) -> None:
        for known in self._house.rules.directory.only_with_login(self._dialogue.client):
            place = self._places.of(known.option("login"))
            self._found.hints.append(f"device {known.name} has this address, and is known only with its login: {place}")

    def _rcpt(self, recipient: str) -> bool:
        reply = self._dialogue.rcpt(f"TO:<{recipient}>")
        known = self._dialogue.known
        assert known is not None
        return self._step(f"RCPT TO:<{recipient}>", reply, known.option("recipients"))

    def _message(self) -> None:
        """The end of data: what the From policy and the repairs make of the header."""
        known, sender = self._dialogue.known, self._dialogue.sender
        assert known is not None
        assert sender is not None
        section, repairs = self._head()
        try:
            refusal = may_show(known, section)
            made = None if refusal else heading(section, sender, known, self._arrival(), self._settings)
        except SenderNotListed as error:
            refusal, made = not_listed(known.device.profile, error.address), None
        if made is None:
            self._step("end of data", cast("Refusal", refusal), ())
            return
        self._found.headers = made.section.decode("latin-1").replace("\r\n ", "\n ").rstrip().split("\r\n")
        self._found.changes = [*repairs, *made.changes]
        self._found.sends_as = _shown(made.sender)

    def _head(self) -> tuple[bytes, tuple[str, ...]]:
        """The header that was asked about, mended as the spool would mend it, and how."""
        written = self._question.header_from
        head = f"From: {written}\r\n\r\n".encode("utf-8", "surrogateescape") if written else b"\r\n"
        return mend_header(head, assumed=self._settings.intake.charset)

    def _arrival(self) -> Arrival:
        dialogue = self._dialogue
        return Arrival(
            id=_ID, at=time.time(), client=dialogue.client, helo=dialogue.helo, hostname=self._house.hostname,
            protocol=dialogue.protocol,
        )  # fmt: skip

    def _step(self, command: str, reply: Reply, option: Option) -> bool:
        if isinstance(reply, Refusal) and reply.option:
            option = reply.option
        if option[:1] == ("listener",):
            option = ("listeners", self._number, *option[1:])
        decided = self._places.of(option) if option else ""
        self._found.steps.append(Step(command, str(reply), reply.positive, decided))
        return reply.positive


def _shown(sender: Address) -> str:
    return f"<{sender}>"


def _listener_of(settings: Settings, wanted: str) -> int:
    """The number of the listener that is spoken of by its address or its port; the first one unless said."""
    if not wanted:
        return 0
    for number, listener in enumerate(settings.listeners):
        if wanted in (listener.listen, str(listener.port)):
            return number
    there = ", ".join(listener.listen for listener in settings.listeners)
    raise LookupError(f"there is no listener {wanted}; the configuration has {there}")
