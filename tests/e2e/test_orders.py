"""An operator's orders to a running relay, and to its spool while it is down, with a pretend Exchange upstream."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from relay.config.loader import load
from relay.control.trace import trace
from relay.sandbox.faults import Fault
from tests import forked
from tests.e2e.device import LETTER
from tests.e2e.test_outcomes import hand_in

SLOW = {"retry_s": [3600], "recheck_s": 3600}


def ask(relay: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`relay queue …` as a person runs it, beside the service or without."""
    return forked.run(["queue", *arguments, "--config", str(relay.config)])


def answer(relay: Any, *arguments: str) -> dict[str, Any]:
    done = ask(relay, *arguments, "--json")
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def state(relay: Any, name: str) -> str:
    return str(relay.queue("show", name)["state"])


@pytest.fixture
def deferred(start, cloud, somebody):
    """A relay with one message that Exchange has put off for an hour."""
    cloud.add(Fault(stage="mail", action="reply", count=1, mailbox="box@contoso.test"))
    relay = start(delivery=SLOW)
    name = hand_in(relay, somebody)
    relay.journal.wait("message.deferred", id=name)
    return relay, name


def test_held_mail_stays_and_released_mail_is_sent(deferred, cloud, somebody):
    """Each order is a line of the journal and an event of the message."""
    relay, name = deferred
    assert answer(relay, "hold", name)["ids"] == [name]
    assert "held by operator" in relay.queue("show", name)["next"]
    assert not cloud.has(somebody)
    assert answer(relay, "release", "--device", "copier")["count"] == 1
    relay.journal.wait("message.delivered", id=name)
    assert cloud.has(somebody) == 1
    held = relay.journal.wait("queue.order", order="hold")
    assert (held["count"], held["selection_ids"]) == (1, [name])
    assert held["who"]
    events = relay.queue("show", name)["events"]
    assert [event["what"] for event in events] == ["hold", "release"]


def test_a_failed_message_arrives_after_a_retry(relay, cloud, somebody):
    """Refused for good, mended upstream, sent again by id: its recipient has it once."""
    cloud.add(Fault(stage="rcpt", action="reply", reply="550 5.1.10 nobody here", count=1, mailbox="busy@contoso.test"))
    name = hand_in(relay, somebody, address="127.0.0.5")
    relay.journal.wait("message.failed", id=name)
    assert ask(relay, "retry", "--profile", "busy").returncode == 1  # failed ones only when named
    assert answer(relay, "retry", "--profile", "busy", "--state", "failed")["ids"] == [name]
    relay.journal.wait("message.delivered", id=name)
    assert cloud.has(somebody) == 1


def test_a_dropped_message_is_gone_and_its_story_stays(deferred, cloud, somebody):
    """What was exported before is what would have been sent, octet for octet."""
    relay, name = deferred
    command = [sys.executable, "-m", "relay", "queue", "export", name, "--config", str(relay.config)]
    exported = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    assert exported.endswith(LETTER.rpartition(b"\r\n\r\n")[2])
    assert answer(relay, "drop", name)["count"] == 1
    gone = ask(relay, "export", name)
    assert gone.returncode == 1
    assert "it was dropped" in gone.stderr
    story = relay.queue("show", name)
    assert (story["state"], story["header"]) == ("dropped", "")
    traced = trace(load(relay.config), name)
    assert [one["state"] for one in (*story["recipients"], *traced.recipients)] == ["dropped", "dropped"]
    assert [event["what"] for event in story["events"]] == ["drop"]
    again = ask(relay, "release", name)
    assert (again.returncode, again.stdout) == (1, f"{name}: it was dropped: its content is gone\n")
    assert not cloud.has(somebody)


def test_several_are_dropped_only_when_somebody_is_sure(deferred, cloud, somebody):
    """A dry run touches nothing, without a terminal --yes is needed, and without any filter --all."""
    relay, first = deferred
    cloud.add(Fault(stage="mail", action="reply", count=1, mailbox="box@contoso.test"))
    second = hand_in(relay, somebody)
    relay.journal.wait("message.deferred", id=second)
    ask(relay, "hold", "--all")
    assert ask(relay, "drop", "--device", "copier", "--dry-run").stdout.splitlines()[1:] == [
        first,
        second,
    ]
    unsure = ask(relay, "drop", "--device", "copier")
    assert (unsure.returncode, "say --yes" in unsure.stderr) == (2, True)
    assert ask(relay, "drop").returncode == 2
    assert answer(relay, "drop", "--device", "copier", "--yes")["count"] == 2
    assert ask(relay, "list").stdout.endswith("2 dropped\n")


def test_orders_while_the_relay_is_down_hold_after_its_start(start, cloud, somebody):
    """They work on the spool itself, and say so."""
    cloud.add(Fault(stage="mail", action="reply", count=2, mailbox="box@contoso.test"))
    relay = start(delivery=SLOW)
    kept, dropped = hand_in(relay, somebody), hand_in(relay, somebody)
    relay.journal.wait("message.deferred", id=kept)
    relay.stop()
    done = ask(relay, "drop", dropped)
    assert (done.returncode, done.stdout) == (0, "1 message dropped, on the spool: no relay runs.\n")
    assert ask(relay, "retry", kept).returncode == 0
    again = start(delivery=SLOW)
    again.journal.wait("message.delivered", id=kept)
    assert state(again, dropped) == "dropped"
    assert cloud.has(somebody) == 1
    assert again.stop() == 0
