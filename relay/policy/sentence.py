"""The part of an answer that is the same every time it is given."""

from __future__ import annotations

import re

READ = 4000  # Exchange's diagnostics run to several KB; the sentence stands in the first fields
_DIAGNOSTIC = "[BeginDiagnosticData]"
_BRACKET = re.compile(r"\s*\[([^\[\]]{1,300})\]")
_TRAILER = re.compile(r"^Hostname=|\.(outlook|office365|exchangelabs)\.|\d{4}-\d\d-\d\dT\d\d:\d\d", re.IGNORECASE)


def sentence(text: str) -> str:
    """The answer without `[host time id]`, diagnostics and line breaks."""
    text = " ".join(text[:READ].split()).partition(_DIAGNOSTIC)[0]
    return _BRACKET.sub(lambda found: "" if _TRAILER.search(found[1]) else found[0], text).strip()
