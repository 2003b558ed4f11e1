"""The page about repairs names them all, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DONE = "removed|renamed|named|added|indented|split|encoded|merged|folded|wrapped|repaired|labelled|cut"
NAME = f"[a-z]+(?:-[a-z]+)*-(?:{DONE})"


def test_every_repair_is_on_the_page() -> None:
    """What the journal says, an administrator can look up."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "relay" / "message").glob("mend*.py")]
    done = {name for source in sources for name in re.findall(f'"({NAME})"', source)}
    page = (ROOT / "docs" / "reference" / "repairs.md").read_text(encoding="utf-8")

    assert done == set(re.findall(rf"(?m)^\| `({NAME})`", page))
