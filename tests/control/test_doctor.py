"""The doctor against the pretend Microsoft 365: all well, and each step failing in turn."""

from __future__ import annotations

import base64
import json
import time

import pytest
import trustme
import yaml

from relay.config.loader import parse
from relay.control import doctor_token
from relay.control.doctor import Doctor, Wish, exit_code
from relay.control.doctor_step import State
from relay.sandbox.exchange import Policy
from relay.sandbox.faults import Fault
from tests.control.conftest import CANARY, MAILBOX, configuration, examined, step, steps, tenant

ALL = ["dns", "tcp", "ehlo", "starttls", "clock", "token", "auth", "limits", "scope", "ends"]
OFF = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. [X 2026]"
LOCKED = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. [X 2026]"


async def test_a_good_profile_is_well():
    """Every step in its order, each with its words and its time; nothing is written."""
    async with tenant() as cloud:
        found = await examined(configuration(cloud, canary=CANARY))

        assert steps(found) == dict.fromkeys(ALL, "ok")
        assert (found.good, exit_code([found])) == (True, 0)
    assert "localhost is 127.0.0.1" in step(found, "dns").result
    assert "SIZE 157286400" in step(found, "ehlo").result
    assert "TLSv1.3" in step(found, "starttls").result
    assert "issued by Sandbox CA" in step(found, "starttls").result
    assert "aud https://outlook.office365.com" in step(found, "token").result
    assert "235 2.7.0" in step(found, "auth").result
    assert "Not to be seen from outside" in step(found, "limits").result
    assert step(found, "scope").result.startswith(f"Granted: {MAILBOX}. Denied: {CANARY} is refused: 535 5.7.3")
    assert "2999-12-31" in step(found, "ends").result
    assert all(each.ms >= 0 for each in found.steps)


async def test_a_name_that_does_not_exist():
    """The rest of the way is skipped, Entra is asked all the same, and nobody answered: 69."""
    async with tenant() as cloud:
        whole = configuration(cloud, endpoint={"host": "no-such-host.invalid"})
        found = await examined(whole)

    assert steps(found)["dns"] == "failed"
    assert [steps(found)[name] for name in ("tcp", "ehlo", "starttls", "auth")] == ["skipped"] * 4
    assert steps(found)["token"] == "ok"
    assert "nslookup no-such-host.invalid" in step(found, "dns").remedy
    assert exit_code([found]) == 69


async def test_a_port_where_nobody_listens():
    """The system's word, what it means, and how to look."""
    async with tenant() as cloud:
        await cloud.exchange_down()
        found = await examined(configuration(cloud))

    assert steps(found)["tcp"] == "failed"
    assert "Connection refused" in step(found, "tcp").answer
    assert "nc -vz localhost" in step(found, "tcp").remedy
    assert steps(found)["token"] == "ok"
    assert exit_code([found]) == 69


REFUSALS = {
    "ehlo": Fault(stage="greeting", action="reply", reply="421 4.3.2 Service not available", close=True),
    "starttls": Fault(stage="starttls", action="reply", reply="454 4.7.0 TLS not available due to temporary reason"),
    "auth": Fault(stage="auth", action="reply", reply=OFF),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_stands_at_its_step(name):
    """Literally, with its meaning and remedy; what comes after and needs it is skipped."""
    async with tenant() as cloud:
        cloud.faults.add(REFUSALS[name])
        found = await examined(configuration(cloud))

    failed = [each.name for each in found.steps if each.state is State.FAILED]
    assert failed == [name]
    assert REFUSALS[name].reply.partition(" [")[0] in step(found, name).answer
    assert step(found, name).meaning
    assert step(found, name).remedy
    assert exit_code([found]) == 1


async def test_the_switch_of_the_organization_is_told():
    """5.7.139 is read by its sentence; the PowerShell line has the mailbox in it."""
    async with tenant() as cloud:
        cloud.faults.add(Fault(stage="auth", action="reply", reply=LOCKED))
        found = await examined(configuration(cloud))

    assert f"Set-CASMailbox {MAILBOX} -SmtpClientAuthenticationDisabled $false" in step(found, "auth").remedy
    assert "SMTP AUTH is off for the tenant" in step(found, "limits").result


async def test_a_server_that_hangs():
    """The configured patience, and then the step has failed; nobody answered."""
    async with tenant() as cloud:
        cloud.faults.add(Fault(stage="greeting", action="hang"))
        whole = configuration(cloud) | {"delivery": {"reply_timeout_s": 1, "connect_timeout_s": 1}}
        found = await examined(whole)

    assert steps(found)["ehlo"] == "failed"
    assert steps(found)["token"] == "ok"
    assert exit_code([found]) == 69


async def test_a_certificate_that_nobody_trusts(tmp_path):
    """As behind a TLS inspection box: the step is STARTTLS, and the remedy names the option."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    async with tenant() as cloud:
        whole = configuration(cloud)
        whole["profiles"]["scans"]["endpoint"]["ca_file"] = str(other)
        found = await examined(whole)

    assert steps(found)["starttls"] == "failed"
    assert "not trusted" in step(found, "starttls").answer
    assert "issued by CN=Sandbox CA" in step(found, "starttls").answer
    assert "endpoint.ca_file" in step(found, "starttls").remedy
    assert exit_code([found]) == 1


@pytest.mark.parametrize(("off_s", "way"), [(900, "ahead"), (-900, "behind")])
async def test_a_clock_that_is_wrong(monkeypatch, off_s, way):
    """Told before Entra refuses a signed assertion for it."""
    monkeypatch.setattr(doctor_token, "now", lambda: time.time() + off_s)
    async with tenant() as cloud:
        found = await examined(configuration(cloud))

    assert steps(found)["clock"] == "failed"
    assert step(found, "clock").result.endswith(f"s {way}")
    assert "NTP" in step(found, "clock").remedy


async def test_a_secret_that_has_expired():
    """Entra's words with AADSTS7000222; there is no token, so that nothing is asked of Exchange."""
    async with tenant() as cloud:
        cloud.set_secret("expired")
        found = await examined(configuration(cloud))

    assert steps(found)["token"] == "failed"
    assert "AADSTS7000222" in step(found, "token").answer
    assert step(found, "token").remedy
    assert [steps(found)[name] for name in ("auth", "limits", "scope")] == ["skipped"] * 3
    assert exit_code([found]) == 1


async def test_entra_that_is_down():
    """Clock and token say so; the way to Exchange was looked at all the same."""
    async with tenant() as cloud:
        await cloud.entra_down()
        found = await examined(configuration(cloud))

    assert steps(found)["starttls"] == "ok"
    assert (steps(found)["clock"], steps(found)["token"]) == ("skipped", "failed")
    assert exit_code([found]) == 69


async def test_a_secret_that_cannot_be_read(tmp_path):
    """The configuration is broken: 78, and the file is named."""
    async with tenant() as cloud:
        missing = {"credential": {"secret": {"file": str(tmp_path / "nothing")}}}
        found = await examined(configuration(cloud, app=missing))

    assert "nothing" in step(found, "token").answer
    assert exit_code([found]) == 78


async def test_a_token_for_somebody_else():
    """What is wrong with it is read before Exchange refuses it, without saying why."""
    claims = {"aud": "https://graph.microsoft.com", "tid": "t", "appid": "another", "exp": time.time() + 3600}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    answer = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"e30.{body}.sig"}
    async with tenant() as cloud:
        cloud.faults.add(Fault(stage="token", action="http", status=200, body=json.dumps(answer)))
        found = await examined(configuration(cloud))

    assert (steps(found)["token"], steps(found)["auth"]) == ("failed", "failed")
    assert "for Microsoft Graph" in step(found, "token").result
    assert "app another" in step(found, "token").result
    assert "535 5.7.3" in step(found, "auth").answer


async def test_mail_larger_than_exchange_announces():
    """Devices would hand in what can never leave."""
    async with tenant(policy=Policy(size=1_000_000)) as cloud:
        found = await examined(configuration(cloud))

    assert steps(found)["limits"] == "failed"
    assert "intake.max_message_size to 1000000" in step(found, "limits").remedy


async def test_a_canary_that_is_taken_is_a_failure():
    """The permission reaches too far: the remedy is to scope it."""
    async with tenant() as cloud:
        cloud.grant_mailbox(CANARY)
        found = await examined(configuration(cloud, canary=CANARY))

    assert steps(found)["auth"] == "ok"
    assert steps(found)["scope"] == "failed"
    assert f"NOT denied: {CANARY}" in step(found, "scope").result
    assert "relay setup m365 scans" in step(found, "scope").remedy
    assert exit_code([found]) == 1


async def test_without_a_canary_the_other_side_is_not_proved():
    """That is no failure; which option to set is said."""
    async with tenant() as cloud:
        found = await examined(configuration(cloud))

    assert steps(found)["scope"] == "skipped"
    assert f"Granted: {MAILBOX}" in step(found, "scope").result
    assert "profiles.scans.canary" in step(found, "scope").remedy
    assert found.good


@pytest.mark.parametrize("answer", [OFF, "451 4.7.0 Temporary server error. Please try again later. PRX2"])
async def test_a_canary_that_is_refused_for_another_reason_proves_nothing(answer):
    """Neither granted nor denied: it says why, and is no failure."""
    async with tenant() as cloud:
        cloud.faults.add(Fault(stage="auth", action="reply", reply=answer, mailbox=CANARY))
        found = await examined(configuration(cloud, canary=CANARY))

    assert steps(found)["scope"] == "skipped"
    assert "not proved" in step(found, "scope").result


async def test_two_refusals_are_no_proof():
    """Where the app may use no mailbox at all, a refused canary says nothing of the scope."""
    async with tenant() as cloud:
        cloud.revoke_mailbox(MAILBOX)
        found = await examined(configuration(cloud, canary=CANARY))

    assert steps(found)["auth"] == "failed"
    assert steps(found)["scope"] == "skipped"
    assert "proves no scope" in step(found, "scope").result


async def test_a_certificate_that_cannot_be_read_is_not_called_a_secret(tmp_path):
    """Its end is not known for that reason, and `expires` would be the wrong advice."""
    async with tenant() as cloud:
        credential = {"certificate": {"pfx": str(tmp_path / "none.pfx")}}
        found = await examined(configuration(cloud, app={"credential": credential}))

    assert "the certificate cannot be read" in step(found, "ends").result
    assert "expires" not in step(found, "ends").remedy


async def test_a_credential_that_ends_soon():
    """With the days that are left and where to get a new one."""
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86_400))
    async with tenant() as cloud:
        credential = {"secret": {"file": str(cloud.settings.secret_file)}, "expires": soon}
        found = await examined(configuration(cloud, app={"credential": credential}))

    assert steps(found)["ends"] == "failed"
    assert "ends in 5 days" in step(found, "ends").result
    assert "next_credential" in step(found, "ends").remedy


async def test_a_real_mail_arrives():
    """By the profile's transport and not through the spool; the answer is the result."""
    async with tenant() as cloud:
        found = await examined(configuration(cloud), Wish(send_to="ann@contoso.test"))
        [letter] = await cloud.arrivals.wait_for(1)

    assert steps(found)["mail"] == "ok"
    assert "250 2.0.0 OK" in step(found, "mail").result
    assert b"Subject: Test of profile scans" in letter.raw
    assert f"From: {MAILBOX}".encode() in letter.raw


@pytest.mark.parametrize("allowed", [False, True])
async def test_send_as_is_proved_by_sending(allowed):
    """Exchange looks at it when the message is complete: signing in was no proof."""
    async with tenant() as cloud:
        if allowed:
            cloud.grant_send_as(MAILBOX, "desk@contoso.test")
        found = await examined(configuration(cloud), Wish(send_to="ann@contoso.test", send_from="desk@contoso.test"))

    assert steps(found)["auth"] == "ok"
    assert steps(found)["mail"] == ("ok" if allowed else "failed")
    if not allowed:
        assert "SendAsDenied" in step(found, "mail").answer
        assert "Add-RecipientPermission desk@contoso.test" in step(found, "mail").remedy


async def test_a_broken_profile_does_not_hide_the_others():
    """Each is examined for itself."""
    async with tenant() as cloud:
        whole = configuration(cloud)
        ill = {**whole["profiles"]["scans"], "endpoint": {"host": "no-such-host.invalid"}}
        whole["profiles"] = {"ill": ill, **whole["profiles"]}
        doctor = Doctor(parse(yaml.safe_dump(whole)), Wish())
        found = [await doctor.examine(name, doctor.ways(name)[0], lambda _: None) for name in ("ill", "scans")]

    assert [each.good for each in found] == [False, True]
    assert exit_code(found) == 69
