"""Real messages to send, and what the relay may do to them: written without a look at how the relay does it.

A few are in `messages/` here; more in the directory that RELAY_CORPUS names, or in `shared/corpus` beside the checkout.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_TRACE = rb"Received: from \S+ \(\[127\.0\.0\.\d+\]\)\r\n\tby relay\.test with E?SMTPS?A? id \w+;\r\n\t.*\r\n"
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:")


def files() -> list[Path]:
    """The messages of `messages/` here, and those of the corpus where there is one."""
    named = os.environ.get("RELAY_CORPUS")
    directory = Path(named) if named else ROOT.parent / "shared" / "corpus"
    found = sorted(path for path in directory.rglob("*") if path.is_file() and path.suffix not in (".json", ".py"))
    assert found or not named, f"RELAY_CORPUS: no messages in {directory}"
    return sorted((HERE / "messages").iterdir()) + found


def normal(raw: bytes) -> bytes:
    """Every line end is CRLF, the last line has one too: what Exchange takes."""
    text = re.sub(rb"\r*\n|\r", b"\r\n", raw)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def sendable(raw: bytes) -> bytes:
    """As it is, but for the last line end: without a CRLF there, no device can say where its message ends."""
    return re.sub(rb"(\r*\n|\r)?\Z", b"\r\n", raw, count=1)


@dataclass(frozen=True)
class Parts:
    """A message cut at its first empty line; one without any field is all body, a fold of nothing is undone."""

    section: bytes
    body: bytes

    @classmethod
    def of(cls, message: bytes) -> Parts:
        section, _, body = message.partition(b"\r\n\r\n")
        if message.startswith(b"\r\n"):
            return cls(b"", message[2:])
        if not _FIELD.search(section):
            return cls(b"", message)
        return cls(section.removesuffix(b"\r\n").lstrip(b" \t\r\n") + b"\r\n", body)

    def fields(self, name: bytes) -> list[bytes]:
        """The fields of that name, whole, with folds and line end."""
        return re.findall(rb"(?im)^" + re.escape(name) + rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", self.section)

    def has(self, name: bytes) -> bool:
        return bool(self.fields(name))


@dataclass(frozen=True)
class Way:
    """How a message went: the policy, the mailbox, and the reverse-path of the device."""

    policy: str
    mailbox: str
    sender: str


def without_promised(arrived: Parts, sent: Parts, way: Way) -> bytes:
    """The header section that arrived, the promised additions taken out; fails where one is missing or different."""
    section = _without(arrived.section, _TRACE)
    if not sent.has(b"Date"):
        section = _without(section, rb"Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r\n")
    if not sent.has(b"Message-ID"):
        section = _without(section, rb"Message-ID: <\w+@relay\.test>\r\n")
    if way.policy != "keep":
        section = _with_others(section, sent)
    if not sent.has(b"From"):
        who = way.sender if way.policy == "keep" else way.mailbox
        return _without(section, b"From: <" + re.escape(who.encode()) + rb">\r\n")
    return section if way.policy == "keep" else _with_own_from(section, sent, way)


def _with_others(section: bytes, sent: Parts) -> bytes:
    """Who else claimed to be the sender, back under the names the device wrote: Exchange refuses them as they were."""
    others = [(b"X-Original-Sender", field) for field in sent.fields(b"Sender")]
    others += [(b"X-Original-From", field) for field in sent.fields(b"From")[1:]]
    for ours, field in others:
        line = rb"(?m)^" + ours + b":" + re.escape(field.partition(b":")[2])
        section = re.sub(line, lambda _, field=field: field, section, count=1)
    return section


def _with_own_from(section: bytes, sent: Parts, way: Way) -> bytes:
    """The From of the device back in its place."""
    name = rb"(?:[^\r\n]+ )?" if way.policy == "person" else b""
    reply_to = b"" if sent.has(b"Reply-To") else rb"(?:Reply-To: <\S+@\S+>(?:,\r\n <\S+@\S+>)*\r\n)?"
    author = rb"(?m)^From: " + name + b"<" + re.escape(way.mailbox.encode()) + rb">\r\n"
    ours = author + reply_to + b"X-Original-From(?=:)"
    written = sent.fields(b"From")[0].partition(b":")[0]
    undone, count = re.subn(ours, lambda _: written, section)
    assert count == 1, section.decode("latin-1")
    return undone


def _without(section: bytes, front: bytes) -> bytes:
    match = re.match(front, section)
    assert match, (front, section[:400])
    return section[match.end() :]
