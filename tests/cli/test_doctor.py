"""`relay doctor` and `relay setup` as a shell runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.control.conftest import CANARY, MAILBOX, configuration, tenant

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, whole: dict[str, object]) -> Path:
    """A configuration file."""
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


async def test_it_tells_step_by_step_and_leaves_nothing_behind(relay_aside, tmp_path):
    """Exit code 0; the data directory that is configured is not even made."""
    async with tenant() as cloud:
        config = written(tmp_path / "relay.yaml", configuration(cloud, canary=CANARY))
        ended = await relay_aside("doctor", "scans", "-c", config)

    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1] == f"profile scans: {MAILBOX} by transport smtp"
    assert [line.split()[:2] for line in lines[2:12]] == [
        ["ok", name] for name in ("dns", "tcp", "ehlo", "starttls", "clock", "token", "auth", "limits", "scope", "ends")
    ]
    assert lines[-1] == "all is well"
    assert [each.name for each in tmp_path.iterdir()] == ["relay.yaml"]


async def test_json_has_a_shape_to_rely_on(relay_aside, tmp_path):
    """Each profile and way with its steps, and nothing else on standard output."""
    async with tenant(graph_roles=("Mail.Send",)) as cloud:
        graph = {"url": cloud.settings.graph_url, "ca_file": str(cloud.settings.ca_file)}
        whole = configuration(cloud, fallback="graph", graph=graph, app={"graph_scope": cloud.settings.graph_scope})
        whole["profiles"]["other"] = {**whole["profiles"]["scans"], "mailbox": "nobody@contoso.test", "fallback": None}
        cloud.revoke_mailbox("nobody@contoso.test")
        ended = await relay_aside("doctor", "-c", written(tmp_path / "relay.yaml", whole), "--json")

    assert ended.returncode == 1
    told = json.loads(ended.stdout)
    assert sorted(told) == ["good", "profiles"]
    assert [(each["profile"], each["transport"], each["good"]) for each in told["profiles"]] == [
        ("scans", "smtp", True), ("scans", "graph", True), ("other", "smtp", False)
    ]  # fmt: skip
    for each in told["profiles"]:
        for step in each["steps"]:
            assert sorted(step) == ["answer", "meaning", "ms", "name", "remedy", "result", "state"]
            assert step["state"] in ("ok", "failed", "skipped")
    assert not told["good"]


async def test_a_failure_is_told_with_answer_meaning_and_remedy(relay_aside, tmp_path):
    """Below its step; the last line names profile and step."""
    async with tenant() as cloud:
        cloud.revoke_mailbox(MAILBOX)
        ended = await relay_aside("doctor", "-c", written(tmp_path / "relay.yaml", configuration(cloud)))

    assert ended.returncode == 1
    assert all(f"{word} " in ended.stdout for word in ("answer", "meaning", "remedy"))
    assert ended.stdout.splitlines()[-1] == "not well: scans (auth)"


async def test_nobody_answering_is_69(relay_aside, tmp_path):
    """As sysexits.h has it."""
    async with tenant() as cloud:
        await cloud.exchange_down()
        ended = await relay_aside("doctor", "-c", written(tmp_path / "relay.yaml", configuration(cloud)))

    assert ended.returncode == 69


async def test_a_mail_is_really_sent(relay_aside, tmp_path):
    """--send-to and --from together prove Send As."""
    async with tenant(send_as={MAILBOX: ("desk@contoso.test",)}) as cloud:
        config = written(tmp_path / "relay.yaml", configuration(cloud))
        ended = await relay_aside(
            "doctor", "-c", config, "--send-to", "ann@contoso.test", "--from", "desk@contoso.test"
        )
        [letter] = await cloud.arrivals.wait_for(1)

    assert ended.returncode == 0, ended.stdout
    assert b"From: desk@contoso.test" in letter.raw


def test_a_broken_configuration_is_78_with_every_mistake(relay, write_config):
    """Nothing is tried."""
    path = write_config()
    path.write_text(path.read_text().replace("mailbox: scanner@contoso.com", "mailbox: scanner"))
    ended = relay("doctor", "-c", path)

    assert ended.returncode == 78
    assert "profiles.scans.mailbox" in ended.stderr


def test_an_address_that_is_none_is_wrong_usage(relay, write_config):
    """Before anything is tried."""
    ended = relay("doctor", "-c", write_config(), "--send-to", "a@b.test\r\nBcc: x@y.test")

    assert ended.returncode == 2
    assert "--send-to" in ended.stderr


def test_a_profile_that_does_not_exist_is_named(relay, write_config):
    """With those that do."""
    ended = relay("doctor", "nosuch", "-c", write_config())

    assert (ended.returncode, "there are scans" in ended.stderr) == (2, True)


@pytest.mark.parametrize("options", [[], ["--classic"], ["--portal"]])
def test_setup_prints_the_script(relay, write_config, options):
    """For the profile that is named, with its own values."""
    ended = relay("setup", "m365", "scans", "-c", write_config(), *options)

    assert ended.returncode == 0, ended.stderr
    assert "scanner@contoso.com" in ended.stdout


def test_setup_writes_a_file_for_windows_too(relay, write_config, tmp_path):
    """With a byte order mark: Windows PowerShell 5.1 would guess otherwise."""
    script = tmp_path / "scans.ps1"
    ended = relay("setup", "m365", "scans", "-c", write_config(), "--output", script)

    assert ended.returncode == 0, ended.stderr
    assert script.read_bytes().startswith(b"\xef\xbb\xbf# Microsoft 365 for profile scans")


def test_setup_says_where_it_cannot_write(relay, write_config, tmp_path):
    """The file and why."""
    ended = relay("setup", "m365", "scans", "-c", write_config(), "--output", tmp_path / "no" / "x.ps1")

    assert ended.returncode == 1
    assert "can't be written: No such file or directory" in ended.stderr


def test_setup_of_what_cannot_be_is_78(relay, write_config):
    """Graph has no classic way."""
    path = write_config()
    path.write_text(path.read_text().replace("from: mailbox", "from: mailbox, transport: graph"))
    ended = relay("setup", "m365", "scans", "-c", path, "--classic")

    assert ended.returncode == 78
    assert "every mailbox of the tenant" in ended.stderr
