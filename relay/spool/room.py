"""The guard at the door of the spool: looks at the disk once a second at most, and says when mail must be refused.

Each change is told to the journal once. The octets kept come from the thread that writes, which reads them after each
commit. A reserve of room, the ballast, is given free when the disk is so full that no outcome could be written.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.policy.room import Lack, Room, in_words, lacking, remedy_of, too_much
from relay.spool.store import SpoolFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config.settings import Spool as SpoolSettings
    from relay.telemetry.journal import Journal

BALLAST = 8 << 20
_ROOM_FOR_S = 1.0
_RESTART = "restart the relay; what it accepted until now is safe"


class RoomGuard:
    """Is asked at every MAIL command, in the event loop."""

    def __init__(
        self, directory: Path, settings: SpoolSettings, used: Callable[[], int], journal: Journal | None
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._used = used
        self._journal = journal
        self._files: dict[Path, int] = {}
        self._looked = 0.0
        self._free = 0
        self._trouble = ("", "")
        self._closed = ("", "")
        self._lack = Lack.NOTHING
        self._refusing = ""

    @property
    def ballast(self) -> Path:
        return self._directory / "ballast"

    def watch(self, *files: Path) -> None:
        """From now on these files must stay what they are. Raises `OSError`."""
        self._files = {path: path.stat().st_ino for path in files}

    def room(self) -> Room:
        """How full it is; the disk is looked at once a second at most. Never raises."""
        now = time.monotonic()
        if now - self._looked > _ROOM_FOR_S:
            self._looked = now
            self._look()
        room = self._measured()
        self._decide(room)
        return replace(room, refusing=self._refusing)

    def check(self, size: int) -> None:
        """Raises `SpoolFull` when mail, or a message of that size, must be refused now."""
        room = self.room()
        if room.refusing:
            raise SpoolFull(room.refusing, self._trouble[1] or remedy_of(self._lack))
        if size and (lack := too_much(room, size)):
            left = f"{room.free_bytes} bytes are free and {room.min_free_bytes} must stay so"
            if Lack.QUOTA in lack:
                left = f"{room.used_bytes} of {room.max_bytes} bytes are taken"
            raise SpoolFull(f"a message of {size} bytes finds no room at {self._directory}: {left}", remedy_of(lack))

    def close(self, reason: str, remedy: str) -> None:
        """No mail is taken any more, whatever the disk says."""
        self._closed = (reason, remedy)
        self._looked = 0.0

    def lay_ballast(self) -> None:
        """Where there is room for it and it is not there yet. Raises `OSError`."""
        if not self.ballast.exists() and self._free_bytes() > self._settings.min_free_bytes + BALLAST:
            self._lay()

    # -- inside

    def _look(self) -> None:
        self._trouble = self._closed
        try:
            self._free = self._free_bytes()
            self.lay_ballast()
            gone = [path for path, inode in self._files.items() if path.stat().st_ino != inode]
        except OSError as error:
            reason = f"the disk of {self._directory} does not answer: {error.strerror or error}"
            self._trouble = (reason, "look at that disk: is it mounted, and what does the kernel say of it?")
            return
        if gone:  # what is written to a deleted database is written nowhere
            self._trouble = (f"{gone[0]} was replaced under the running relay: restart it", _RESTART)

    def _measured(self) -> Room:
        return Room(self._free, self._settings.min_free_bytes, self._used(), self._settings.max_bytes)

    def _decide(self, room: Room) -> None:
        self._lack = lacking(room, self._lack)
        before = self._refusing
        self._refusing = self._trouble[0] or in_words(self._lack, room, str(self._directory))
        if bool(before) != bool(self._refusing) and self._journal is not None:
            self._tell(room, self._journal)

    def _tell(self, room: Room, journal: Journal) -> None:
        figures = {"free_bytes": room.free_bytes, "used_bytes": room.used_bytes}
        if self._refusing:
            journal.refusing(reason=self._refusing, remedy=self._trouble[1] or remedy_of(self._lack), **figures)
        else:
            journal.accepting(**figures)

    def _free_bytes(self) -> int:
        stat = os.statvfs(self._directory)
        return stat.f_bavail * stat.f_frsize

    def _lay(self) -> None:
        fd = os.open(self.ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, BALLAST)
        except OSError:
            self.ballast.unlink(missing_ok=True)
        finally:
            os.close(fd)
