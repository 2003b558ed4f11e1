"""What a transport keeps of what was said: both sides, whatever the end, and never a token or content."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.message.transcript import MOST
from relay.transport.transport import TransportError
from tests.transport.conftest import FixedTokens
from tests.transport.pretend_graph import refusal
from tests.transport.test_graph import graph, send, serve, way  # noqa: F401  (fixtures)

HEAD = b"From: scanner@contoso.com\r\nTo: ann@contoso.com\r\nSubject: marker-subject\r\n\r\n"
BODY = b"marker-text\r\n"
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.secret.part"


def parcel(*to):
    return Parcel(
        "m1", Address("scanner@contoso.com"), to or (Address("ann@contoso.com"),), HEAD, BODY, len(BODY), False
    )


def is_clean(*texts: str) -> bool:
    """Neither the token, in clear or as SASL has it, nor anything of the message."""
    sasl = base64.b64encode(f"user=scanner@contoso.com\x01auth=Bearer {TOKEN}\x01\x01".encode()).decode()
    return not any(word in text for text in texts for word in (TOKEN, sasl, "marker-"))


async def test_a_message_is_told_from_the_greeting_to_the_answer(exchange, way_to):
    """Its second one on the connection too: opened so, and then only its own commands."""
    server = await exchange()
    session = await way_to(server, tokens=FixedTokens([TOKEN])).connect()
    first, second = [(await session.send(parcel(Address(f"{name}@contoso.com")))).transcript for name in ("ann", "bob")]
    await session.close()

    for text in (first, second):
        for words in ("S: 220 ", "C: EHLO relay.test", "C: STARTTLS", "TLSv1.", "AUTH XOAUTH2", "S: 235 ", "octets"):
            assert words in text
    assert "RCPT TO:<ann@contoso.com>" in first
    assert "message 2 of this connection" in second
    assert "ann@contoso.com" not in second
    assert is_clean(first, second)


@pytest.mark.parametrize(
    "how",
    [
        {"auth": ["535 5.7.3 Authentication unsuccessful"] * 2},
        {"auth": [f"535 5.7.3 not this one: {TOKEN}"] * 2},
        {"answers": {"MAIL": "421 4.3.2 Service not available"}},
    ],
    ids=["refused", "refused and repeated", "closed"],
)
async def test_an_attempt_that_ends_in_an_error_is_told_as_well(exchange, way_to, how):
    """The error carries it, its own text is as clean."""
    server = await exchange(**how)
    with pytest.raises(TransportError) as caught:
        await send(way_to(server, tokens=FixedTokens([TOKEN])), parcel())
    error = caught.value

    assert "C: EHLO relay.test" in error.transcript
    assert error.transcript.splitlines()[-1].split(" ")[-1] in str(error)
    assert is_clean(error.transcript, str(error), str(error.reply))


async def test_a_token_that_was_replaced_is_part_of_the_story(exchange, way_to):
    """The message went with the second one: what was said to the first stands before."""
    server = await exchange(auth=["535 5.7.3 Authentication unsuccessful"])
    session = await way_to(server, tokens=FixedTokens([TOKEN, "fresh"])).connect()
    text = (await session.send(parcel())).transcript
    await session.close()

    assert text.index("535 5.7.3") < text.index("once more with a new one") < text.index("S: 235 ")


async def test_graph_is_told_as_request_and_answer(graph, way):  # noqa: F811
    """The line of the request, the token's length, the status and the error."""
    graph.answers = [refusal(429, "ApplicationThrottled", f"over the limit {TOKEN}", Retry_After="17")]
    with pytest.raises(TransportError) as caught:
        await send(way(tokens=FixedTokens([TOKEN])), parcel())
    (receipt,) = await send(way(tokens=FixedTokens([TOKEN])), parcel())

    assert "POST /v1.0/users/scanner@contoso.com/sendMail" in caught.value.transcript
    assert "HTTP 429 ApplicationThrottled over the limit" in caught.value.transcript
    assert "Retry-After: 17 s" in caught.value.transcript
    assert "HTTP 202" in receipt.transcript
    assert is_clean(caught.value.transcript, receipt.transcript, str(caught.value))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    token=st.text(
        st.characters(codec="ascii", min_codepoint=48, exclude_characters="\x7f"), min_size=16, max_size=2000
    ),
    stage=st.sampled_from(["auth", "MAIL", "RCPT", "BDAT"]),
    crowd=st.integers(1, 200),
)
async def test_no_token_appears_whatever_is_answered(exchange, way_to, token, stage, crowd):
    """A server that repeats what it was told, at any step; and the text stays bounded."""
    how = {"auth": [f"535 5.7.3 {token}"] * 2} if stage == "auth" else {"answers": {stage: "550 5.7.1 no"}}
    server = await exchange(**how)
    transport = way_to(server, tokens=FixedTokens([token]))
    try:
        (receipt,) = await send(transport, parcel(*(Address(f"r{n}@contoso.com") for n in range(crowd))))
        told, text = receipt.transcript, ""
    except TransportError as error:
        told, text = error.transcript, str(error)
    assert "C: EHLO" in told
    assert token not in told + text
    assert len(told) <= MOST
