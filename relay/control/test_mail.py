"""A test mail by the way that all mail takes: stored in the spool like a device's, sent by its profile, and followed.

What no device is asked for is left out: no listener, no device's options. All else is real: the From policy, the
spool, the profile's turn and its limits, the token, the submission, what an answer means. It goes before other mail of
its profile, and tries a paused profile at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Annotated, Any

from relay.config.settings import FromPolicy
from relay.control.caller import Refused
from relay.control.status import when
from relay.message.address import Address
from relay.message.repair import Arrival, missing, received
from relay.message.subject import hash_of_section
from relay.policy.precedence import precedence_of
from relay.policy.sender import rewrite
from relay.spool.chronicle import Chronicle
from relay.spool.store import NewMessage

if TYPE_CHECKING:
    from relay.config.settings import Profile
    from relay.control.running import Control
    from relay.control.status import WhyStatus
    from relay.spool.chronicle import Record
    from relay.spool.store import Draft, Whole

DEVICE = "(test mail)"  # no configured device can be called so
SUBJECT = "Test mail of the relay"
SILENT = "<>"  # nobody gets a notice of it: whoever sent it looks at it
TEXT = """\
{who} sent this test mail at the dashboard of the relay {hostname}.
It left by profile {profile}, mailbox {mailbox}. If you can read it, the whole way from the relay to you works.
"""
_MAIL = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[A-Za-z0-9.-]+", re.ASCII)
_LONGEST = 200
_CONNECTING = ("connect", "greeting", "ehlo", "starttls", "auth")
_NEXT = {"queued": "it is tried again by itself", "uncertain": "it is tried again by itself, and may arrive twice"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMailStep:
    """One step of its way."""

    __test__ = False  # no test, whatever its name begins with

    name: Annotated[str, "stored, token, submitted or answer"]
    state: Annotated[str, "ok, waiting, failed or skipped"]
    at: Annotated[str, "when; empty where that is not known"]
    result: Annotated[str, "what happened"]
    answer: Annotated[str, "what the other side said"]
    meaning: Annotated[str, "what that means"]
    remedy: Annotated[str, "what to do"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMail:
    """A test mail, as far as it is."""

    __test__ = False

    id: Annotated[str, "of the message, for every other question about it"]
    profile: Annotated[str, "whose mail it is"]
    state: Annotated[str, "queued, leased, uncertain, held, delivered, failed, dropped or corrupt"]
    ended: Annotated[bool, "whether nothing more happens by itself"]
    good: Annotated[bool | None, "whether Exchange took it; null as long as nobody knows"]
    attempts: Annotated[int, "how often it was tried"]
    next: Annotated[str, "what happens next, in words"]
    steps: Annotated[list[TestMailStep], "its way, in this order"]


async def hand_in(control: Control, profile_name: str, to: str, subject: str, who: str) -> str:
    """Stores one test mail and returns its id. Raises `LookupError`, `ValueError`, `Refused`, `SpoolError`."""
    settings, store = control.settings, control.house.store
    if profile_name not in settings.profiles:
        raise LookupError(f"there is no profile {profile_name}; there are {', '.join(settings.profiles)}")
    if control.lately.stopping:
        raise Refused("the relay is stopping", "try again when it runs")
    _check(to, subject)
    store.check_room()
    draft = store.draft()
    try:
        draft.write(_letter(control, profile_name, (to, subject or SUBJECT), who))
        whole = await draft.finish(assumed=settings.intake.charset)
        new = _message(control, profile_name, (draft, whole), to, who)
        started = time.perf_counter()
        await store.accept(new)
    except BaseException:
        await draft.discard()
        raise
    _journal(control, new, round((time.perf_counter() - started) * 1000, 1))
    control.hands.orders.look_again([profile_name])
    return new.id


async def followed(control: Control, message_id: str) -> TestMail:
    """How far it is. Raises `LookupError`, `SpoolError`."""
    chronicle = Chronicle(control.house.store.directory)
    record = await asyncio.to_thread(chronicle.record, message_id)
    if record is None or record.message["device"] != DEVICE:
        raise LookupError(f"there is no test mail {message_id}, or its retention is over; send another")
    status = await control.status()
    name = record.message["profile"]
    why = next((each.why for each in status.profiles if each.name == name and each.state == "paused"), None)
    return told(record, why)


def told(record: Record, why: WhyStatus | None) -> TestMail:
    """The story in four steps; `why` its profile is paused."""
    message, attempts = record.message, [each for each in record.attempts if each["ended_at"] is not None]
    state = str(message["state"])
    ended = state not in ("queued", "leased", "uncertain")
    last = attempts[-1] if attempts else None
    stored = _step("stored", "ok", message["received_at"], f"safe on the disk, as {message['id']}")
    steps = [stored, *(_upstream(last, state, record) if last else _not_tried(state, why))]
    return TestMail(
        id=message["id"], profile=message["profile"], state=state, ended=ended,
        good=state == "delivered" if ended else None, attempts=len(attempts), next=record.next, steps=steps,
    )  # fmt: skip


# -- the message


def _check(to: str, subject: str) -> None:
    if not _MAIL.fullmatch(to) or not to.isascii() or not to.isprintable() or len(to) > 320:
        raise ValueError(f"to: {to[:80]!r} is no mail address; write it plain and in ASCII: ann@contoso.com")
    if len(subject) > _LONGEST or not subject.isprintable():
        raise ValueError(f"subject: write one line of at most {_LONGEST} characters")


def _author(profile: Profile) -> str:
    """As whom the profile may write in any case."""
    if profile.from_policy is FromPolicy.SEND_AS and profile.send_as is not None:
        return profile.send_as.address
    return profile.mailbox


def _letter(control: Control, name: str, envelope: tuple[str, str], who: str) -> bytes:
    """Raises `ValueError` for addresses of which no header can be made."""
    profile = control.settings.profiles[name]
    letter = EmailMessage(policy=SMTP)
    hostname = control.house.hostname
    try:
        letter["From"] = _author(profile)
        letter["To"], letter["Subject"] = envelope
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(TEXT.format(who=who, hostname=hostname, profile=name, mailbox=profile.mailbox))
        return letter.as_bytes()
    except (ValueError, IndexError, HeaderParseError) as error:  # what Python's own parser raises
        raise ValueError(f"no message can be made of these addresses and this subject: {error}") from error


def _message(control: Control, name: str, stored: tuple[Draft, Whole], to: str, who: str) -> NewMessage:
    settings, (draft, whole) = control.settings, stored
    profile = settings.profiles[name]
    came = Arrival(
        id=draft.id, at=time.time(), client="127.0.0.1", helo="dashboard", hostname=control.house.hostname,
        protocol="HTTP",
    )  # fmt: skip
    made = rewrite(whole.section, Address(_author(profile)), policy=profile.from_policy, profile=profile)
    added, repairs = missing(made.section, came)
    head = received(came) + added + made.section + b"\r\n"
    size = len(head) + whole.body.size
    facts = {
        "listener": "dashboard", "protocol": "HTTP", "helo": who, "message_id": f"<{draft.id}@{came.hostname}>",
        "sender": _author(profile), "changes": [*repairs, *made.changes],
    }  # fmt: skip
    return NewMessage(
        id=draft.id, device=DEVICE, profile=name, mailbox=profile.mailbox, sender=made.sender,
        recipients=(Address(to),), client="", head=head, body=whole.body, eight_bit=whole.eight_bit,
        precedence=precedence_of(size, interactive=True, large_bytes=settings.delivery.large_bytes), author=SILENT,
        transcript=f"     - {who} handed it in at the dashboard", arrival=json.dumps(facts, ensure_ascii=False),
        subject_hash=hash_of_section(whole.section),
    )  # fmt: skip


def _journal(control: Control, new: NewMessage, ms: float) -> None:
    journal = control.hands.journal
    journal.received(
        id=new.id, device=new.device, profile=new.profile, listener="dashboard", sends_as=new.sender,
        recipients=len(new.recipients), size=new.size,
    )  # fmt: skip
    journal.stored(id=new.id, device=new.device, profile=new.profile, size=new.size, ms=ms)


# -- its story


def _step(name: str, state: str, at: int | None, result: str, said: dict[str, Any] | None = None) -> TestMailStep:
    words = {field: str((said or {}).get(field) or "") for field in ("answer", "meaning", "remedy")}
    return TestMailStep(name=name, state=state, at=when(at / 1000) if at else "", result=result, **words)


def _not_tried(state: str, why: WhyStatus | None) -> list[TestMailStep]:
    """No attempt has ended."""
    if why is not None:
        words = {"answer": why.answer, "meaning": why.meaning, "remedy": why.remedy}
        first = _step("token", "waiting", None, "the profile is paused; it is tried once more now", words)
    elif state in ("leased", "queued"):
        first = _step("token", "waiting", None, "under way" if state == "leased" else "it waits for its turn")
    else:
        first = _step("token", "skipped", None, f"it is {state}")
    return [first, *(_step(name, "waiting", None, "not yet") for name in ("submitted", "answer"))]


def _upstream(last: dict[str, Any], state: str, record: Record) -> list[TestMailStep]:
    """What the newest attempt came to."""
    at, stage, host = last["ended_at"], last["stage"], last["host"] or "Exchange"
    if state == "delivered":
        return [
            _step("token", "ok", None, "there was one"), _step("submitted", "ok", last["started_at"], f"to {host}"),
            _step("answer", "ok", at, "it was taken", {"answer": last["answer"]}),
        ]  # fmt: skip
    ahead = _NEXT.get(state, record.next)
    if stage == "token":
        failed = _step("token", "failed", at, f"Entra gave none; {ahead}", last)
        return [failed, *(_step(name, "skipped", None, "not reached") for name in ("submitted", "answer"))]
    token = _step("token", "ok", None, "there was one")
    if stage in _CONNECTING:
        failed = _step("submitted", "failed", at, f"{host} was not ready for it ({stage}); {ahead}", last)
        return [token, failed, _step("answer", "skipped", None, "not reached")]
    return [
        token, _step("submitted", "ok", last["started_at"], f"to {host}"),
        _step("answer", "failed", at, f"it was not taken ({stage}); {ahead}", last),
    ]  # fmt: skip
