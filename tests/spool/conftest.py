"""A real spool on a real disk, and small words to put mail into it and take it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from relay.config.settings import Spool
from relay.message.address import Address
from relay.spool.sqlite import SqliteStore
from relay.spool.store import Claim, NewMessage, Seat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from relay.telemetry.journal import Journal

MAILBOX = "scanner@contoso.test"
HEAD = b"Subject: scan\r\n"
LARGE = 200_000
LINES = (b"x" * 78 + b"\r\n") * (LARGE // 80)


def retry_at_once(age_ms: int) -> int:
    """A lost attempt is tried again a minute later, however old the message."""
    assert age_ms >= 0
    return 60_000


class Desk:
    """One store with the mailbox opened, and what a test says to it."""

    def __init__(self, directory: Path, journal: Journal | None = None, **settings: Any) -> None:
        self.told: list[tuple[str, str]] = []
        self.directory = directory
        self.store = SqliteStore(directory, Spool(**settings), lambda *who: self.told.append(who), journal)

    async def put(
        self, body: bytes = b"hello\r\n", *, to: tuple[str, ...] = ("a@contoso.test",), profile: str = "scans",
        device: str = "copier", precedence: int = 2,
    ) -> str:  # fmt: skip
        """Hands one message in, whole; its id."""
        draft = self.store.draft()
        draft.write(HEAD + b"\r\n" + body)
        whole = await draft.finish()
        await self.store.accept(NewMessage(
            id=draft.id, device=device, profile=profile, mailbox=MAILBOX, sender=Address(MAILBOX),
            recipients=tuple(map(Address, to)), client="10.0.2.17", head=whole.section + b"\r\n",
            body=whole.body, eight_bit=whole.eight_bit, precedence=precedence,
        ))  # fmt: skip
        return draft.id

    def seat(
        self, owner: str = "one", *, sessions: int = 2, per_minute: int = 0, profiles: tuple[str, ...] = ("scans",)
    ) -> Seat:
        return Seat(owner, MAILBOX, profiles, sessions, per_minute)

    async def take(self, owner: str = "one", **limits: int) -> Claim:
        """The next message; fails when there is none to have."""
        found = await self.store.claim(self.seat(owner, **limits), retry_at_once)
        assert isinstance(found, Claim), found
        return found

    def bodies(self) -> list[str]:
        return sorted(path.name for path in (self.directory / "bodies").iterdir())


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An open spool."""
    desk = Desk(tmp_path / "spool", min_free_bytes=0)
    await desk.store.open()
    await desk.store.open_mailbox(MAILBOX)
    yield desk
    await desk.store.close()


@pytest.fixture
def spool_directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"
