"""`relay notify test`, and what `relay check` says of the addresses of channels."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hook import Hook


@pytest.fixture
def hook():
    with Hook() as hook:
        yield hook


@pytest.fixture
def with_channels(write_config, tmp_path):
    """A configuration with channels at these addresses, each kept in a file."""

    def write(*urls):
        files = [tmp_path / f"channel-{number}" for number in range(len(urls))]
        for file, url in zip(files, urls, strict=True):
            file.write_text(url + "\n")
        path = write_config()
        listed = ", ".join(f"{{url: {{file: {file}}}}}" for file in files)
        path.write_text(f"{path.read_text()}\nnotifications: {{channels: [{listed}]}}\n")
        return path

    return write


def test_each_channel_says_what_it_answered(relay, with_channels, secrets, hook):
    """One takes the test, one is not there: each has a line, no address is shown, and the exit code tells."""
    ended = relay("notify", "test", "--config", with_channels(hook.url, "json://127.0.0.1:9/t0ken-of-it"), env=secrets)
    good, bad = ended.stdout.splitlines()
    assert ended.returncode == 1
    assert good.endswith("channel-0  taken")
    assert "channel-1  A Connection error occurred" in bad
    assert "this is a test" in hook.titles[0]
    assert "t0ken-of-it" not in ended.stdout + ended.stderr


def test_without_channels_that_is_said(relay, write_config, secrets):
    """Nobody was told, which is not what was wanted: what to write where, and that is a configuration."""
    config = write_config()
    ended = relay("notify", "test", "--config", config, env=secrets)
    assert (ended.returncode, ended.stdout) == (78, "")
    (wanted,) = re.findall(r"^notifications:\n(?: .*\n)+", ended.stderr, re.MULTILINE)
    config.write_text(f"{config.read_text()}\n{wanted}")
    assert "/etc/relay/channel" in relay("notify", "test", "--config", config, env=secrets).stdout
    ended = relay("notify", "test", "--json", "--config", write_config(), env=secrets)
    assert json.loads(ended.stderr)["code"] == 78


def test_a_channel_over_https_leaves_by_the_configured_proxy(relay, with_channels, secrets):
    """As sign-in and Graph do; one that is in clear is asked directly."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, Hook() as hook:
        proxy.settimeout(20)
        config = with_channels("jsons://hooks.contoso.test/t0ken", hook.url)
        outgoing = f"outgoing: {{https_proxy: 'http://127.0.0.1:{proxy.getsockname()[1]}'}}\n"
        config.write_text(config.read_text() + outgoing)
        asked = []

        def refuse():
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.makefile("rb").readline())

        with ThreadPoolExecutor() as pool:
            pool.submit(refuse)
            ended = relay("notify", "test", "--config", config, env=secrets)
    assert asked[0].startswith(b"CONNECT hooks.contoso.test:443 ")
    assert (ended.returncode, len(hook.notes)) == (1, 1)


def test_an_address_nobody_understands_is_a_mistake(relay, with_channels, secrets, hook):
    """`relay check` names the option, and the file it is kept in, and not the address."""
    assert relay("check", "--config", with_channels(hook.url), env=secrets).returncode == 0
    ended = relay("check", "--config", with_channels(hook.url, "pigeon://s3cret-loft"), env=secrets)
    assert ended.returncode == 78
    assert "notifications.channels[1].url: secret file:" in ended.stderr
    assert "s3cret-loft" not in ended.stdout + ended.stderr


def test_a_script_reads_what_each_channel_answered(relay, with_channels, secrets, hook):
    """--json: a list, with an empty reason where the test was taken."""
    ended = relay("notify", "test", "--json", "--config", with_channels(hook.url), env=secrets)
    (tried,) = json.loads(ended.stdout)
    assert tried["channel"].endswith("channel-0")
    assert tried["why"] == ""
