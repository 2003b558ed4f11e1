"""`relay import`: real files of other products, carried over or told."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import check, load

if TYPE_CHECKING:
    from tests.cli.conftest import Run

SAMPLES = Path(__file__).parent / "imports"
CLIENT = "11111111-2222-3333-4444-555555555555"
ANSWERS = ("--tenant", "contoso.onmicrosoft.com", "--client-id", CLIENT, "--secret", "env:RELAY_TEST_SECRET")


@pytest.fixture(autouse=True)
def _secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_TEST_SECRET", "x")


def test_postfix_becomes_devices_and_profiles(run: Run, tmp_path: Path) -> None:
    """Networks of main.cf and of the files that it names, listeners of master.cf, mailboxes of sasl_passwd."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "postfix", SAMPLES / "postfix", *ANSWERS, "-o", out)

    assert ended.returncode == 0, ended.stderr
    assert check(out) == []
    settings = load(out)
    addresses = {name: device.address for name, device in settings.devices.items()}
    assert addresses == {
        "this-machine": "127.0.0.0/8", "this-machine-v6": "::1", "net-10.0.2.0-24": "10.0.2.0/24",
        "kept-out-host-10.0.2.66": "10.0.2.66", "host-10.0.5.17": "10.0.5.17", "host-10.0.9.8": "10.0.9.8",
        "net-10.0.10.0-28": "10.0.10.0/28", "net-2001_db8_10__-64": "2001:db8:10::/64",
        "net-10.0.77.0-24": "10.0.77.0/24", "host-192.0.2.50": "192.0.2.50",
    }  # fmt: skip
    assert settings.devices["kept-out-host-10.0.2.66"].recipients == ("nobody@nowhere.invalid",)
    assert [profile.mailbox for profile in settings.profiles.values()] == [
        "scanner@contoso.com", "erp@contoso.com", "plc@contoso.com",
    ]  # fmt: skip
    assert settings.profiles["plc"].senders == ("alarm@plant.contoso.com", "plc@contoso.com")
    ports = {(item.port, item.tls.value, item.auth.value) for item in settings.listeners}
    assert ports == {(25, "optional", "none"), (587, "required", "required"), (465, "implicit", "none")}
    assert (settings.hostname, settings.intake.max_message_size) == ("relay.contoso.com", 26_214_400)
    assert settings.delivery.expire_after_s == 3 * 86_400


def test_every_parameter_of_postfix_is_carried_over_or_told(run: Run) -> None:
    """Whatever main.cf sets is in the configuration, in the list, or a name that others refer to; with its line."""
    ended = run("import", "postfix", SAMPLES / "postfix", "--json")
    told = " ".join(one["where"] + " " + one["why"] for one in json.loads(ended.stdout)["left"])
    main = (SAMPLES / "postfix" / "main.cf").read_text()
    names = set(re.findall(r"^(\w+)\s*=", main, re.MULTILINE))
    carried = {
        "smtpd_tls_security_level", "smtpd_tls_protocols", "office", "myhostname",
        "mydomain", "lan", "message_size_limit", "inet_interfaces", "inet_protocols", "maximal_queue_lifetime",
        "smtp_sender_dependent_authentication", "smtpd_tls_key_file",
    }  # fmt: skip
    assert {name for name in names if not re.search(rf"\b{name}\b", told)} == carried
    assert "main.cf:53 always_bcc" in told
    assert "reject_rbl_client zen.spamhaus.org" in told
    assert "hr@contoso.com" in told


def test_no_password_leaves_a_file(run: Run, tmp_path: Path) -> None:
    """Not into the YAML, not into the report; with --secrets-dir into files of mode 0600."""
    for product, file in (
        ("postfix", "postfix"), ("email-oauth2-proxy", "emailproxy.config"), ("csv", "printers-1252.csv"),
    ):  # fmt: skip
        for more in ((), ("--json",), ("--secrets-dir", tmp_path / product)):
            ended = run("import", product, SAMPLES / file, *more)
            assert ended.returncode == 0, ended.stderr
            shown = ended.stdout + ended.stderr
            assert not re.search(r"Sommer2019|invoices:2020|:pw|very\.secret|s3cret|gAAAA", shown)
    assert (tmp_path / "csv" / "Erp.password").read_text() == "s3cret\n"
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {"Erp.password", "contoso.secret", "token-store.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_the_proxy_becomes_apps_profiles_and_logins(run: Run, tmp_path: Path) -> None:
    """Accounts of one registration share an app; clients on this machine may send any password, as they did."""
    out = tmp_path / "relay.yaml"
    ended = run(
        "import", "email-oauth2-proxy", SAMPLES / "emailproxy.config", "--secrets-dir", tmp_path / "s", "-o", out
    )

    assert ended.returncode == 0, ended.stderr
    assert check(out) == []
    settings = load(out)
    assert settings.apps["contoso"].client_id == CLIENT
    assert [profile.app for profile in settings.profiles.values()] == ["contoso", "contoso", "fabrikam"]
    assert settings.profiles["helpdesk"].sign_in.value == "delegated"
    login = settings.devices["erp"].login
    assert login is not None
    assert (login.username, login.any_password) == ("erp@contoso.com", True)
    assert (settings.listeners[0].listen, settings.listeners[0].auth.value) == ("127.0.0.1:1587", "required")
    for told in ("IMAP-1993", "smtp.gmail.com", "team@gmail.com", "relay authorize helpdesk", "delete_account_token"):
        assert told in ended.stderr


def test_a_proxy_for_other_machines_wants_its_clients_passwords(run: Run, tmp_path: Path) -> None:
    """Any password from anywhere would be an open relay: the device gets a file to fill instead."""
    config = tmp_path / "emailproxy.config"
    text = (SAMPLES / "emailproxy.config").read_text()
    config.write_text(text.replace("local_address = 127.0.0.1", "local_address = 0.0.0.0"))
    ended = run("import", "email-oauth2-proxy", config, "-o", tmp_path / "relay.yaml")

    assert "/etc/relay/secrets/erp.password" in ended.stderr
    login = load(tmp_path / "relay.yaml").devices["erp"].login
    assert login is not None
    assert not login.any_password


def test_the_relay_list_of_iis_is_read_from_its_octets(run: Run, tmp_path: Path) -> None:
    """With the other settings of the virtual server."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "iis", SAMPLES / "MetaBase.xml", *ANSWERS, "-o", out)

    assert ended.returncode == 0, ended.stderr
    assert check(out) == []
    settings = load(out)
    assert [device.address for device in settings.devices.values()] == ["127.0.0.1", "10.0.2.17", "10.0.3.0/24"]
    assert settings.profiles["scanner"].mailbox == "scanner@contoso.com"
    assert [item.listen for item in settings.listeners] == ["0.0.0.0:25", "10.0.0.5:2525"]
    assert settings.intake.max_recipients == 100
    assert all(word in ended.stderr for word in ("RoutePassword", "RelayForAuth", "SomethingElse"))


def test_the_relay_list_of_iis_as_a_text(run: Run, tmp_path: Path) -> None:
    """As the console exports it and as scripts write it; names and denials are told."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "iis", SAMPLES / "relay-list.txt", *ANSWERS, "--mailbox", "scanner@contoso.com", "-o", out)

    assert check(out) == []
    addresses = [device.address for device in load(out).devices.values()]
    assert addresses == ["10.0.2.17", "10.0.3.0/24", "192.168.7.1"]
    assert "printers.contoso.com" in ended.stderr
    assert "10.0.2.66 was denied" in ended.stderr


def test_a_list_of_printers_in_german(run: Run, tmp_path: Path) -> None:
    """Semicolons, a byte order mark, headings in another language; a wrong address is told with its line."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "csv", SAMPLES / "geraete.csv", *ANSWERS, "-o", out)

    assert check(out) == []
    devices = load(out).devices
    assert devices["Kopierer-Empfang"].owner == "Facilities@contoso.com"
    assert devices["Drucker-2.OG"].recipients == ("*@contoso.com", "*@fabrikam.com")
    assert "line 4: 10.0.300.1 is no address" in ended.stderr
    assert "column Etage" in ended.stderr


def test_a_list_in_the_code_page_of_windows(run: Run, tmp_path: Path) -> None:
    """Names keep their letters; a profile without a mailbox is marked."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "csv", SAMPLES / "printers-1252.csv", *ANSWERS, "-o", out)

    assert "Café-printer" in load(out).devices
    assert out.read_text().count("# CHANGE-ME:") == 2
    assert "line 4: is device Café-printer already" in ended.stderr


def test_what_was_left_stands_in_the_file_too(run: Run, tmp_path: Path) -> None:
    """As comments at its head, each line of the report; without answers what is missing is marked."""
    out = tmp_path / "relay.yaml"
    ended = run("import", "iis", SAMPLES / "relay-list.txt", "-o", out)

    told = [line.strip() for line in ended.stderr.splitlines() if line.startswith("  - ")]
    assert told
    assert all(f"#  {line}" in out.read_text() for line in told)
    assert out.read_text().count("# CHANGE-ME:") == 4
    assert run("import", "iis", SAMPLES / "relay-list.txt", "-o", out).returncode == 1


def test_a_hostile_file_is_refused(run: Run, tmp_path: Path) -> None:
    """Entities are not expanded; everybody is no device."""
    bomb = tmp_path / "MetaBase.xml"
    bomb.write_text('<!DOCTYPE a [<!ENTITY b "x">]><IIsSmtpServer RelayIpList="&b;"/>')
    ended = run("import", "iis", bomb)
    assert "document type" in ended.stderr
    everybody = tmp_path / "list.txt"
    everybody.write_text("0.0.0.0, 0.0.0.0\n")
    assert "is everybody" in run("import", "iis", everybody).stderr


def test_two_devices_never_share_a_file_of_a_password(run: Run, tmp_path: Path) -> None:
    """Names that are one name in the configuration get files of their own; a row left out leaves no password."""
    table, secrets = tmp_path / "list.csv", tmp_path / "s"
    table.write_text("name,login,password\nx y,cy,first\nx-y,dy,second\nagain,cy,third\n")
    out = tmp_path / "relay.yaml"
    run("import", "csv", table, "--secrets-dir", secrets, "-o", out)

    found = {}
    for device in load(out).devices.values():
        assert device.login is not None
        assert device.login.password is not None
        assert device.login.password.file is not None
        found[device.login.username] = Path(device.login.password.file).read_text().strip()
    assert found == {"cy": "first", "dy": "second"}
    assert len(list(secrets.iterdir())) == 2


def test_what_a_row_has_too_much_is_told(run: Run, tmp_path: Path) -> None:
    """A password nobody logs in with, cells without a column, a second address, another name of the profile."""
    table = tmp_path / "list.csv"
    table.write_text("name,ip,address,password,mailbox,profile\na,10.0.0.1,10.0.0.2,pw,x@y.de,foo,extra\n")
    told = run("import", "csv", table).stderr
    for words in ("column address", "more cells", "a password of a, but no login", "is called x, not foo"):
        assert words in told


def test_a_proxy_that_does_not_say_where_it_listens_is_for_other_machines(run: Run, tmp_path: Path) -> None:
    """It binds :: then."""
    config, out = tmp_path / "emailproxy.config", tmp_path / "relay.yaml"
    config.write_text((SAMPLES / "emailproxy.config").read_text().replace("local_address = 127.0.0.1", ""))
    run("import", "email-oauth2-proxy", config, "-o", out)
    settings = load(out)
    assert settings.listeners[0].listen == "0.0.0.0:1587"
    login = settings.devices["erp"].login
    assert login is not None
    assert not login.any_password


def test_a_file_that_is_no_configuration_is_not_quoted(run: Run, tmp_path: Path) -> None:
    """The parser's error holds the line, which may be a secret."""
    config = tmp_path / "emailproxy.config"
    config.write_text("client_secret = hunter2\n")
    ended = run("import", "email-oauth2-proxy", config)
    assert "line 1" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


def test_no_secret_is_written_where_one_is_there(run: Run, tmp_path: Path) -> None:
    """All files or none: what was there stays as it was."""
    table, secrets = tmp_path / "list.csv", tmp_path / "s"
    table.write_text("name,login,password\na,ann,new\nb,bob,new\n")
    secrets.mkdir()
    (secrets / "b.password").write_text("old")
    ended = run("import", "csv", table, "--secrets-dir", secrets)
    assert ended.returncode == 1
    assert [path.read_text() for path in secrets.iterdir()] == ["old"]
