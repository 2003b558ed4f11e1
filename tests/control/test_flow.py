"""Is mail flowing? Every answer, out of a status that is made up."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from relay.control.flow import flow, flow_of
from relay.control.status import (
    CredentialStatus,
    MailboxStatus,
    ProblemStatus,
    ProfileStatus,
    QueueStatus,
    SpoolStatus,
    Status,
    WhyStatus,
)

WHY = WhyStatus(since="2026-03-01T10:00:00Z", recheck="", rule="r", meaning="m", remedy="do", answer="a")
ROOM = SpoolStatus(free_bytes=9, min_free_bytes=1, used_bytes=0, max_bytes=0, refusing="", trouble="")
WELL = Status(
    version="1", running=True, started="", uptime_s=1, ready=True, reasons=[], listening=[], sessions=0, profiles=[],
    age_limits_s=[300, 900, 3600, 14_400, 86_400], queue=[], mailboxes=[], credentials=[], tokens=[], spool=ROOM,
    problems=[],
)  # fmt: skip


def profile(name: str, state: str = "ok") -> ProfileStatus:
    """One that has a reason unless it is well."""
    return ProfileStatus(
        name=name,
        state=state,
        mailbox="b@c.test",
        transport="smtp",
        delegated=False,
        why=None if state == "ok" else WHY,
    )


def waits(name: str, ages: list[int], state: str = "queued", oldest_s: int = 60) -> QueueStatus:
    """Mail of one profile."""
    return QueueStatus(profile=name, state=state, count=sum(ages), bytes=1, oldest_s=oldest_s, ages=ages)


def of(**changes: Any) -> Status:
    """A status that is well but for this."""
    return replace(WELL, **{"profiles": [profile("a"), profile("b")]} | changes)


def test_all_is_well() -> None:
    """Also while mail is on its way."""
    told = flow(of(queue=[waits("a", [2, 0, 0, 0, 0, 0])]))
    assert (told.state, told.answer) == ("ok", "Yes, mail is flowing.")
    assert (told.waiting, told.reasons) == ("2 messages wait, the oldest for 1 min", ())


def test_a_paused_profile_is_named_with_its_mail() -> None:
    """Only its own mail counts; since when is told."""
    status = of(
        profiles=[profile("a", "paused"), profile("b")], queue=[waits("a", [0, 0, 0, 0, 0, 1], oldest_s=90_000)]
    )
    told = flow(status)
    assert (told.state, told.answer) == ("bad", "In part: mail of 1 of 2 profiles can't leave.")
    assert told.reasons == ("a is paused since 2026-03-01 10:00:00 UTC; 1 message waits, for 1 d.",)


def test_nothing_leaves() -> None:
    """When every profile is held up, or the only one."""
    assert flow(of(profiles=[profile("a", "paused"), profile("b", "sign_in")])).answer == "No: nothing can leave."
    assert flow(of(profiles=[profile("a", "sign_in")])).answer == "No: the profile can't sign in."


def test_devices_are_turned_away() -> None:
    """Worse than any profile."""
    told = flow(of(ready=False, reasons=["the disk is full"], profiles=[profile("a", "paused")]))
    assert (told.state, told.answer) == ("bad", "No: devices can't hand in mail.")
    assert told.reasons[0] == "No mail is taken: the disk is full."


def test_an_unreadable_queue_is_not_called_well() -> None:
    """Nobody knows then."""
    assert flow(of(spool=replace(ROOM, trouble="locked"))).answer == "Unknown: the queue can't be read."


def mailbox(pace: float = 1.0, blocked_until: str = "") -> MailboxStatus:
    """That of all profiles here."""
    return MailboxStatus(
        name="b@c.test", sessions=0, sessions_limit=2, messages_per_minute=28, messages_left=28, pace=pace,
        recipients_per_day=9, recipients_left=9, blocked_until=blocked_until,
    )  # fmt: skip


def test_an_exchange_that_nobody_reaches_is_not_called_flowing() -> None:
    """From the first failure on, with until when the mailbox rests and what happened; without mail nobody asks."""
    down = ProblemStatus(
        event="message.deferred", about="a", what="No connection.", answer="", remedy="", first="", last="", times=1
    )
    rests = of(queue=[waits("a", [1, 0, 0, 0, 0, 0])], mailboxes=[mailbox(1, "2026-03-01T10:00:30Z")], problems=[down])
    told = flow(rests)
    assert (told.state, told.answer) == ("warn", "Not now: mail waits, and is tried again by itself.")
    assert told.reasons == ("a rests until 2026-03-01 10:00:30 UTC; 1 message waits, for 1 min. No connection.",)
    assert flow(replace(rests, queue=[])).answer == "Yes, mail is flowing."


def test_a_throttled_mailbox_is_slow() -> None:
    """Said by how much; mail of another profile that leaves makes it something to look at."""
    slow = of(queue=[waits("a", [1, 0, 0, 0, 0, 0])], mailboxes=[mailbox(0.25)])
    told = flow(slow)
    assert (told.state, told.answer) == ("warn", "Slowly: Exchange holds mail back.")
    assert flow(replace(slow, mailboxes=[mailbox(0.25, "2026-03-01T10:00:30Z")])).answer.startswith("Not now")
    assert told.reasons == ("a is slowed to 25% of its limits; 1 message waits, for 1 min.",)
    other = replace(profile("b"), mailbox="other@c.test")
    both = replace(slow, profiles=[profile("a"), other], queue=[*slow.queue, waits("b", [1, 0, 0, 0, 0, 0])])
    assert flow(both).answer == "Yes, with something to look at."


def test_a_quota_that_is_nearly_used_up_is_told() -> None:
    """Before all mail is refused: large scans are already."""
    assert flow(of(spool=replace(ROOM, used_bytes=89, max_bytes=100))).reasons == ()
    told = flow(of(spool=replace(ROOM, used_bytes=95, max_bytes=100)))
    assert told.reasons == ("Kept mail takes 95% of spool.max_bytes: what is larger than the rest is refused.",)


def test_of_plain_values() -> None:
    """As the running relay answers the command line; what another version left out is no answer."""
    plain = asdict(of(profiles=[profile("a", "paused")]))
    assert flow_of(plain) == flow(of(profiles=[profile("a", "paused")]))
    assert flow_of({"version": "9"}) is None


def test_what_to_look_at() -> None:
    """It flows, but late, by a detour, damaged in part, or not for long any more."""
    end = {"app": "x", "credential": "credential", "kind": "secret", "ends": "", "source": "graph"}
    told = flow(
        of(
            profiles=[profile("a", "detour"), profile("b")],
            queue=[waits("b", [0, 0, 3, 0, 0, 1]), waits("b", [1, 0, 0, 0, 0, 0], "corrupt")],
            credentials=[CredentialStatus(**end, days_left=days) for days in (-1, 30, 31)],
        )
    )
    assert (told.state, told.answer) == ("warn", "Yes, with something to look at.")
    assert told.reasons == (
        "a takes its fallback.", "4 messages have waited for more than 15 min.", "1 message is damaged.",
        "The secret of x has ended.", "The secret of x ends in 30 days.",
    )  # fmt: skip
