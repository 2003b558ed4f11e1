"""The fake cloud: it takes mail as Exchange Online does, as fast as it can, and counts truthfully."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import ssl
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.certificates import Certificates
    from bench.cloud import Cloud

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def client(cloud: Cloud, certificates: Certificates):
    """A client the standard library wrote, encrypted and verified."""
    with smtplib.SMTP("localhost", cloud.smtp_port, timeout=10) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=certificates.ca))
        smtp.ehlo()
        yield smtp


def test_a_message_sent_with_data_is_counted_with_its_octets(cloud, client):
    """The dot that ends it counts as sent, three octets."""
    client.sendmail("a@contoso.example", ["b@contoso.example"], MESSAGE)
    assert cloud.wait(1, 5).count == 1
    assert cloud.wait(1, 5).octets == len(MESSAGE) + 3


def test_an_empty_message_ends_at_its_dot(cloud, client):
    """The CRLF of the DATA line is the first half of the end mark."""
    client.mail("a@contoso.example")
    client.docmd("DATA")
    assert client.docmd(".")[0] == 250
    assert cloud.wait(1, 5).count == 1


def test_a_message_sent_in_chunks_is_counted_once(cloud, client):
    """Only the chunk marked LAST ends a message (RFC 3030 §2)."""
    client.mail("a@contoso.example")
    client.send(b"BDAT 5\r\nab\r\nc" + b"BDAT 3 LAST\r\ndef")
    assert client.getreply()[0] == 250
    assert client.getreply()[0] == 250
    assert (cloud.wait(1, 5).count, cloud.wait(1, 5).octets) == (1, 8)


def test_a_token_longer_than_a_line_may_come_in_the_second_step(client):
    """AUTH XOAUTH2 without an initial response gets an empty challenge."""
    assert client.docmd("AUTH", "XOAUTH2") == (334, b"")
    assert client.docmd(b64encode(b"x" * 3000).decode())[0] == 235


def test_commands_in_one_flight_wait_one_round_trip(cloud):
    """Four commands sent together are answered after one latency, in order; one by one they would take four."""
    cloud.reset(latency_s=0.2)
    with socket.create_connection(("127.0.0.1", cloud.smtp_port), timeout=10) as wire:
        replies = wire.makefile("rb")
        assert replies.readline().startswith(b"220")
        begun = time.monotonic()
        wire.sendall(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nNOOP\r\nNONSENSE\r\n")
        codes = [replies.readline()[:3] for _ in range(4)]
        assert 0.19 < time.monotonic() - begun < 0.6
    assert codes == [b"250", b"250", b"250", b"500"]


def test_held_back_it_greets_nobody_until_reset(cloud):
    """What connected meanwhile is greeted afterwards."""
    cloud.reset(held=True)
    with socket.create_connection(("127.0.0.1", cloud.smtp_port), timeout=0.1) as wire:
        with pytest.raises(TimeoutError):
            wire.recv(100)
        cloud.reset()
        wire.settimeout(10)
        assert wire.recv(100).startswith(b"220")


def test_waiting_for_mail_that_does_not_come_ends_in_time(cloud):
    """The count says how much there was."""
    assert cloud.wait(1, 0.05).count == 0


def test_whoever_asks_gets_a_token_as_long_as_a_real_one(cloud, certificates):
    """The configuration names the address of the token."""
    tls = ssl.create_default_context(cafile=certificates.ca)
    ask = http.client.HTTPSConnection("localhost", cloud.entra_port, context=tls, timeout=10)
    ask.request("GET", "/contoso/v2.0/.well-known/openid-configuration")
    address = json.loads(ask.getresponse().read())["token_endpoint"]
    ask.request("POST", address.partition(str(cloud.entra_port))[2], "grant_type=client_credentials")
    assert len(json.loads(ask.getresponse().read())["access_token"]) > 1000
