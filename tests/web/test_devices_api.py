"""Devices as the API and the pages tell of them: what they did, who is unknown, and the dry run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.configuration import COPIER, NARROW, PASSWORD, USER, write
from tests.e2e.device import LETTER
from tests.web.asking import office, operator, viewer

if TYPE_CHECKING:
    from tests.web.asking import Asker
    from tests.web.conftest import Shown

__all__ = ["office", "operator", "viewer"]


def device(asker: Asker, name: str) -> dict[str, Any]:
    """What is told of one device."""
    (found,) = asker.api(f"/devices?name={name}")["devices"]
    return dict(found)


def plain(username: str, password: str) -> str:
    """AUTH PLAIN with its response."""
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


def refused_rcpt(shown: Shown) -> None:
    """The narrow device writes to somebody it may not write to."""
    with shown.relay.device(NARROW) as speaker:
        speaker.hello()
        speaker.ask("MAIL FROM:<mfp@device.test>")
        assert speaker.ask("RCPT TO:<ann@elsewhere.test>").startswith("550")


def test_a_device_tells_how_it_spoke_and_what_was_mended(office: Shown, viewer: Asker, somebody: str) -> None:
    """TLS, cipher, login, the listener; volumes from the spool and since the start; the message is named."""
    with office.relay.device("127.0.0.50", door="starttls") as speaker:
        speaker.hello()
        assert speaker.ask("STARTTLS").startswith("220")
        speaker.encrypt()
        speaker.ask("EHLO erp")
        assert speaker.ask(plain(USER, PASSWORD)).startswith("235")
        name = speaker.deliver(somebody)
    erp = device(viewer, USER)
    assert erp["last_id"] == name
    assert erp["last"]
    assert (erp["tls"], erp["mechanism"], erp["helo"], erp["client"]) == ("TLSv1.3", "PLAIN", "erp", "127.0.0.50")
    assert erp["cipher"].startswith("TLS_")
    assert erp["listener"] == "127.0.0.1:0"  # as the configuration has it
    assert (erp["messages"], erp["messages_day"], erp["messages_week"]) == (1, 1, 1)
    assert erp["bytes"] == len(LETTER)
    assert {"kind": "from-replaced", "count": 1} in erp["repairs"]


def test_a_refusal_stands_with_its_device_and_says_what_decides(office: Shown, viewer: Asker) -> None:
    """Reply, the option of the configuration, and where to look; the page has it too."""
    refused_rcpt(office)
    narrow = device(viewer, "narrow")
    assert narrow["refused"] == 1
    (refusal,) = narrow["refusals"]
    assert (refusal["client"], refusal["option"]) == (NARROW, "devices.narrow.recipients")
    assert refusal["reply"].startswith("550 5.7.1 Recipient not allowed for narrow")
    assert "devices.narrow.recipients" in refusal["remedy"]
    assert "Recipient not allowed for narrow" in viewer.get("/devices/narrow").body


def test_a_wrong_password_stands_with_the_device_whose_name_was_tried(office: Shown, viewer: Asker) -> None:
    """From whatever address; the password is nowhere."""
    before = device(viewer, USER)["refused"]
    with office.relay.device("127.0.0.51", door="starttls") as speaker:
        speaker.hello()
        assert speaker.ask(plain(USER, "hunter2")).startswith("535")
    erp = device(viewer, USER)
    assert erp["refused"] == before + 1
    assert erp["refusals"][0]["reason"] == "wrong password for device erp"
    page = viewer.get("/devices/erp").body
    assert "wrong password for device erp" in page
    assert "hunter2" not in page


def test_the_list_is_filtered_and_sorted_by_the_query(viewer: Asker) -> None:
    """The page has no script to do it; a word nobody knows is refused by the API and forgiven by the page."""
    names = [one["name"] for one in viewer.api("/devices?sort=name&descending=true")["devices"]]
    assert names == sorted(names, reverse=True)
    assert [one["name"] for one in viewer.api("/devices?text=NARR")["devices"]] == ["narrow"]
    page = viewer.get("/devices?text=narr").body
    assert "/devices/narrow" in page
    assert "/devices/copier" not in page
    assert viewer.get("/api/v1/devices?sort=colour").status == 400
    assert viewer.get("/devices?sort=colour").status == 200


def test_a_device_that_there_is_not(viewer: Asker) -> None:
    """404, and what was typed is escaped."""
    answer = viewer.get("/devices/%3Cscript%3E")
    assert answer.status == 404
    assert "<script>" not in answer.body.partition("<main")[2]


def test_an_unknown_source_is_adopted_by_the_yaml_that_is_shown(office: Shown, operator: Asker, somebody: str) -> None:
    """Refused, shown with its YAML at once; put into the file and taken up, it is a device and unknown no more."""
    with office.relay.device("127.0.0.60") as speaker:
        speaker.hello("EHLO plotter")
        assert speaker.ask("MAIL FROM:<plotter@device.test>").startswith("530")
    (source,) = [one for one in operator.api("/devices/unknown")["sources"] if one["address"] == "127.0.0.60"]
    assert source["helo"] == "plotter"
    assert source["adoption"] in operator.get("/devices").body.replace("&#39;", "'").replace("&#34;", '"')
    settings = yaml.safe_load(office.relay.config.read_text())
    settings["devices"] |= yaml.safe_load(source["adoption"])
    write(office.relay.config, settings)
    operator.api("/reload", digest=operator.api("/reload")["digest"])
    assert "127.0.0.60" not in [one["address"] for one in operator.api("/devices/unknown")["sources"]]
    with office.relay.device("127.0.0.60") as speaker:
        speaker.hello("EHLO plotter")
        speaker.deliver(somebody)
    assert device(operator, "plotter")["messages"] == 1


@pytest.mark.parametrize("from_file", [False, True])
def test_a_dry_run_says_every_step_and_which_line_decides(viewer: Asker, *, from_file: bool) -> None:
    """For a viewer; by the file or by what is in force, which is the same here."""
    question = {
        "address": NARROW, "sender": "mfp@device.test", "recipients": ["ann@contoso.test", "ann@elsewhere.test"],
        "listener": "", "from_file": from_file,
    }  # fmt: skip
    found = viewer.api("/devices/explain", **question)
    assert found["allowed"] is False
    assert [step["allowed"] for step in found["steps"]] == [True, True, False]
    assert "devices.narrow.recipients" in found["steps"][2]["decided_by"]
    assert "relay.yaml:" in found["steps"][2]["decided_by"]


def test_a_dry_run_by_what_is_in_force_is_not_moved_by_a_file_that_is_not(office: Shown, viewer: Asker) -> None:
    """Then no line is named, since the lines are of another text; the file itself is asked for when it is wanted."""
    text = office.relay.config.read_text()
    settings = yaml.safe_load(text)
    del settings["devices"]["copier"]
    write(office.relay.config, settings)
    try:
        question = {"address": COPIER, "recipients": ["ann@contoso.test"]}
        in_force = viewer.api("/devices/explain", **question)
        by_file = viewer.api("/devices/explain", from_file=True, **question)
    finally:
        office.relay.config.write_text(text)
    assert in_force["allowed"] is True
    assert in_force["device"] == "copier  (devices.copier)"
    assert by_file["allowed"] is False


def test_the_form_of_the_dry_run_shows_headers_and_keeps_what_was_typed(viewer: Asker) -> None:
    """Works without a script; what cannot be asked has words."""
    fields = {"address": COPIER, "recipients": "ann@contoso.test", "header_from": "Ann <ann@contoso.test>"}
    page = viewer.post("/devices/explain", **fields)
    assert page.status == 200
    assert "X-Original-From" in page.body
    assert f'value="{COPIER}"' in page.body
    bad = viewer.post("/devices/explain", **fields, size="large")
    assert bad.status == 400
    assert "The size is a number of bytes." in bad.body
    assert viewer.json("/devices/explain", {"address": COPIER, "listener": "nowhere"}).status == 404
    assert viewer.json("/devices/explain", {"address": COPIER, "size": -1}).status == 400
