"""relay.yaml(5), printed from the settings: each section with its options, as docs/reference/settings.md has them."""

from __future__ import annotations

from relay.cli.roff import block, head, paragraph, tagged, text
from relay.config.manual import Entry, sections

_WHAT = (
    "One YAML file holds the whole configuration. Times are in seconds, sizes in bytes.",
    "An option that is not listed here is an error.",
    "A secret is never written into the file, only where it is kept: {env: NAME}, {file: /path} or {credential: NAME}.",
    "Check it with: relay check. `relay init` writes one, `relay example` prints every option.",
)


def settings_page(version: str) -> str:
    """The whole page."""
    parts = [
        head("RELAY.YAML", 5, version),
        block("NAME", r"relay.yaml \- " + text("the configuration of relay(1)")),
        block("DESCRIPTION", paragraph(*_WHAT)),
    ]
    for place, words, entries in sections():
        body = paragraph(" ".join(words.split())) + "".join(tagged(entry.name, _said(entry)) for entry in entries)
        parts.append(block(place.upper() if place == "the whole file" else place, body))
    return "".join([*parts, block("SEE ALSO", text("relay(1)"))])


def _said(entry: Entry) -> str:
    if entry.default == "required":
        return f"{entry.meaning} Value: {entry.kind}. Required.".replace("`", "")
    default = f" Default: {entry.default.strip('`')}." if entry.default else ""
    return f"{entry.meaning} Value: {entry.kind}.{default}".replace("`", "")
