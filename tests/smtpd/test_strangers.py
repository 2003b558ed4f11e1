"""Who was refused because nobody knows it is remembered, in bounds, and across restarts; and stays outside."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from relay.smtpd.notebook import NAME, Notebook, read
from relay.smtpd.strangers import Stranger, Strangers
from tests.smtpd.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELSEWHERE = {"copier": {"address": "10.9.9.9", "profile": "scans"}}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["address", "count", "quirks", "x"]), inner),
)


async def test_an_unknown_device_is_remembered_and_refused(open_door: Callable[..., Any]) -> None:
    """Its address, its name, its habits, what it heard and how often; it is refused the second time as the first."""
    door = await open_door(devices=ELSEWHERE)
    for _ in range(2):
        device = await door.device()
        await device.hear()
        await device.ask("HELO")
        assert (await device.ask("MAIL FROM:<mfp@device.test>")).startswith("530")
    (stranger,) = door.house.strangers.all()
    assert (stranger.address, stranger.helo, stranger.count, stranger.tls) == ("127.0.0.1", "", 2, False)
    assert stranger.quirks == ["greets without a name", "HELO only"]
    assert stranger.reply.startswith("530 5.7.0")
    assert stranger.listener == "127.0.0.1:0"


async def test_the_login_that_was_tried_is_remembered_and_its_password_is_not(open_door: Callable[..., Any]) -> None:
    """With the mechanism, so that the device can be let in by it."""
    door = await open_door(devices=ELSEWHERE)
    device = await door.device()
    await device.hear()
    await device.ask("EHLO mfp")
    await device.ask("AUTH PLAIN " + base64.b64encode(b"\0scanner\0hunter2").decode())
    (stranger,) = door.house.strangers.all()
    assert (stranger.login, stranger.mechanisms, stranger.helo) == ("scanner", ["PLAIN"], "mfp")
    assert "hunter2" not in repr(stranger)


async def test_what_speaks_tls_to_a_plain_port_is_remembered(open_door: Callable[..., Any]) -> None:
    """The remedy is a setting of the device."""
    door = await open_door(devices=ELSEWHERE)
    device = await door.device()
    device.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    await until(door.house.strangers.all)
    (stranger,) = door.house.strangers.all()
    assert "device speaks implicit TLS to a plain port" in stranger.quirks


async def test_a_known_device_is_no_stranger_whatever_it_is_refused(open_door: Callable[..., Any]) -> None:
    """A wrong recipient is not a question of who it is."""
    door = await open_door(
        devices={"copier": {"address": "127.0.0.1", "profile": "scans", "recipients": ["*@contoso.test"]}}
    )
    device = await door.device()
    await device.hear()
    await device.ask("EHLO mfp")
    await device.ask("MAIL FROM:<mfp@device.test>")
    assert (await device.ask("RCPT TO:<x@evil.test>")).startswith("550")
    assert door.house.strangers.all() == []


def test_no_more_than_a_thousand_are_remembered() -> None:
    """The one not seen for longest is forgotten; one that comes again is new again."""
    strangers = Strangers()
    for n in range(1001):
        strangers.met(Stranger(f"10.0.{n // 250}.{n % 250}"), float(n + 1))
        strangers.met(Stranger("10.9.9.9"), float(n + 1))
    found = strangers.all()
    assert len(found) == 1000
    assert (found[-1].address, found[-1].count, found[-1].first, found[-1].last) == ("10.9.9.9", 1001, 1.0, 1001.0)
    assert all(item.address != "10.0.0.0" for item in found)


def test_what_a_stranger_says_of_itself_is_short_and_printable() -> None:
    """It is shown in a terminal and kept on the disk."""
    strangers = Strangers()
    for n in range(50):
        strangers.met(Stranger("10.0.0.1", login="\x1b[2J", helo="h" * 5000, mechanisms=[f"M{n}"]), 1.0)
    (stranger,) = strangers.all()
    assert stranger.login == "?[2J"
    assert len(stranger.helo) == 81
    assert len(stranger.mechanisms) == 8


async def test_strangers_outlive_a_restart(tmp_path: Path) -> None:
    """Written when they changed, readable by nobody else; what was met before the file was read adds up."""
    path = tmp_path / NAME
    strangers = Strangers()
    first = Notebook(path, strangers, every_s=0.001)
    await first.open()
    strangers.met(Stranger("10.0.0.1", login="scan", mechanisms=["LOGIN"]), 5.0)
    await until(path.exists)
    assert path.stat().st_mode & 0o777 == 0o600
    strangers.met(Stranger("10.0.0.2"), 6.0)
    await first.close()

    again = Strangers()
    second = Notebook(path, again)
    await second.open()
    assert [item.address for item in again.all()] == ["10.0.0.1", "10.0.0.2"]
    again.met(Stranger("10.0.0.1", login="scan", mechanisms=["PLAIN"]), 7.0)
    await second.close()
    newest = read(path)[-1]
    assert (newest.address, newest.count, newest.first, newest.mechanisms) == ("10.0.0.1", 2, 5.0, ["LOGIN", "PLAIN"])


async def test_a_disk_that_refuses_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    """The relay goes on, and writes when it can again."""
    strangers = Strangers()
    notebook = Notebook(tmp_path / "gone" / NAME, strangers)
    await notebook.open()
    strangers.met(Stranger("10.0.0.1"), 1.0)
    await notebook.close()
    assert not (tmp_path / "gone").exists()


@given(JSON)
def test_a_damaged_file_is_nobody(tmp_path_factory: Any, content: Any) -> None:
    """Whatever stands in it, reading it never fails."""
    path = tmp_path_factory.mktemp("notebook") / NAME
    path.write_text(json.dumps(content))
    assert all(isinstance(item, Stranger) for item in read(path))
