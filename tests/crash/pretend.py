"""The pretend Microsoft 365 of the crash tests, in a process of its own so that no kill of the relay reaches it.

`python -m tests.crash.pretend DIRECTORY` runs it; `Pretend` starts that and asks its management port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from relay.sandbox.cloud import CloudOptions
from relay.sandbox.run import run_sandbox

ROOT = Path(__file__).resolve().parents[2]
MAILBOXES = ("pipes@contoso.test", "dots@contoso.test", "steps@contoso.test")


class Pretend:
    """One running cloud; what arrives becomes files in `directory/arrived`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.pretend", str(directory)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.settings: dict[str, Any] = json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait(20)

    async def add_fault(self, **fault: Any) -> str:
        """Puts a fault in force, see `relay.sandbox.faults`; returns its id."""
        return str((await self.order("POST", "/faults", fault))["id"])

    async def remove_fault(self, name: str) -> None:
        """Takes a fault back, if it is not used up, and lets go what hangs by it."""
        with contextlib.suppress(urllib.error.HTTPError):
            await self.order("DELETE", f"/faults/{name}")

    async def clear_faults(self) -> None:
        await self.order("DELETE", "/faults")

    async def switch(self, **switches: str) -> None:
        """Brings switches into a state: exchange="down"."""
        await self.order("PUT", "/switches", switches)

    async def wait_for(self, recipient: str, count: int = 1, seconds: float = 30.0) -> list[dict[str, Any]]:
        """What arrived for one recipient, once it is `count`."""
        path = f"/wait?to={recipient}&count={count}&timeout={seconds}"
        return list(await self.order("GET", path))

    async def order(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the management port, see `relay.sandbox.management`. Raises `urllib.error.HTTPError`."""
        return await asyncio.to_thread(self._request, method, path, body)

    def _request(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.settings["management_url"] + path, data, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as response:
            answer = response.read()
        return json.loads(answer) if answer else None


async def _run(directory: Path) -> None:
    """No limit of any kind: the crash tests hand in more than a mailbox may send on a day."""
    options = CloudOptions(
        mailboxes=MAILBOXES, messages_per_minute=0, recipients_per_day=0, sessions_per_mailbox=0,
        directory=directory, keep_files=True,
    )  # fmt: skip
    running = asyncio.ensure_future(run_sandbox(options, lambda text: print(text, flush=True), as_json=True))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
