"""Probes, status and metrics of a relay that runs, as curl and Prometheus ask for them."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from relay.control.accounts import NAME
from relay.control.status import Status
from relay.sandbox.faults import Fault
from tests import forked
from tests.e2e.configuration import COPIER, STRANGER, configuration, write
from tests.e2e.device import LETTER, scan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NeedTool
    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Open, Shown

SECRET = "secret.person@contoso.test"


def test_a_relay_that_is_well_says_so_to_both_probes(show: Open, need_tool: NeedTool) -> None:
    """By the status alone, which is all that a probe reads."""
    shown = show()
    url = f"http://127.0.0.1:{shown.port}"
    for page in ("/healthz", "/readyz"):
        ended = subprocess.run([need_tool("curl"), "--silent", "--fail", url + page], capture_output=True, text=True)
        assert ended.returncode == 0, (page, ended)
    assert shown.get("/healthz").body == "ok\n"
    assert shown.get("/readyz").json == {"ready": True, "reasons": []}
    assert shown.get("/").status == 303  # to the sign-in
    assert shown.get("/nothing").status == 404


def test_a_relay_without_room_lives_but_is_not_ready(show: Open) -> None:
    """A restart would not mend it; no load balancer should send devices here."""
    shown = show(spool={"min_free_bytes": 1 << 60})
    ready = shown.get("/readyz")
    assert (shown.get("/healthz").status, ready.status) == (200, 503)
    assert "bytes free" in ready.json["reasons"][0]
    assert shown.get("/status").json["spool"]["refusing"] == ready.json["reasons"][0]
    assert shown.metric("relay_ready") == 0


def test_a_writer_that_hangs_is_not_alive(show: Open) -> None:
    """The disk does not answer; the page does, with the reason."""
    shown = show(env={"RELAY_FAULT": "spool.pulse-before-commit:hang"})
    answer = shown.get("/healthz")
    assert answer.status == 503
    assert "does the disk hang" in answer.body


def test_metrics_count_what_devices_hand_in_and_what_exchange_takes(show: Open, somebody: str) -> None:
    """One letter with bare line ends, delivered; one stranger, refused."""
    shown = show()
    send(shown, somebody, message=LETTER.replace(b"\r\n", b"\n") + b"\r\n")
    with shown.relay.device(STRANGER) as stranger:
        stranger.hello()
        assert stranger.ask("MAIL FROM:<x@y.test>").startswith(("5", "250"))
        stranger.ask(f"RCPT TO:<{somebody}>")
    shown.relay.journal.wait("message.delivered")
    refused = shown.relay.journal.wait("client.refused")
    metrics = shown.metrics()
    copier = frozenset({("device", "copier"), ("profile", "box")})
    assert metrics["relay_messages_received_total", copier] == 1
    assert metrics["relay_messages_delivered_total", copier] == 1
    assert metrics["relay_received_bytes_total", frozenset({("device", "copier")})] > 0
    assert metrics["relay_repairs_total", frozenset({("kind", "line-ends")})] == 1
    code = " ".join(refused["reply"].split()[:2])
    assert metrics["relay_client_refused_total", frozenset({("reply", code)})] == 1
    assert metrics["relay_upstream_answers_total", frozenset({("profile", "box"), ("class", "accepted")})] == 1
    for name in ("relay_accept_seconds", "relay_attempt_seconds", "relay_delivery_seconds"):
        assert metrics[name + "_count", frozenset()] == 1
        assert metrics[name + "_bucket", frozenset({("le", "+Inf")})] == 1
    assert metrics["relay_queue_messages", frozenset({("state", "queued"), ("profile", "box")})] == 0
    assert metrics["relay_token_expires_seconds", frozenset({("app", "contoso")})] > 0
    assert metrics["relay_mailbox_budget_left", frozenset({("mailbox", "box@contoso.test")})] == 9_999


def test_metrics_are_what_prometheus_reads(show: Open, need_tool: NeedTool, somebody: str) -> None:
    """Its own parser takes them, and its own checker has nothing to say."""
    shown = show()
    send(shown, somebody)
    shown.relay.journal.wait("message.delivered")
    answer = shown.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.body))
    assert all(family.documentation for family in families)
    checked = subprocess.run(
        [need_tool("promtool"), "check", "metrics"], input=answer.body, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_status_says_why_a_profile_is_paused(show: Open, cloud: PretendCloud, somebody: str, tmp_path: Path) -> None:
    """With the words of the other side, the meaning and the remedy; its mail is seen by state and age."""
    (tmp_path / "app-secret").write_text("wrong\n")
    shown = show()
    send(shown, somebody)
    paused = shown.relay.journal.wait("profile.paused", profile="box")
    found = shown.get("/status").json
    profiles = {one["name"]: one for one in found["profiles"]}
    assert (profiles["box"]["state"], profiles["keep"]["state"]) == ("paused", "ok")
    why = profiles["box"]["why"]
    assert (why["rule"], why["remedy"]) == (paused["rule"], paused["remedy"])
    assert why["answer"]
    assert why["recheck"].endswith("Z")
    assert found["problems"][0]["remedy"]
    (waiting,) = found["queue"]
    assert (waiting["profile"], waiting["count"], waiting["ages"][0]) == ("box", 1, 1)
    metrics = shown.metrics()
    assert metrics["relay_profile_paused", frozenset({("profile", "box")})] == 1
    assert metrics["relay_profile_paused", frozenset({("profile", "keep")})] == 0


def test_status_has_every_field_and_no_recipient(show: Open, cloud: PretendCloud, tmp_path: Path) -> None:
    """A refused recipient is told by domain only: whoever reaches the page may read it."""
    shown = show()
    name = cloud.add(
        Fault(stage="rcpt", action="reply", reply=f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; {SECRET} not found")
    )
    try:
        send(shown, SECRET)
        shown.relay.journal.wait("message.failed")
    finally:
        cloud.remove(name)
    answer = shown.get("/status")
    assert list(answer.json) == [item.name for item in fields(Status)]
    assert "message.failed" in [one["event"] for one in answer.json["problems"]]
    assert SECRET not in answer.body
    assert SECRET not in shown.get("/metrics").body


def test_a_taken_port_costs_the_pages_and_not_the_mail(
    cloud: PretendCloud, show: Open, somebody: str, tmp_path: Path
) -> None:
    """It is told with a remedy, and a reload with another address opens them."""
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        address = f"127.0.0.1:{squatter.getsockname()[1]}"
        shown = show()
        changed = configuration(cloud, tmp_path, http={"listen": address})
        write(shown.relay.config, changed)
        shown.relay.hang_up()
        failed = shown.relay.journal.wait("http.failed")
        assert address in failed["reason"]
        assert "http.listen" in failed["remedy"]
        send(shown, somebody)
        shown.relay.journal.wait("message.delivered")
    shown.relay.hang_up()
    assert shown.relay.journal.wait("http.listening", count=2)["address"] == address
    shown.port = int(address.rpartition(":")[2])
    assert shown.get("/healthz").status == 200


def test_a_relay_that_stops_is_not_ready_any_more(show: Open, somebody: str) -> None:
    """While a device still finishes; the pages end last, and nothing is written to stderr by them."""
    shown = show()
    with shown.relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        shown.relay.terminate()
        assert shown.get("/readyz").json == {"ready": False, "reasons": ["the relay is stopping"]}
        device.send(LETTER + b".\r\n")
        assert device.reply().startswith("250 ")
    assert shown.relay.ended() == 0
    assert shown.relay.stderr == ""


def test_pages_answer_while_a_large_scan_comes_in(show: Open, somebody: str) -> None:
    """And a client that says nothing holds nobody up, nor the end."""
    shown = show()
    with socket.create_connection(("127.0.0.1", shown.port)), shown.relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(scan(5_000_000))
        assert json.loads(shown.get("/status").body)["sessions"] == 1
        device.send(b".\r\n")
        assert device.reply().startswith("250 ")
        assert shown.relay.stop() == 0


def send(shown: Shown, recipient: str, message: bytes = LETTER) -> None:
    """One letter of the copier."""
    with shown.relay.device(COPIER) as device:
        device.hello()
        device.deliver(recipient, message=message)


def test_the_command_and_the_page_say_the_same(show: Open) -> None:
    """`relay status` asks the running relay at its control socket; 0 because mail is taken."""
    shown = show()
    command = ["status", "--config", str(shown.relay.config)]
    told = forked.output(*command, "--json")
    command_says, page_says = json.loads(told), shown.get("/status").json
    for each in (command_says, page_says):
        del each["uptime_s"], each["spool"]["free_bytes"]
    assert command_says == page_says
    words = forked.output(*command)
    assert words.splitlines()[0].endswith(", ".join(page_says["listening"]))


def test_a_broken_list_of_accounts_is_told_to_a_program_that_asks_for_the_status(show: Open) -> None:
    """Without a dashboard too; nothing of it is a mistake of the relay."""
    shown = show(http={"listen": "127.0.0.1:0", "dashboard": False})
    token = shown.token()
    (shown.data_dir / NAME).write_text("[]")
    answer = shown.get("/status", Authorization=f"Bearer {token}", **{"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status, answer.json["error"]) == (503, "nobody can be known")
    assert "relay admin" in answer.json["remedy"]
    assert shown.relay.stop() == 0
    assert not shown.relay.journal.seen("http.failed")
