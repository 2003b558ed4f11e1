"""The management port, and a cloud in another process."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from relay.sandbox.cloud import Cloud, CloudOptions, CloudSettings
from relay.sandbox.run import announcement, run_sandbox
from tests.sandbox.conftest import MESSAGE, enter, in_thread, msal_answer, token
from tests.sandbox.wires import Talk


@in_thread
def ask(settings, method, path, given=None):
    """One request to the management port: status and text."""
    with requests.Session() as session:
        session.trust_env = False
        got = session.request(method, settings.management_url + path, json=given, timeout=10)
    return got.status_code, got.text


async def submit(settings, access_token):
    """Send one message."""
    talk = await enter(settings, access_token)
    for command in ("MAIL FROM:<scanner@contoso.test>", "RCPT TO:<ann@x.test>", "DATA", MESSAGE.decode() + "."):
        answer = await talk.ask(command)
    talk.close()
    return answer


async def test_what_arrived_is_listed_and_fetched(cloud, access_token):
    """People get a line per message, programs JSON, and anyone the bytes."""
    await submit(cloud.settings, access_token)
    _, page = await ask(cloud.settings, "GET", "/")
    _, listed = await ask(cloud.settings, "GET", "/messages?to=ANN@x.test")
    _, nothing = await ask(cloud.settings, "GET", "/messages?after=000001")
    _, waited = await ask(cloud.settings, "GET", "/wait?count=1&timeout=5")
    _, raw = await ask(cloud.settings, "GET", "/messages/000001")

    assert "000001" in page
    assert "scanner@contoso.test -> ann@x.test  scan" in page
    assert (json.loads(listed)[0]["subject"], json.loads(nothing)) == ("scan", [])
    assert json.loads(waited) == json.loads(listed)
    assert raw.encode() == MESSAGE


async def test_waiting_in_vain_and_asking_nonsense_have_their_status(cloud):
    """408, 404 and 400 come with a sentence."""
    assert await ask(cloud.settings, "GET", "/wait?timeout=0.01") == (
        408,
        '{\n "error": "0 of 1 messages arrived within 0.01 s"\n}\n',
    )
    assert (await ask(cloud.settings, "GET", "/messages/7"))[0] == 404
    assert (await ask(cloud.settings, "GET", "/nonsense"))[0] == 404
    assert (await ask(cloud.settings, "POST", "/faults", {"stage": "lunch", "action": "drop"}))[0] == 400
    assert (await ask(cloud.settings, "PUT", "/switches", {"gravity": "off"}))[0] == 400


async def test_faults_come_and_go_over_the_port(cloud):
    """A fault added by another process acts like one added in this one."""
    status, made = await ask(
        cloud.settings, "POST", "/faults", {"stage": "greeting", "action": "reply", "reply": "421 4.3.2 later"}
    )
    name = json.loads(made)["id"]
    first = await (await Talk.open(cloud.settings)).reply()
    _, listed = await ask(cloud.settings, "GET", "/faults")
    removed = await ask(cloud.settings, "DELETE", f"/faults/{name}")

    assert (status, first, removed) == (201, "421 4.3.2 later", (204, ""))
    assert [fault["stage"] for fault in json.loads(listed)] == ["greeting"]
    assert (await (await Talk.open(cloud.settings)).reply()).startswith("220")


async def test_switches_pull_plugs_over_the_port(cloud):
    """Exchange down, secret refused, mailbox revoked, and all of it back."""
    wanted = {"exchange": "down", "secret": "refused", "revoked": ["scanner@contoso.test"]}
    _, state = await ask(cloud.settings, "PUT", "/switches", wanted)
    refused = await msal_answer(cloud.settings)
    with pytest.raises(ConnectionRefusedError):
        await Talk.open(cloud.settings)
    await ask(cloud.settings, "PUT", "/switches", {"exchange": "up", "secret": "valid", "revoked": []})

    assert json.loads(state).items() >= {"entra": "up", "graph": "up", **wanted}.items()
    assert refused["error_codes"] == [7000215]
    assert (await submit(cloud.settings, await token(cloud.settings))).startswith("250")


async def test_the_settings_are_printed_as_configuration():
    """The YAML can be read, refers to the secret by its file, and never contains it."""
    said: asyncio.Queue[str] = asyncio.Queue()
    running = asyncio.ensure_future(run_sandbox(CloudOptions(), said.put_nowait))
    found = yaml.safe_load(await asyncio.wait_for(said.get(), 10))
    running.cancel()

    assert set(found) == {"apps", "profiles"}
    assert found["apps"]["sandbox"]["credential"] == {
        "secret": {"file": str(Path(found["apps"]["sandbox"]["ca_file"]).parent / "client-secret")}
    }
    assert found["profiles"]["erp"]["mailbox"] == "erp@contoso.test"
    assert found["profiles"]["erp"]["endpoint"]["host"] == "localhost"
    assert found["profiles"]["erp"]["graph"]["url"].startswith("https://localhost:")


async def test_a_secret_stays_out_of_the_announcement(cloud):
    """What is printed may be copied into a ticket."""
    assert cloud.settings.client_secret not in announcement(cloud.settings)


async def test_a_cloud_runs_in_a_process_of_its_own():
    """`python -m relay.sandbox --json` prints settings that work, and SIGTERM ends it in good order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay.sandbox", "--json", "--mailbox", "scanner@contoso.test",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        given = json.loads(line)
        settings = CloudSettings(**{**given, "ca_file": Path(given["ca_file"])})
        await submit(settings, await token(settings))

        assert json.loads((await ask(settings, "GET", "/messages"))[1])[0]["mailbox"] == "scanner@contoso.test"
    finally:
        process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not settings.ca_file.exists()


async def test_mishaps_are_passing_refusals():
    """With mishaps=1 every MAIL gets a 451 until the fault is taken back."""
    async with Cloud(CloudOptions(mishaps=1.0)) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        refused = await talk.ask("MAIL FROM:<scanner@contoso.test>")
        cloud.faults.clear()

        assert refused.startswith("451 4.7.0 Temporary server error.")
        assert (await talk.ask("MAIL FROM:<scanner@contoso.test>")).startswith("250")


def test_settings_can_be_handed_on_as_json(tmp_path):
    """Paths become texts, everything else stays."""
    settings = CloudSettings(
        authority="https://localhost:1/t", tenant="t", client_id="c", client_secret="s", scope="x/.default",
        smtp_host="localhost", smtp_port=2, ca_file=tmp_path, secret_file=tmp_path, mailboxes=("a@b.test",),
        management_url="http://127.0.0.1:3", directory=tmp_path,
    )  # fmt: skip
    back = json.loads(json.dumps(settings.to_json()))

    assert replace(settings, **{name: back[name] for name in ("tenant", "smtp_port")}) == settings
    assert back["ca_file"] == str(tmp_path)
