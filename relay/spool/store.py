"""The door of the spool: what the rest of the house may ask, in values that no back end leaks through.

Promises: `accept` returns when the message would survive `kill -9` and power loss. `claim` has committed the attempt
and its next due time before it returns. `settle` with a fence that is not the newest changes nothing. A full or failing
disk raises `SpoolError`; nothing accepted is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relay.message.address import Address
    from relay.message.parcel import Parcel
    from relay.policy.external import Curb
    from relay.policy.room import Room
    from relay.spool.notices import NoticeBook
    from relay.spool.orders import Giver, Ordered


class SpoolError(Exception):
    """The spool could not do it now; the text says what the system said. Nothing accepted before is touched.

    `remedy` says what to do about it, where the spool knows.
    """

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


class SpoolFull(SpoolError):  # noqa: N818  (named for what happened, as the reply text is)
    """No room on the disk, or less than the low-water mark."""


class SpoolBusy(SpoolError):  # noqa: N818
    """Another process works on this spool."""


class SpoolBroken(SpoolError):  # noqa: N818
    """`file` is no database, or a damaged one."""

    def __init__(self, text: str, file: Path) -> None:
        super().__init__(
            text,
            f"restore {file} from a backup; or move the whole directory {file.parent} away, not the file alone, and "
            "start with an empty spool: the mail in it is not sent, but its bodies are still there",
        )
        self.file = file


class State(StrEnum):
    """Where a message stands.

    UNCERTAIN: its last attempt may have delivered it; due like a queued one. CORRUPT: what is stored of it is damaged;
    it is shown and never sent. DROPPED: an operator gave it up. Delivered, failed and dropped are settled.
    """

    QUEUED = "queued"
    UNCERTAIN = "uncertain"
    LEASED = "leased"
    HELD = "held"
    CORRUPT = "corrupt"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Stored:
    """A body on its way into a row: small and in memory, or already a durable file named by the id."""

    content: bytes | None
    size: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A message that has come whole, mended: the header section without the empty line, and the body.

    `repairs` names what was done, `left` the damage that stays (docs/reference/repairs.md), `eight_bit` says whether
    octets beyond ASCII are left, `mistake` what went wrong in mending; `came` is the head as it came, its empty line
    included where there was one.
    """

    section: bytes
    body: Stored
    repairs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    eight_bit: bool = False
    mistake: str = ""
    came: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """Everything the row of an accepted message holds.

    `precedence` as `relay.policy.precedence` counts it; `kind` is mail or notice; `author` the person who scanned,
    empty where nobody knows, `<>` where nobody is ever to be told (`relay.policy.notices`); `transcript` the device's
    side of SMTP, secrets masked; `arrival` how it came, JSON; `came` the head as the device sent it, None where no
    device did; `subject_hash` as `relay.message.subject` makes it.
    """

    id: str
    device: str
    profile: str
    mailbox: str
    sender: Address
    recipients: tuple[Address, ...]
    client: str
    head: bytes
    body: Stored
    eight_bit: bool
    precedence: int = 2
    kind: str = "mail"
    author: str = ""
    transcript: str = ""
    arrival: str = ""
    came: bytes | None = None
    subject_hash: str = ""

    @property
    def size(self) -> int:
        return len(self.head) + self.body.size


@dataclass(frozen=True, slots=True)
class Seat:
    """Who asks for work: one connection of one mailbox, and what that mailbox may have; a limit of 0 is none.

    `curbs` are the profiles whose external recipients wait. `probing`: one message at a time finds out whether the
    mailbox may go on.
    """

    owner: str
    mailbox: str
    profiles: tuple[str, ...]
    sessions: int
    messages_per_minute: int
    recipients_per_day: int = 0
    recipients_per_message: int = 0
    curbs: Mapping[str, Curb] = field(default_factory=dict)
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One message, leased, with as many of its recipients as one submission takes; `left` are those it left behind.

    `fence` proves it to `settle`; `doubtful` counts earlier attempts that may have delivered it.
    `apart_ms` is where the clock stood when it was claimed.
    """

    parcel: Parcel
    device: str
    profile: str
    mailbox: str
    attempt: int
    fence: int
    received_at: int
    doubtful: int = 0
    claimed_at: int = 0
    left: int = 0
    apart_ms: int = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do now; ask again at `until` (epoch milliseconds) or when told that mail came. None: no such time.

    `crowded`: the mailbox may not have another connection now.
    """

    until: int | None
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """The final word on one recipient."""

    address: Address
    state: str
    answer: str
    rule: str = ""
    meaning: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claim. `due_at` counts when the state is queued or uncertain; recipients not named stay pending.

    `split`, where it is not 0, is the most recipients that the next envelope may have.
    """

    state: State
    outcome: str
    due_at: int = 0
    host: str = ""
    stage: str = ""
    rule: str = ""
    answer: str = ""
    meaning: str = ""
    remedy: str = ""
    recipients: Sequence[RecipientResult] = field(default=())
    transcript: str = ""
    split: int = 0

    def moved(self, by_ms: int) -> Settlement:
        """The same, by a clock that was set since."""
        return replace(self, due_at=self.due_at + by_ms) if by_ms and self.due_at else self


@dataclass(frozen=True, slots=True)
class Pause:
    """A profile that waits for its configuration to be mended; times are epoch milliseconds."""

    profile: str
    since: int
    until: int
    rule: str
    answer: str
    meaning: str
    remedy: str


class Draft(Protocol):
    """A message on its way in. Not durable before `Store.accept`; forgotten by `discard`."""

    id: str

    def write(self, chunk: bytes) -> None:
        """Takes decoded octets, head first. Raises `relay.message.header.HeaderTooLarge`; never blocks."""
        ...

    @property
    def backlog(self) -> int:
        """Octets taken but not yet written: stop reading when it grows."""
        ...

    async def relieved(self) -> None:
        """Returns when the backlog is small again. Raises `SpoolError`."""
        ...

    async def finish(self, *, assumed: str) -> Whole:
        """The message as it goes on, its body durable if it is a file. Raises `SpoolError`.

        `assumed` is the charset of octets beyond ASCII that nothing else tells of.
        """
        ...

    async def discard(self) -> None:
        """Leaves nothing behind. Never raises."""
        ...


class Store(Protocol):
    """The durable store of messages between acceptance and the final outcome."""

    def check_room(self, size: int = 0) -> None:
        """Raises `SpoolFull` when new mail must be refused, or a message of that size; cheap enough for every MAIL."""
        ...

    def room(self) -> Room:
        """How full disk and spool are; cheap. Never raises."""
        ...

    def draft(self) -> Draft:
        """A new message with an id of its own (ULID)."""
        ...

    async def accept(self, new: NewMessage) -> None:
        """Makes the message durable and wakes delivery. Raises `SpoolError`."""
        ...

    def expect(self, message_id: str) -> asyncio.Future[Settlement]:
        """Is told how the first attempt of a message is settled; to be asked for before `accept`.

        Whoever no longer waits cancels it; the message does not notice.
        """
        ...

    async def claim(self, seat: Seat, retry_ms: Callable[[int], int]) -> Claim | Rest:
        """The next message of the seat's profiles; `retry_ms(age_ms)` is the delay should this attempt be lost."""
        ...

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        """Records the outcome; False when the fence was not the newest one.

        A message that left recipients behind is due again at once, whatever became of those it took along.
        """
        ...

    async def open_mailbox(self, mailbox: str) -> None:
        """Makes the meter and the slots of a mailbox that was not seen before; claims for it come after."""
        ...

    async def leave(self, owner: str) -> None:
        """The connection is closed: its slot is free."""
        ...

    async def block(self, mailbox: str, until: int) -> None:
        """Nothing is claimed for this mailbox before `until` (epoch milliseconds), nor before an earlier block ends.

        0 lifts the block.
        """
        ...

    async def slow(self, claim: Claim, until: int) -> float | None:
        """The mailbox of this claim was throttled and rests until then; its pace from now on.

        None: the claim was under way when the mailbox was slowed for another one.
        """
        ...

    async def pause(self, pause: Pause) -> None:
        """Keeps a pause across restarts."""
        ...

    async def resume(self, profile: str) -> None:
        """Forgets a pause; its mail is due at once."""
        ...

    async def pauses(self) -> Mapping[str, Pause]:
        """The pauses by profile."""
        ...

    async def clock_moved(self, by_ms: int) -> None:
        """The system clock was put forward by so much, or back: times in the spool become those of the new clock."""
        ...

    async def profiles_waiting(self) -> frozenset[str]:
        """The profiles that have mail to deliver, or on its way."""
        ...

    async def pulse(self) -> None:
        """Returns when the writer has come round and could write. Raises `SpoolError`; hangs with a disk that hangs."""
        ...

    async def order(self, giver: Giver, ids: Sequence[str]) -> Ordered:
        """One step of an operator's order, with an event for each message. Raises `SpoolError`."""
        ...

    async def purge(self, delivered_before: int, failed_before: int) -> int:
        """Forgets settled messages older than these times; returns how many."""
        ...

    @property
    def notices(self) -> NoticeBook:
        """What somebody has still to be told."""
        ...

    @property
    def directory(self) -> Path:
        """Where the spool lives."""
        ...
