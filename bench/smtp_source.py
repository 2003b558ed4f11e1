"""The same jobs by Postfix's own load generator, smtp-source(1): a cross-check of ours by a program nobody here wrote.

It measures no single message; the time of the whole run, with its own start and the QUITs, stands for all.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from bench.load import RECIPIENT, SENDER, Report

if TYPE_CHECKING:
    from bench.load import Job


def send(job: Job, *, timeout_s: float = 120) -> Report:
    """Runs the job. Raises `RuntimeError` when smtp-source fails, with its words."""
    command = ["smtp-source", "-s", str(job.devices), "-m", str(job.messages), "-l", str(job.size)]
    command += ["-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{job.port}"]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    seconds = time.monotonic() - begun
    if done.returncode:
        raise RuntimeError(f"smtp-source failed: {done.stdout}{done.stderr}")
    return Report(accepted=job.messages, seconds=seconds, octets=job.messages * job.size, latencies_ms=[])
