"""Address patterns of the configuration: only * is special, it stands for any characters; case does not count."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches, from its start, an address in lower case that one of the patterns covers."""
    texts = (".*".join(map(re.escape, pattern.lower().split("*"))) for pattern in patterns)
    return re.compile(rf"(?s:{'|'.join(texts)})\Z")
