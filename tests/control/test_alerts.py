"""Notifications, from what is wrong to the webhook that hears of it: a real spool and server, a clock of the test."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from relay.config.settings import Settings
from relay.control import ledger
from relay.control.alerts import Alerts, Pace
from relay.control.channels import Channels, Note
from relay.control.symptoms import Symptoms
from relay.message.address import Address
from relay.spool.sqlite import SqliteStore
from relay.spool.store import NewMessage, Pause, Stored
from relay.telemetry.journal import Journal
from relay.upstream.enddates import EndDate
from tests.hook import Hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

MAILBOX = "scanner@contoso.test"
ALL = [
    "profile_paused", "credential_expiring", "queue_old", "disk_low", "budget_low", "mail_failed", "relay_started",
    "relay_stopped",
]  # fmt: skip


class Scene:
    """A store, the alerts on it, and words to make trouble with. `now` is the clock of what is told."""

    def __init__(self, directory: Path, url: str) -> None:
        (directory / "hook").write_text(url + "\n")
        self.directory = directory
        self.now = time.time()
        self.ends: list[EndDate] = []
        self.log = io.StringIO()
        logger = structlog.wrap_logger(
            structlog.WriteLogger(self.log), processors=[structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )  # fmt: skip
        self.journal = Journal(logger)
        self.configure()
        self.store = SqliteStore(directory / "spool", self.settings.spool, lambda *_: None, self.journal)

    def configure(self, **notifications: Any) -> None:
        channels = [{"url": {"file": str(self.directory / "hook")}, "about": ALL}]
        self.settings = Settings.model_validate({
            "data_dir": str(self.directory), "listeners": [{"listen": "127.0.0.1:0"}],
            "apps": {"contoso": {"tenant": "a.test", "client_id": "1", "credential": {"secret": {"env": "NONE"}}}},
            "profiles": {"scans": {"app": "contoso", "mailbox": MAILBOX, "from": "mailbox"}},
            "limits": {"recipients_per_day": 1000}, "spool": {"min_free_bytes": 0},
            "notifications": {"channels": channels, "repeat_s": 3600, **notifications},
        })  # fmt: skip

    async def begin(self) -> Alerts:
        """Another life of the alerts, with what the last one wrote down."""
        symptoms = Symptoms(self.store, lambda: self.ends, "relay.test")
        channels = Channels(self.journal, waits_s=(0.01, 0.01), send_s=10)
        pace = Pace(every_s=0.02, gather_s=0)
        alerts = Alerts(
            lambda: self.settings, self.journal, symptoms, channels=channels, pace=pace, clock=lambda: self.now
        )
        await alerts.start("The relay has started")
        return alerts

    async def pause(self) -> None:
        at = time.time_ns() // 1_000_000
        await self.store.pause(Pause("scans", at, at + 1000, "entra.secret-expired", "AADSTS7000222", "over", "renew"))
        self.journal.paused(profile="scans")

    def events(self, name: str) -> list[dict[str, Any]]:
        return [row for row in map(json.loads, self.log.getvalue().splitlines()) if row["event"] == name]

    def change(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.directory / "spool/spool.db", timeout=10)) as database, database:
            database.execute(statement, values)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


@pytest.fixture
async def scene(tmp_path: Path, hook: Hook) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path, hook.url)
    await scene.store.open()
    await scene.store.open_mailbox(MAILBOX)
    yield scene
    await scene.store.close()


@pytest.fixture
async def alerts(scene: Scene, hook: Hook) -> AsyncIterator[Alerts]:
    """Running, the word of the start told."""
    alerts = await scene.begin()
    await came(hook, 1, "has started")
    yield alerts
    await alerts.stop("The relay stops")


async def came(hook: Hook, count: int, part: str) -> list[dict[str, Any]]:
    return await asyncio.to_thread(hook.wait, count, part)


async def looks(scene: Scene, count: int = 3) -> None:
    """Some looks have been taken, each of which asks the spool for its pauses."""
    taken, ask = asyncio.Semaphore(0), scene.store.pauses

    async def pauses() -> Any:
        taken.release()
        return await ask()

    scene.store.pauses = pauses  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        for _ in range(count):
            await taken.acquire()
    scene.store.pauses = ask  # type: ignore[method-assign]


async def test_a_paused_profile_is_told_once_and_its_end_too(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """What it means and what to do; silence while it lasts; again after the time; a word when mail flows."""
    await scene.pause()
    (note,) = await came(hook, 1, "Profile scans is paused")
    assert note["title"].startswith("relay.test: ")
    assert "AADSTS7000222" in note["message"]
    assert "What to do: renew" in note["message"]
    await scene.pause()
    await looks(scene)
    assert len(hook.notes) == 2

    scene.now += 3600
    (note,) = await came(hook, 1, "Still: Profile scans is paused")
    assert "Since " in note["message"]
    await scene.store.resume("scans")
    scene.journal.resumed(profile="scans")
    (note,) = await came(hook, 1, "Profile scans sends mail again")
    assert note["type"] == "success"
    await looks(scene)
    assert len(hook.notes) == 4


async def test_a_restart_repeats_nothing_and_tells_what_ended(scene: Scene, hook: Hook) -> None:
    """What was told is written down beside the spool."""
    first = await scene.begin()
    await scene.pause()
    await came(hook, 1, "is paused")
    await first.stop("The relay stops")
    await came(hook, 1, "stops")

    scene.now += 100
    second = await scene.begin()
    await came(hook, 2, "has started")
    await looks(scene)
    assert len([title for title in hook.titles if "is paused" in title]) == 1
    await second.stop("The relay stops")

    await scene.store.resume("scans")
    third = await scene.begin()
    await came(hook, 1, "sends mail again")
    await third.stop("The relay stops")
    assert (scene.directory / ledger.NAME).stat().st_mode & 0o777 == 0o600


async def test_old_mail_is_told_until_it_is_gone(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """By the oldest message that waits; a held one waits for a person, and is no news every day."""
    await scene.store.accept(NewMessage(
        id="M1", device="copier", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX),
        recipients=(Address("a@b.test"),), client="10.0.0.1", head=b"\r\n", body=Stored(b"", 0), eight_bit=False,
    ))  # fmt: skip
    await looks(scene)
    assert len(hook.notes) == 1
    scene.change("UPDATE message SET received_at = received_at - 7200000")
    (note,) = await came(hook, 1, "Mail has waited for 120 minutes")
    assert "queue_older_than_s" in note["message"]
    scene.change("UPDATE message SET state = 'held'")
    await came(hook, 1, "No mail waits too long any more")


async def test_a_full_disk_is_told_before_and_when_mail_is_refused(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """Little room first, then refusals, which are worse; then room again."""
    free = scene.store.room().free_bytes
    limits = scene.store._guard._settings
    scene.store._guard._settings = limits.model_copy(update={"min_free_bytes": int(free / 1.5)})
    await came(hook, 1, "There is little room for mail")
    scene.store._guard._settings = limits.model_copy(update={"min_free_bytes": free * 2})
    (note,) = await came(hook, 1, "Still: No new mail is taken")
    assert "free" in note["message"]
    scene.store._guard._settings = limits
    await came(hook, 1, "There is enough room for mail again")


async def test_a_mailbox_with_little_left_of_its_day_is_told(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """10 % of 1000; the rolling window lets it recover."""
    now = time.time_ns() // 1_000_000
    scene.change("INSERT INTO spent VALUES (?, ?, 950)", MAILBOX, now - now % 600_000)
    (note,) = await came(hook, 1, f"Mailbox {MAILBOX} has few recipients left today")
    assert "50 of 1000" in note["message"]
    scene.change("UPDATE spent SET bucket = bucket - 90000000")
    await came(hook, 1, "has enough recipients left again")


async def test_a_credential_is_told_at_each_threshold_and_when_renewed(
    scene: Scene, hook: Hook, alerts: Alerts
) -> None:
    """13 days, then 6; one that nobody could look at is not called renewed."""
    now = datetime.now(UTC)
    scene.ends = [EndDate("contoso", "credential", "secret", now + timedelta(days=13, hours=1), "configuration")]
    await came(hook, 1, "The secret of app contoso ")
    scene.ends = [EndDate("contoso", "credential", "secret", now + timedelta(days=6, hours=1), "configuration")]
    await came(hook, 1, "Still: The secret of app contoso ")
    scene.ends = []
    await looks(scene)
    assert len(hook.notes) == 3
    scene.ends = [EndDate("contoso", "credential", "secret", now + timedelta(days=400), "configuration")]
    await came(hook, 1, "Credential apps.contoso.credential was renewed")


async def test_many_failures_of_one_cause_are_one_word(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """The first at once, those that follow together after the time."""
    cause = {"profile": "scans", "rule": "smtp.no-such-user", "answer": "550 5.1.1", "meaning": "gone", "remedy": "ask"}
    scene.journal.failed(id="M0", **cause)
    (note,) = await came(hook, 1, "Mail of profile scans has failed")
    assert "550 5.1.1" in note["message"]
    for number in range(40):
        scene.journal.failed(id=f"N{number}", **cause)
    await looks(scene)
    assert len(hook.notes) == 2
    scene.now += 3600
    await came(hook, 1, "has failed (40 times)")


async def test_a_channel_hears_what_it_is_about(scene: Scene, hook: Hook, alerts: Alerts) -> None:
    """And nothing else; what nobody heard is told when somebody wants to hear it."""
    url = scene.settings.notifications.channels[0].url
    scene.configure(channels=[{"url": url, "about": ["disk_low"]}])
    await scene.pause()
    await looks(scene)
    assert len(hook.notes) == 1
    scene.configure(channels=[{"url": url, "about": ["profile_paused"]}])
    alerts.look_again()
    await came(hook, 1, "is paused")


async def test_a_dead_channel_is_told_in_the_journal_without_its_address(
    scene: Scene, hook: Hook, alerts: Alerts
) -> None:
    """Tried a few times; the other channel hears at once, and a stop does not wait for it."""
    dead = scene.directory / "dead"
    dead.write_text("json://user:p4ssw0rd@127.0.0.1:9/token-of-the-hook\n")
    here = scene.settings.notifications.channels[0].url
    scene.configure(channels=[{"url": {"file": str(dead)}, "about": ALL}, {"url": here, "about": ALL}])
    await scene.pause()
    await came(hook, 1, "is paused")
    async with asyncio.timeout(10):
        while not scene.events("notification.failed"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (failed,) = scene.events("notification.failed")
    assert failed["channel"] == f"file:{dead}"
    assert failed["alert"] == "profile_paused"
    assert "relay notify test" in failed["remedy"]
    assert "Connection error" in failed["reason"]
    for secret in ("p4ssw0rd", "token-of-the-hook", "s3cret-token"):
        assert secret not in scene.log.getvalue()


async def test_an_address_that_cannot_be_read_is_a_failure_like_others(scene: Scene, hook: Hook) -> None:
    """The file is gone: the reason says so."""
    channels = Channels(scene.journal, waits_s=())
    url = scene.settings.notifications.channels[0].url
    (scene.directory / "hook").unlink()
    channels.send([url], Note("test", "title", "body", "news"))
    await channels.close(10)
    (failed,) = scene.events("notification.failed")
    assert "No such file" in failed["reason"]


async def test_a_hook_that_is_better_again_hears_it(scene: Scene, hook: Hook) -> None:
    """Refused twice, taken the third time: one failure is none."""
    hook.status = 503
    channels = Channels(scene.journal, waits_s=(0.01, 10))
    channels.send([scene.settings.notifications.channels[0].url], Note("test", "title", "body", "news"))
    await came(hook, 2, "title")
    hook.status = 200
    await channels.close(10)
    assert not scene.events("notification.failed")
    assert len(scene.events("notification.sent")) == 1


async def test_a_channel_that_never_answers_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is left behind, and nobody waits for it at the end."""
    blocked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(*_: Any) -> str:
        loop.call_soon_threadsafe(blocked.set)
        time.sleep(1)
        return ""

    monkeypatch.setattr("relay.control.apprise_door.send", hang)
    channels = Channels(scene.journal, waits_s=(), send_s=0.01)
    channels.send([scene.settings.notifications.channels[0].url], Note("test", "title", "body", "news"))
    await blocked.wait()
    await channels.close(10)
    (failed,) = scene.events("notification.failed")
    assert failed["reason"] == "no answer within 0.01 s"


def test_a_damaged_ledger_is_an_empty_one(tmp_path: Path) -> None:
    """A notification too many, never a relay that does not start."""
    file = tmp_path / ledger.NAME
    for text in ("", "{", "[1]", '[{"alert": "new_kind", "subject": "", "since": 0, "at": 0, "grade": 0}]', '{"a": 1}'):
        file.write_text(text)
        assert ledger.read(file) == {}
    assert ledger.read(tmp_path / "none") == {}
