"""What a Content-Type says (RFC 2045 §5), read leniently, and the two fields a re-encoded part needs changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from relay.message.header import field as field_of
from relay.message.header import replaced, value

_PARAMETER = re.compile(r""";\s*([^\s=;"]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"?|([^\s;]*))""")
_CHARSET = re.compile(rb"""(?i)(;[ \t\r\n]*charset[ \t]*=[ \t]*)(?:"(?:\\.|[^"\\])*"?|[^\s;]*)""")


@dataclass(frozen=True, slots=True)
class ContentType:
    """Type and subtype in lower case; the parameters by lower-case name."""

    main: str
    sub: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def charset(self) -> str:
        return self.parameters.get("charset", "").strip().lower()

    @property
    def boundary(self) -> bytes:
        return self.parameters.get("boundary", "").rstrip().encode("latin-1")

    @property
    def sealed(self) -> bool:
        """Signed or encrypted: one changed octet and it is worth nothing (RFC 1847, RFC 8551, RFC 3156)."""
        full = f"{self.main}/{self.sub}"
        return full in _SEALED or "pkcs7" in self.sub or "pgp" in self.sub


IDENTITY = frozenset(("", "7bit", "8bit", "binary"))
_SEALED = {"multipart/signed", "multipart/encrypted"}


def content_type(section: bytes, default: str = "text/plain") -> ContentType:
    """The type of a header section; the default where there is none or an unreadable one (RFC 2045 §5.2)."""
    text = (value(section, "Content-Type") or b"").decode("latin-1")
    kind, _, _ = text.partition(";")
    main, slash, sub = kind.strip().lower().partition("/")
    if not (main and slash and sub):
        main, _, sub = default.partition("/")
    found = {match[1].lower(): match[2] if match[2] is not None else match[3] for match in _PARAMETER.finditer(text)}
    return ContentType(main.strip(), sub.split()[0] if sub.split() else "", found)


def encoding(section: bytes) -> str:
    """The Content-Transfer-Encoding in lower case; empty when none is declared."""
    return (value(section, "Content-Transfer-Encoding") or b"").decode("latin-1").partition(";")[0].strip().lower()


def with_encoding(section: bytes, name: str) -> bytes:
    """The section with that Content-Transfer-Encoding, in the place of the old one."""
    line = b"Content-Transfer-Encoding: " + name.encode() + b"\r\n"
    if field_of(section, "Content-Transfer-Encoding") is None:
        return section + line
    return replaced(section, "Content-Transfer-Encoding", line)


def with_charset(section: bytes, charset: str) -> bytes:
    """The section with that charset in its Content-Type, all else of the field as it was."""
    raw = field_of(section, "Content-Type")
    label = charset.encode()
    if raw is None:
        return section + b"Content-Type: text/plain; charset=" + label + b"\r\n"
    if not content_type(raw, default="/").main:
        return replaced(section, "Content-Type", b"Content-Type: text/plain; charset=" + label + b"\r\n")
    line, count = _CHARSET.subn(lambda match: match[1] + label, raw, count=1)
    if not count:
        line = raw.rstrip(b" \t\r\n;") + b";\r\n\tcharset=" + label + b"\r\n"
    return replaced(section, "Content-Type", line)
