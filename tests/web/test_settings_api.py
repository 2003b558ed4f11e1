"""The configuration in the dashboard: as in effect, what a reload would change, and taking it up."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from relay.config.loader import parse
from relay.config.password import hashed
from tests.e2e.configuration import write
from tests.web.asking import office, operator, viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.asking import Asker
    from tests.web.conftest import Shown

__all__ = ["office", "operator", "viewer"]


class File:
    """The configuration of the running relay, to be edited."""

    def __init__(self, shown: Shown) -> None:
        self.path = shown.relay.config
        self.text = self.path.read_text()

    def edit(self, **devices: Any) -> None:
        """Puts devices in, or takes them out (None)."""
        settings = yaml.safe_load(self.text)
        for name, device in devices.items():
            settings["devices"][name] = device
        settings["devices"] = {name: device for name, device in settings["devices"].items() if device is not None}
        write(self.path, settings)


@pytest.fixture
def file(office: Shown, operator: Asker) -> Iterator[File]:
    """As it was again at the end, and in force."""
    found = File(office)
    yield found
    found.path.write_text(found.text)
    assert operator.api("/reload", digest=operator.api("/reload")["digest"])["applied"] is True


def test_what_is_in_effect_is_told_with_its_origin_and_without_secrets(
    office: Shown, file: File, operator: Asker
) -> None:
    """As options, as sections and as a file that says the same; only where a secret is kept."""
    line = hashed("open sesame")
    file.edit(fax={"login": {"username": "fax", "password_hash": line}, "profile": "box"})
    operator.api("/reload", digest=operator.api("/reload")["digest"])
    found = operator.api("/settings")
    options = {one["option"]: one for one in found["options"]}
    assert options["devices.copier.profile"] == {
        "option": "devices.copier.profile", "value": "box", "origin": "set",
    }  # fmt: skip
    assert options["devices.copier.answer"]["origin"] == "default"
    secret = office.data_dir.parent / "app-secret"
    assert found["settings"]["apps"]["contoso"]["credential"]["secret"] == f"file:{secret}"
    assert options["devices.fax.login.password_hash"]["value"] == '"(not shown)"'
    assert parse(found["yaml"].replace('"(not shown)"', f'"{line}"')) == parse(file.path.read_text())
    for text in (str(found), operator.get("/settings?all=1").body, operator.get("/settings/reload").body):
        assert line not in text
        assert secret.read_text().strip() not in text


def test_a_reload_is_shown_before_it_is_applied(office: Shown, file: File, operator: Asker) -> None:
    """Added, removed and changed options by path; then the file is in force, and the journal says who wanted it."""
    file.edit(
        plotter={"address": "127.0.0.70", "profile": "box"},
        busy=None,
        copier={"address": "127.0.0.1", "profile": "keep"},
    )
    plan = operator.api("/reload")
    assert {(one["option"], one["kind"], one["old"], one["new"]) for one in plan["changes"]} == {
        ("devices.plotter.address", "added", "", "127.0.0.70"),
        ("devices.plotter.profile", "added", "", "box"),
        ("devices.busy.address", "removed", "127.0.0.5", ""),
        ("devices.busy.profile", "removed", "busy", ""),
        ("devices.copier.profile", "changed", "box", "keep"),
    }
    assert plan["restart"] == []
    place = len(office.relay.journal.events)
    assert operator.api("/reload", digest=plan["digest"])["applied"] is True
    assert office.relay.journal.wait("config.reloaded", after=place)["who"].startswith("test-")
    assert operator.api("/reload")["changes"] == []
    assert "plotter" in [one["name"] for one in operator.api("/devices")["devices"]]


def test_a_file_that_changed_since_it_was_shown_is_not_applied(file: File, operator: Asker) -> None:
    """409 from the API and from the page, which shows the changes there are now."""
    digest = operator.api("/reload")["digest"]
    file.edit(plotter={"address": "127.0.0.71", "profile": "box"})
    assert operator.json("/reload", {"digest": digest}).status == 409
    page = operator.post("/settings/reload", digest=digest)
    assert page.status == 409
    assert "127.0.0.71" in page.body
    assert "plotter" not in [one["name"] for one in operator.api("/devices")["devices"]]


def test_a_broken_file_is_told_with_its_lines(file: File, operator: Asker) -> None:
    """Every mistake with file, line and column; applied all the same, the old configuration goes on."""
    file.path.write_text(file.text.replace("profile: busy", "profile: bussy"))
    plan = operator.api("/reload")
    (complaint,) = plan["complaints"]
    line = file.path.read_text().splitlines()[complaint["line"] - 1]
    assert line[complaint["column"] - 1 :] == "bussy"
    assert complaint["option"] == "devices.busy.profile"
    assert html.escape(complaint["text"]) in operator.get("/settings/reload").body.replace("&#39;", "&#x27;")
    answer = operator.api("/reload", digest=plan["digest"])
    assert answer == {"applied": False, "complaints": [complaint["text"]], "restart": []}


def test_what_a_reload_does_not_take_up_is_marked(file: File, operator: Asker) -> None:
    """The section that waits for a restart, before and after."""
    settings = yaml.safe_load(file.text)
    write(file.path, settings | {"log": {"format": "json", "level": "debug"}})
    plan = operator.api("/reload")
    assert plan["restart"] == ["log"]
    assert [(one["option"], one["new"], one["restart"]) for one in plan["changes"]] == [("log.level", "debug", True)]
    assert operator.api("/reload", digest=plan["digest"])["restart"] == ["log"]


def test_a_viewer_sees_and_does_not_apply(viewer: Asker) -> None:
    """Neither by the API nor by the form, which is not there."""
    digest = viewer.api("/reload")["digest"]
    assert viewer.json("/reload", {"digest": digest}).status == 403
    assert viewer.post("/settings/reload", digest=digest).status == 403
    assert "<button>" not in viewer.get("/settings/reload").body.partition("<main")[2]
