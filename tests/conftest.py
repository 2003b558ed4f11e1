"""What every test may ask for: tools nobody here wrote, which `tests/setup` installs."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# Hundreds of tests start a relay, and each run rewrites hundreds of files: bytecode is kept, whatever the shell says.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test judges time: by default an example that takes 0.2 s fails, whatever else the machine does.
settings.register_profile("relay", deadline=None)
settings.load_profile("relay")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Eight thousand tests are found without a look for garbage among them, then or ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


class NeedTool(Protocol):
    """Gives the path of a program."""

    def __call__(self, name: str) -> str:
        """The path of `name`. Where it is missing the test is skipped, in CI it fails."""
        ...


@pytest.fixture(scope="session")
def need_tool() -> NeedTool:
    """`need_tool("swaks")` is its path; a missing tool skips the test with the reason, and fails it in CI."""
    return find_tool


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """`lacking("no mount namespace here")` skips the test with the reason, and fails it in CI."""
    return not_to_be_had


@pytest.fixture(scope="session", autouse=True)
def few_keys() -> Iterator[None]:
    """The sandbox's authority takes one of four keys: fresh ones for all tests take a minute."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from relay.sandbox.signing import SigningKey

    made = functools.cache(lambda _: rsa.generate_private_key(65537, 2048))
    which = itertools.cycle(range(4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SigningKey, "fresh", lambda: SigningKey(made(next(which)), secrets.token_urlsafe(20)))
        yield


@pytest.fixture
def as_root() -> None:
    """What only root can do (be another user, give a file away, mount a disk) is left out for others, not in CI."""
    if os.geteuid() != 0:
        not_to_be_had("only root can be another user, give a file away or mount a disk")


def find_tool(name: str) -> str:
    """Looks beside this Python, on PATH and in the system's administration directories; a library by its path."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    is_library = name.startswith("/") and Path(name).exists()
    found = name if is_library else shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        not_to_be_had(f"{name} is not installed; tests/setup installs it on Debian as root")
    return found


def not_to_be_had(reason: str) -> NoReturn:
    """This machine lacks what the test stands on: a developer reads why it was left out, CI must not go on without."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tables that tests leave with `record_property("table", …)` stand at the end, from whichever process they come."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for table in (text for name, text in report.user_properties if name == "table"):
                    terminalreporter.section(report.nodeid)
                    terminalreporter.write_line(table)
