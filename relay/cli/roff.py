"""Texts in the language of man pages, man(7): nothing in them is taken for a request."""

from __future__ import annotations


def text(words: str) -> str:
    """Any text as it is: backslashes, leading dots and quotes, and the hyphens of options."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def literal(words: str) -> str:
    """What is typed."""
    return f"\\fB{text(words)}\\fR"


def head(name: str, section: int, version: str) -> str:
    return f'.\\" Printed by python -m relay.cli.manpages\n.TH "{text(name)}" {section} "" "relay {version}" "relay"\n'


def block(title: str, body: str) -> str:
    """A section of the page."""
    return f'.SH "{text(title)}"\n{body.rstrip()}\n'


def paragraph(*parts: str) -> str:
    return ".PP\n".join(f"{text(part)}\n" for part in parts)


def tagged(tag: str, body: str) -> str:
    """A term, and below it what it means."""
    return f".TP\n{literal(tag)}\n{text(body) or 'Not described.'}\n"
