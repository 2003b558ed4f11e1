"""The command line's --json and the API tell the same values of one relay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from relay.control.caller import ask
from relay.control.who import Role
from relay.sandbox.faults import Fault
from tests import forked
from tests.e2e.configuration import BUSY, COPIER
from tests.web.programs import Program, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.pretend import PretendCloud
    from tests.e2e.running import RunningRelay

Values = dict[str, Any]
# What another second changes, and what whoever else writes to the disk does.
MOVING = ("uptime_s", "age_s", "oldest_s", "next", "free_bytes")


@pytest.fixture(scope="module")
def program(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A relay with one message delivered and one put off for an hour."""
    cloud.add(Fault(stage="mail", action="reply", mailbox="busy@contoso.test"))
    for shown in running(cloud, tmp_path_factory.mktemp("same"), delivery={"retry_s": [3600]}):
        for address, word in ((COPIER, "delivered"), (BUSY, "deferred")):
            with shown.relay.device(address) as device:
                device.hello()
                name = device.deliver("same@contoso.test")
            shown.relay.journal.wait(f"message.{word}", id=name)
        yield Program(shown, Role.OPERATOR)


def said(relay: RunningRelay, *arguments: str) -> Any:
    """What the command prints."""
    ended = forked.run([*arguments, "--json", "--config", str(relay.config)])
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def still(value: Any) -> Any:
    """Without what moves by itself."""
    if isinstance(value, dict):
        return {name: still(one) for name, one in value.items() if name not in MOVING}
    return [still(one) for one in value] if isinstance(value, list) else value


def test_status_is_the_same(program: Program) -> None:
    """Field by field."""
    told, answered = said(program.shown.relay, "status"), program.get("/status")
    assert still(told) == still(answered)
    assert told["spool"].keys() == answered["spool"].keys()
    assert min(told["spool"]["free_bytes"], answered["spool"]["free_bytes"]) > 0


def test_mail_per_minute_is_the_same(program: Program) -> None:
    """At the control socket as in the API; `relay top` draws what was taken."""
    relay = program.shown.relay
    data_dir = Path(yaml.safe_load(relay.config.read_text())["data_dir"])
    at_the_socket, in_the_api = ask(data_dir, "activity")["minutes"], program.get("/activity")["minutes"]
    assert sum(one["accepted"] for one in at_the_socket) == sum(one["accepted"] for one in in_the_api) >= 2
    drawn = forked.output("top", "--once", "--config", str(relay.config))
    assert re.search(r"^accepted  \S+ \d+ in 50 min$", drawn, re.MULTILINE)
    assert "takes mail on" in drawn.splitlines()[0]


def test_a_list_is_the_same(program: Program) -> None:
    """Row by row, all states."""
    states = ("--state", "delivered", "--state", "queued")
    rows = said(program.shown.relay, "queue", "list", *states)
    assert [row["state"] for row in rows] == ["delivered", "queued"]
    assert still(rows) == still(program.get("/messages?state=all&order=oldest")["messages"])


def test_one_message_is_the_same(program: Program) -> None:
    """`show` and `trace` are parts of what the API tells; either takes a part of the id."""
    whole = program.get("/messages?state=queued")["messages"][0]["id"]
    told = program.get(f"/messages/{whole}")
    shown = said(program.shown.relay, "queue", "show", whole[-6:])
    assert still(shown) == still({name: told[name] for name in shown})
    traced = said(program.shown.relay, "trace", whole)
    assert still(traced["scenes"]) == still(told["timeline"])
    assert traced["recipients"] == told["recipients"]


def test_an_order_is_answered_the_same(program: Program) -> None:
    """The same fields, whoever gives it; a part of an id will do on the command line."""
    whole = program.get("/messages?state=queued")["messages"][0]["id"]
    assert said(program.shown.relay, "queue", "hold", whole[-6:]) == program_answer(whole)
    assert program.post("/orders/release", ids=[whole]) == program_answer(whole)
    done = program.get("/messages?state=delivered")["messages"][0]["id"]
    assert said(program.shown.relay, "queue", "retry", done) == program.post("/orders/retry", ids=[done])


def program_answer(name: str) -> Values:
    """An order that touched one message."""
    return {"count": 1, "ids": [name], "skipped_count": 0, "skipped": [], "by_relay": True}
