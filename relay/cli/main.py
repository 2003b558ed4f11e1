"""The command `relay`: what it offers, how it ends.

`relay healthcheck` is answered before click is imported: a container runs it every half minute. Everything else is a
click command in a file of its own; what a command needs of the relay it imports when it runs, so that `relay --help`
is quick. A command returns its exit code; the codes are listed in the epilogue of `relay --help`.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`relay queue list | head`): there is nobody to tell, so that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["healthcheck"]:
        from relay.cli.healthcheck import healthcheck

        return healthcheck(arguments[1:])
    from relay.cli.verbs import run

    return run(arguments)
