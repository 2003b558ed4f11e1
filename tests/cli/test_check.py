"""`relay check`: every mistake at once, or a summary."""

from __future__ import annotations

import re

from relay.config.aeskey import new_key


def test_a_good_configuration_is_summed_up(relay, write_config, secrets):
    """Who may come in where, and as whom their mail leaves."""
    ended = relay("check", "--config", write_config(), env=secrets)

    assert ended.returncode == 0, ended.stderr
    assert "listener  0.0.0.0:2525  tls optional  auth optional" in ended.stdout
    assert "scanner@contoso.com  from mailbox  app contoso  to smtp.office365.com:587" in ended.stdout
    assert "device    erp  login erp  profile scans" in ended.stdout
    assert "notices   failed to sender, owner  delayed to sender\n" in ended.stdout
    assert "not encrypted\nhttp      http://127.0.0.1:8925  dashboard, sign-in by passwords\n" in ended.stdout
    assert not any(secret in ended.stdout for secret in secrets.values())


def test_every_mistake_is_told_at_once(relay, write_config, secrets):
    """Two typos are two complaints, each with its line, and the code is that of a broken configuration."""
    path = write_config()
    path.write_text(
        path.read_text().replace("mailbox: scanner", "mailbx: scanner").replace("tls: optional", "tls: maybe")
    )
    ended = relay("check", "--config", path, env=secrets)

    assert ended.returncode == 78
    assert f"{path}:3:" in ended.stderr
    assert f"{path}:7:" in ended.stderr
    assert "did you mean 'mailbox'?" in ended.stderr


def test_a_secret_that_is_x(relay, write_config, secrets):
    """The check reads what the service would need, so that it fails here and not at night."""
    ended = relay("check", env={"RELAY_CONFIG": str(write_config()), "ERP_PASSWORD": "x"})

    assert ended.returncode == 78
    assert "CONTOSO_SECRET" in ended.stderr


def test_a_file_that_is_not_there_is_named(relay, tmp_path):
    """No traceback: the path and what to do."""
    ended = relay("check", "--config", tmp_path / "none.yaml")

    assert ended.returncode == 78
    assert str(tmp_path / "none.yaml") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_was_understood_of_an_address_is_noted(relay, write_config, secrets):
    """The endpoint of a manual is good, and the tenant in it is shown with its place; so is a relative path."""
    path = write_config()
    written = "https://login.microsoftonline.com/contoso.com/oauth2/token"
    text = path.read_text().replace("tenant: contoso.onmicrosoft.com", f"tenant: {written}")
    path.write_text(re.sub("data_dir: .*", "data_dir: relay-data", text))
    ended = relay("check", "--config", path, env=secrets)

    assert ended.returncode == 0, ended.stderr
    assert "contoso  https://login.microsoftonline.com/contoso.com  client" in ended.stdout
    assert f"note      {path}:5:21: apps.contoso.tenant: contoso.com understood from '{written}'" in ended.stdout
    assert ": data_dir: relay-data is below the directory that a command runs in" in ended.stdout


def test_each_way_out_is_summed_up(relay, write_config, secrets):
    """Where it leads, who signs in, and what stands behind it."""
    path = write_config()
    ways = "sign_in: delegated, upn: jo@contoso.us, transport: graph, fallback: smtp"
    text = path.read_text().replace("from: mailbox", f"from: mailbox, {ways}")
    path.write_text(text + "token_store: {key: {env: TOKEN_KEY}}\n")
    ended = relay("check", "--config", path, env=secrets | {"TOKEN_KEY": new_key()})

    assert ended.returncode == 0, ended.stderr
    assert "jo@contoso.us signs in  to https://graph.microsoft.com, else by smtp" in ended.stdout
