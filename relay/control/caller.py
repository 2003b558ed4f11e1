"""Asks the running relay through its control socket; says clearly when there is none, or when one may not.

A socket's path may have 108 octets and a data_dir more: it is reached through the directory's descriptor.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "control.sock"
_CONNECT_S = 5.0
_ANSWER_S = 600.0  # an order to 100 000 messages takes its time beside the mail


class NoRelay(Exception):  # noqa: N818  (named for what is the case)
    """Nobody listens: no relay runs on this data_dir."""


class Unreachable(Exception):  # noqa: N818
    """There is a relay, but it can't be asked; the text says why and what to do."""


class Refused(Exception):  # noqa: N818
    """The relay says no."""

    def __init__(self, error: str, remedy: str = "") -> None:
        super().__init__(f"{error}; {remedy}" if remedy else error)
        self.error = error
        self.remedy = remedy


@contextmanager
def path_in(directory: Path) -> Iterator[str]:
    """A short path to the socket in this directory. Raises `OSError`."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def ask(directory: Path, name: str, *, within_s: float = _ANSWER_S, **fields: Any) -> dict[str, Any]:
    """The running relay's answer. Raises `NoRelay`, `Unreachable`, `Refused`."""
    request = {"order": name, "acting": os.environ.get("SUDO_USER", ""), **fields}
    with _connected(directory) as connection:
        try:
            connection.settimeout(within_s)
            with contextlib.suppress(BrokenPipeError):  # turned away at once: the answer is there all the same
                connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
        except OSError as error:
            raise Unreachable(f"the relay at {directory} does not answer: {error}; see its log") from error
    if not line.endswith(b"\n"):
        raise Unreachable(f"the relay at {directory} ended before it answered: look at what was done, then ask again")
    answer = dict(json.loads(line))
    if not answer.pop("ok", False):
        raise Refused(str(answer.get("error", "")), str(answer.get("remedy", "")))
    return answer


def is_running(directory: Path) -> bool:
    """Whether a relay works on this data_dir, as far as this user may know."""
    try:
        with _connected(directory):
            return True
    except NoRelay:
        return False
    except Unreachable:
        return True


def asker() -> str:
    """Who gives the order, where no relay is asked: the user of this process, and for whom it acts (sudo)."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    acting = os.environ.get("SUDO_USER", "")
    return f"{acting} (root)" if acting and name == "root" else name


@contextmanager
def _connected(directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_CONNECT_S)
        try:
            with path_in(directory) as path:
                connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoRelay(str(error)) from error
        except PermissionError as error:
            raise Unreachable(
                f"{directory / NAME} can't be reached: {error.strerror}; ask as the relay's user or as root"
            ) from error
        except OSError as error:
            raise Unreachable(
                f"{directory / NAME} can't be reached: {error}; is the relay stuck? see its log"
            ) from error
        yield connection
