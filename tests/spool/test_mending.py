"""A draft mends what Exchange refuses before it is durable, in memory and in files; a mistake then costs no message."""

from __future__ import annotations

import email
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relay.spool.draft import BodyDraft
from relay.spool.store import SpoolFull, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

INLINE = 50_000
HEAD = b"Subject: scan\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
LINE = "Füllstand zu hoch\r\n".encode()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


class Spooled:
    """A directory, and what a draft makes of octets there."""

    def __init__(self, directory: Path, executor: ThreadPoolExecutor) -> None:
        self.directory = directory
        self.draft = BodyDraft(directory, executor, INLINE)

    async def finish(self, octets: bytes) -> Whole:
        for at in range(0, len(octets), 7000):
            self.draft.write(octets[at : at + 7000])
        return await self.draft.finish()

    def body(self, whole: Whole) -> bytes:
        stored = whole.body
        body = (self.directory / self.draft.id).read_bytes() if stored.content is None else stored.content
        assert len(body) == stored.size
        return body

    def read(self, whole: Whole) -> bytes:
        """The content as a mail client decodes it."""
        content = email.message_from_bytes(whole.section + b"\r\n" + self.body(whole)).get_payload(decode=True)
        assert isinstance(content, bytes)
        return content

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def spooled(tmp_path: Path, executor: ThreadPoolExecutor) -> Spooled:
    return Spooled(tmp_path, executor)


@pytest.mark.parametrize("lines", [5, 1500, 2400, 20_000])
async def test_a_body_beyond_ascii_is_encoded_and_says_the_same(spooled: Spooled, lines: int) -> None:
    """In the loop, off it, a small one that outgrows memory, and one in a file, which alone is left."""
    whole = await spooled.finish(HEAD + LINE * lines)
    assert whole.repairs == ("eight-bit-encoded",)
    assert not whole.eight_bit
    assert spooled.body(whole).isascii()
    assert spooled.read(whole) == LINE * lines
    assert spooled.names == ([spooled.draft.id] if whole.body.content is None else [])
    assert (whole.body.content is None) is (whole.body.size > INLINE)


async def test_a_clean_file_under_a_damaged_header_stays_as_it_is(spooled: Spooled) -> None:
    """Only the header changes."""
    body = (b"x" * 76 + b"\r\n") * 5000
    whole = await spooled.finish(b"\xef\xbb\xbfSubject: scan\r\n\r\n" + body)
    assert (whole.section, whole.repairs) == (b"Subject: scan\r\n", ("bom-removed",))
    assert spooled.body(whole) == body


async def test_what_may_not_be_touched_is_left_and_named(spooled: Spooled) -> None:
    """A signature would break."""
    head = b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\n"
    whole = await spooled.finish(head + LINE * 5000)
    assert spooled.body(whole) == LINE * 5000
    assert (whole.repairs, whole.left, whole.eight_bit) == ((), ("signed",), True)


async def test_the_assumed_charset_is_the_administrators(spooled: Spooled) -> None:
    """Russian octets that nothing labels."""
    spooled.draft.write("Subject: Тревога\r\n\r\n".encode("cp1251"))
    whole = await spooled.draft.finish(assumed="windows-1251")
    assert email.message_from_bytes(whole.section)["Subject"] == "=?utf-8?b?0KLRgNC10LLQvtCz0LA=?="


@pytest.mark.parametrize("lines", [5, 20_000])
@pytest.mark.parametrize("broken", ["mending.plan_body", "mending.mend_header", "mending._with_body"])
async def test_a_mistake_in_mending_passes_the_message_on(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch, lines: int, broken: str
) -> None:
    """As it came, and it is told what went wrong."""

    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("so it goes")

    monkeypatch.setattr(f"relay.spool.{broken}", mistaken)
    whole = await spooled.finish(HEAD + LINE * lines)
    assert whole.section + b"\r\n" + spooled.body(whole) == HEAD + LINE * lines
    assert (whole.left, whole.mistake) == (("mending-failed",), "ZeroDivisionError: so it goes")
    assert whole.eight_bit


async def test_a_mistake_in_the_middle_of_the_second_reading_leaves_the_first_file(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-mended is ever stored, and no file or descriptor is left."""

    def mistaken(*_: object) -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    monkeypatch.setattr("relay.message.mend_body.Plan.mended", mistaken)
    descriptors = open_files()
    whole = await spooled.finish(HEAD + LINE * 20_000)
    assert spooled.body(whole) == LINE * 20_000
    assert spooled.names == [spooled.draft.id]
    assert open_files() == descriptors


async def test_a_mistake_about_the_start_of_the_body_falls_back_on_the_first_empty_line(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simple rule never fails."""
    monkeypatch.setattr("relay.spool.draft.body_start", lambda *_, **__: 1 // 0)
    whole = await spooled.finish(b"Subject: scan\r\n\r\nhello\r\n")
    assert (whole.section, whole.body.content) == (b"Subject: scan\r\n", b"hello\r\n")


async def test_a_disk_that_fills_up_in_mending_is_told_and_nothing_is_left(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file needs room too: the device is asked to come again."""
    opened = os.open

    def full(path: object, *more: object, **others: object) -> int:
        if str(path).endswith(".mended"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(SpoolFull, match="No space left"):
        await spooled.finish(HEAD + LINE * 20_000)
    await spooled.draft.discard()
    assert spooled.names == []
