"""Messages by the API: found by what is known of them, one whole, its content, orders."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from relay.control.who import Role
from relay.message.subject import subject_hash
from relay.sandbox.faults import Fault
from tests.e2e.configuration import BUSY, COPIER, KEEPER
from tests.web.programs import Program, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Shown

SUBJECT = "Größe 4711"
SCAN = (
    b"From: Scanner <mfp@device.test>\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= 4711\r\n"
    b"Message-ID: <scan-1@device.test>\r\n\r\nhello\r\n"
)
REFUSAL = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"


@pytest.fixture(scope="module")
def shown(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One relay for the module: one message delivered, one failed, one put off for an hour."""
    cloud.add(Fault(stage="rcpt", action="reply", reply=REFUSAL, mailbox="keep@contoso.test"))
    cloud.add(Fault(stage="mail", action="reply", mailbox="busy@contoso.test"))
    yield from running(cloud, tmp_path_factory.mktemp("messages"), delivery={"retry_s": [3600]})


@pytest.fixture(scope="module")
def names(shown: Shown) -> dict[str, str]:
    """The ids of the three by what became of them, in the order of arrival."""
    made = {}
    for word, address in (("delivered", COPIER), ("failed", KEEPER), ("deferred", BUSY)):
        with shown.relay.device(address) as device:
            device.hello()
            made[word] = device.deliver(f"{word}@contoso.test", message=SCAN if word != "deferred" else b"x\r\n")
        shown.relay.journal.wait(f"message.{word}", id=made[word])
    return made


@pytest.fixture(scope="module")
def program(shown: Shown) -> Program:
    return Program(shown, Role.OPERATOR)


@pytest.fixture(scope="module")
def viewer(shown: Shown) -> Program:
    return Program(shown, Role.VIEWER)


def found(program: Program, **asked: str) -> list[str]:
    """The ids that a search finds."""
    return [row["id"] for row in program.get(f"/messages?{urlencode(asked, doseq=True)}")["messages"]]


def test_messages_are_found_by_what_is_known_of_them(viewer: Program, names: dict[str, str]) -> None:
    """Each filter by itself, those of settled mail too."""
    delivered, failed, deferred = names.values()
    assert found(viewer) == [deferred]
    assert found(viewer, state="all") == [deferred, failed, delivered]
    assert found(viewer, state=["failed", "queued"], order="oldest") == [failed, deferred]
    assert found(viewer, state="all", device="copier") == found(viewer, state="all", profile="box") == [delivered]
    assert found(viewer, state="all", recipient="*led@contoso.test") == [failed]
    assert found(viewer, state="all", sender="BOX@*") == found(viewer, state="all", mailbox="Box@contoso.test")
    assert found(viewer, state="all", mailbox="KEEP@contoso.test") == [failed]
    assert found(viewer, state="all", rule="*.recipient-unknown") == [failed]
    assert found(viewer, state="all", since="2999-01-01") == found(viewer, state="all", until="2001-01-01") == []


def test_a_subject_is_found_and_never_kept(viewer: Program, names: dict[str, str]) -> None:
    """In whatever form it is given; a row has its hash alone."""
    both = [names["failed"], names["delivered"]]
    assert found(viewer, state="all", subject="  größe   4711") == both
    assert found(viewer, state="all", subject_hash=subject_hash(SUBJECT)) == both
    assert found(viewer, state="all", subject="something else") == []
    row = viewer.get("/messages?state=delivered")["messages"][0]
    assert row["subject_hash"] == subject_hash(SUBJECT)


def test_an_id_is_found_by_a_part_and_by_the_message_id(viewer: Program, names: dict[str, str]) -> None:
    """Whatever the state, unless one is named; a part that is too short is told."""
    name = names["delivered"]
    assert found(viewer, id=name[-8:].lower()) == [name]
    assert set(found(viewer, id="<scan-1@device.test>")) == {name, names["failed"]}
    assert found(viewer, id=name, state="failed") == []
    answer = viewer.ask("GET", "/messages?id=01")
    assert (answer.status, "at least 4 characters" in answer.json["error"]) == (400, True)


def test_pages_follow_each_other_without_a_gap(viewer: Program, names: dict[str, str]) -> None:
    """By the cursor of each; the last one has none."""
    cursor, seen = "", []
    while True:
        page = viewer.get(f"/messages?state=all&limit=1&cursor={quote(cursor)}")
        seen += [row["id"] for row in page["messages"]]
        if not (cursor := page["next"]):
            break
    assert seen == list(reversed(names.values()))
    assert viewer.ask("GET", "/messages?cursor=nonsense").status == 400


def test_one_message_is_told_whole(viewer: Program, names: dict[str, str]) -> None:
    """Header and envelope before and after, the timeline with both SMTP sides, the answer with its meaning."""
    told = viewer.get(f"/messages/{names['failed'][:20]}")
    assert told["id"] == names["failed"]
    assert told["header_before"] == SCAN.decode().partition("hello")[0]
    assert told["header"].endswith(told["header_before"])  # this profile keeps From
    assert told["envelope_before"]["recipients"] == told["envelope_after"]["recipients"] == ["failed@contoso.test"]
    assert (told["last"]["answer"], bool(told["last"]["remedy"])) == (REFUSAL, True)
    assert told["last"]["effect"]
    assert [scene["what"] for scene in told["timeline"]][:3] == ["received from keeper", "changed", "stored"]
    said = [line for scene in told["timeline"] for line in scene["transcript"]]
    assert any("RCPT TO:<failed@contoso.test>" in line for line in said)
    assert not any("Bearer" in line for line in said)
    assert set(told["orders"]) == {"retry", "drop"}
    assert told["content"] is True


def test_a_header_that_was_changed_is_told_as_it_came(viewer: Program, program: Program, names: dict[str, str]) -> None:
    """The From policy of this profile replaces From; of delivered mail no header is kept."""
    told = viewer.get(f"/messages/{names['deferred']}")
    assert "from-added" in told["changes"]
    assert (told["header_before"], "box@" in told["header"]) == ("", False)
    gone = viewer.get(f"/messages/{names['delivered']}")
    assert (gone["header_before"], gone["header"], gone["content"], gone["orders"]) == ("", "", False, [])
    assert "from-replaced" in gone["changes"]


def test_content_is_for_operators_and_leaves_a_trace(program: Program, viewer: Program, names: dict[str, str]) -> None:
    """As an attachment, octet for octet; the journal has who took which."""
    path = f"/messages/{names['failed']}/content"
    assert viewer.ask("GET", path).status == 403
    taken = program.ask("GET", path)
    assert taken.headers["content-type"] == "message/rfc822"
    assert f"{names['failed']}.eml" in taken.headers["content-disposition"]
    assert taken.body.endswith(SCAN.decode())
    event = program.shown.relay.journal.wait("message.downloaded", id=names["failed"])
    assert event["who"].startswith("test-")
    assert len(program.shown.relay.journal.seen("message.downloaded")) == 1
    answer = program.ask("GET", f"/messages/{names['delivered']}/content")
    assert (answer.status, "it is delivered" in answer.json["error"]) == (404, True)


def test_orders_are_carried_out_for_operators_alone(program: Program, viewer: Program, names: dict[str, str]) -> None:
    """With the name of who gave them; an order that names nothing is refused."""
    assert viewer.ask("POST", "/orders/hold", b'{"all": true}', Content_Type="application/json").status == 403
    nothing = program.ask("POST", "/orders/hold", b"{}", Content_Type="application/json")
    assert (nothing.status, '"all": true' in nothing.json["error"]) == (400, True)
    assert program.post("/orders/hold", ids=[names["deferred"]])["ids"] == [names["deferred"]]
    assert found(viewer, state="held") == [names["deferred"]]
    assert program.post("/orders/release", all=True)["count"] == 1
    program.shown.relay.journal.wait("message.deferred", id=names["deferred"], count=2)
    again = program.post("/orders/hold", ids=[names["delivered"]])
    assert again["skipped"] == [{"id": names["delivered"], "reason": "it is delivered"}]
    ordered = program.shown.relay.journal.wait("queue.order", order="release")
    assert ordered["who"].startswith("test-")
    told = viewer.get(f"/messages/{names['deferred']}")
    assert [(event["what"], event["who"]) for event in told["events"]][-1] == ("release", ordered["who"])


def test_the_minutes_count_what_happened(viewer: Program, names: dict[str, str]) -> None:
    """The last two hours, minute by minute."""
    minutes = viewer.get("/activity")["minutes"]
    assert len(minutes) == 120
    summed = {word: sum(minute[word] for minute in minutes) for word in ("accepted", "delivered", "failed")}
    assert summed["accepted"] >= 3
    assert (summed["delivered"], summed["failed"]) >= (1, 1)


DAMAGE = {
    "message": ("received_at = 'abc'", "received_at = 1e30", "size = x'ff'", "size = 'abc'", "settled_at = 'abc'",
                "device = x'ff'", "rule = x'ff'", "transcript = x'ff'", "arrival = '{\"changes\": 5}'"),
    "attempt": ("started_at = 'abc'", "ended_at = 'abc'", "transcript = x'ff'", "answer = x'ff'"),
    "recipient": ("address = x'ff'", "state = x'ff'"),
}  # fmt: skip


def test_a_damaged_row_is_shown(shown: Shown, program: Program, names: dict[str, str]) -> None:
    """Whatever stands in its columns: it is the one an operator wants to see, and others are in the same list."""
    name = names["failed"]
    with closing(sqlite3.connect(shown.data_dir / "spool/spool.db", timeout=20, isolation_level=None)) as spool:
        for table, damages in DAMAGE.items():
            key = "id" if table == "message" else "message_id"
            for damage in damages:
                column = damage.partition(" ")[0]
                (before,) = spool.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (name,)).fetchone()
                spool.execute(f"UPDATE {table} SET {damage} WHERE {key} = ?", (name,))
                assert program.get(f"/messages/{name}")["id"] == name, damage
                assert name in found(program, state="all"), damage
                for page in ("/messages", f"/messages/{name}"):
                    answer = shown.get(page, **program.headers)
                    assert answer.status == 200, damage
                spool.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (before, name))
