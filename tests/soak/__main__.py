"""`python -m tests.soak --minutes 10 --seed 1`: the soak as a command; it ends with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import LETTERS_A_SECOND, Soak, soak


def main() -> int:
    """Prints the seed first, so that it is known whatever happens, and the closing count last."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rate", type=int, default=LETTERS_A_SECOND, help="letters a second")
    given = parser.parse_args()
    wanted = Soak(given.seed, given.minutes * 60, given.rate)
    print(f"soak of {given.minutes:g} minutes, seed {given.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="relay-soak-"))
    tally = asyncio.run(soak(wanted, directory))
    print(tally.table(wanted.seed, wanted.seconds))
    if tally.breaches:
        print(f"journal, spool and everything that arrived: {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
