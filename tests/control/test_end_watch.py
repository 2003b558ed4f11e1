"""The daily look at when credentials end, in the journal of a running relay."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
import yaml

from relay.config.loader import parse
from relay.control.end_watch import EndWatch
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.telemetry.journal import Journal
from relay.upstream.sources import Sources
from tests.control.conftest import configuration


class Diary:
    """A journal whose lines can be waited for."""

    def __init__(self) -> None:
        self.lines: list[dict] = []
        self._more = asyncio.Event()
        self.journal = Journal(
            structlog.wrap_logger(None, processors=[self._keep], wrapper_class=structlog.BoundLogger)
        )

    def _keep(self, _logger, _method, event):
        self.lines.append(event)
        self._more.set()
        raise structlog.DropEvent

    async def line(self, number: int) -> dict:
        async with asyncio.timeout(20):
            while len(self.lines) < number:
                self._more.clear()
                await self._more.wait()
        return self.lines[number - 1]


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def expiring(cloud: Cloud, days: int):
    """Settings whose secret ends so many days from now, as somebody wrote it down."""
    credential = {"secret": {"file": str(cloud.settings.secret_file)}, "expires": in_days(days)}
    return parse(yaml.safe_dump(configuration(cloud, app={"credential": credential})))


async def test_it_warns_at_the_start_and_then_once_a_threshold():
    """The same day again says nothing, another threshold does; the line has app, days and remedy."""
    diary, today = Diary(), [datetime.now(UTC)]
    async with Cloud(CloudOptions()) as cloud:
        watch = EndWatch(Sources(), diary.journal, clock=lambda: today[0])
        settings = expiring(cloud, 13)
        await watch.look(settings)
        await watch.look(settings)
        today[0] += timedelta(days=7)
        await watch.look(settings)

    first, second = diary.lines
    assert (first["event"], first["app"], first["credential"]) == ("credential.expiring", "contoso", "credential")
    assert (first["kind"], first["ends"], first["days_left"]) == ("secret", in_days(13), 13)
    assert "next_credential" in first["remedy"]
    assert second["days_left"] == 6


async def test_graph_knows_better_than_what_was_written_down():
    """Where the app may ask, the registration's own end counts."""
    diary = Diary()
    async with Cloud(CloudOptions(graph_roles=("Mail.Send", "Application.Read.All"))) as cloud:
        at = cloud.settings
        whole = configuration(
            cloud, app={"graph_scope": at.graph_scope}, graph={"url": at.graph_url, "ca_file": str(at.ca_file)}
        )
        watch = EndWatch(Sources(), diary.journal)
        await watch.look(parse(yaml.safe_dump(whole)))

    assert [(end.credential, end.source) for end in watch.ends] == [("credential", "graph")]
    assert watch.ends[0].ends < datetime(2999, 1, 1, tzinfo=UTC)


async def test_it_looks_again_after_a_reload_and_stops_when_told():
    """A new configuration is looked at without waiting for the next day."""
    diary = Diary()
    async with Cloud(CloudOptions()) as cloud:
        inforce = [expiring(cloud, 400)]
        watch = EndWatch(Sources(), diary.journal)
        watch.start(lambda: inforce[0])
        inforce[0] = expiring(cloud, 5)
        watch.look_again()
        line = await diary.line(1)
        await watch.stop()
        await watch.stop()

    assert line["days_left"] == 5
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "credential ends"]


async def test_a_look_that_fails_is_told_and_does_not_end_the_watch():
    """Mail goes on; the next look comes."""
    diary, answers = Diary(), []

    def settings():
        answers.append(1)
        raise RuntimeError("no settings")

    watch = EndWatch(Sources(), diary.journal, every_s=0.001)
    watch.start(settings)
    await diary.line(2)
    await watch.stop()

    assert diary.lines[0]["event"] == "credential.unknown"
    assert len(answers) >= 2


async def test_graph_is_not_asked_where_it_cannot_know():
    """Sign-in at another address than the cloud's, and no address of Graph: nothing is asked, not even for a token."""
    diary = Diary()
    async with Cloud(CloudOptions()) as cloud:
        watch = EndWatch(Sources(), diary.journal)
        await watch.look(parse(yaml.safe_dump(configuration(cloud))))

        assert [end.source for end in watch.ends] == ["configuration"]
        assert cloud.entra.requests == []
