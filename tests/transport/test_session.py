"""A parcel's way to an Exchange that behaves, whatever it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relay.message.address import NULL, Address
from relay.message.parcel import Parcel
from relay.transport.transport import TransportError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = b"From: scanner@contoso.com\r\nSubject: scan\r\n\r\n"
OFFERS = {
    "chunking": ("SIZE", "PIPELINING", "8BITMIME", "CHUNKING"),
    "data": ("SIZE", "PIPELINING", "8BITMIME"),
    "nothing": (),
}


def parcel(body: bytes | Path = b"hello\r\n", **other: Any) -> Parcel:
    usual: dict[str, Any] = {
        "id": "m1",
        "sender": Address("scanner@contoso.com"),
        "recipients": (Address("ann@contoso.com"),),
        "head": HEAD,
        "body": body,
        "eight_bit": False,
    }
    if "body_size" not in other:
        usual["body_size"] = len(body) if isinstance(body, bytes) else body.stat().st_size
    return Parcel(**usual | other)


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize(
    "switches", [{}, {"pipelining": False}, {"chunking": False}], ids=["all", "one-by-one", "dots"]
)
async def test_every_message_arrives_as_it_was_stored(exchange, way_to, tmp_path, offer, switches):
    """Small from memory, large from disk, dots at line starts: the octets are the same whatever is offered."""
    server = await exchange(offer=offer)
    scan = tmp_path / "scan"
    scan.write_bytes(b"..\r\n.\r\nend of the page\r\n" * 20_000)
    session = await way_to(server, **switches).connect()

    receipts = [await session.send(parcel(body)) for body in (b"hello\r\n.dot\r\n", scan, b"", b"third\r\n")]
    await session.close()

    assert [receipt.final.code for receipt in receipts] == [250] * 4
    assert [HEAD + b"hello\r\n.dot\r\n", HEAD + scan.read_bytes(), HEAD, HEAD + b"third\r\n"] == server.messages
    assert server.commands[-1] == "QUIT"
    assert server.connections == 1


async def test_a_last_line_without_its_end_is_completed(exchange, way_to, tmp_path):
    """A body that does not end in CRLF gets one, in memory and on disk, by BDAT and by DATA."""
    page = tmp_path / "page"
    page.write_bytes(b"no end")
    for switches in ({}, {"chunking": False}):
        server = await exchange()
        session = await way_to(server, **switches).connect()
        await session.send(parcel(b"no end"))
        await session.send(parcel(page))
        await session.close()

        assert server.messages == [HEAD + b"no end\r\n"] * 2


async def test_the_envelope_says_what_the_server_understands(exchange, way_to):
    """SIZE and BODY=8BITMIME go along where they are offered, and only there."""
    full, bare = await exchange(), await exchange(offer=())
    eight_bit = parcel(b"gr\xc3\xbc\xc3\x9fe\r\n", sender=NULL, eight_bit=True)
    for server in (full, bare):
        session = await way_to(server).connect()
        await session.send(eight_bit)
        await session.close()

    assert f"MAIL FROM:<> SIZE={eight_bit.size} BODY=8BITMIME" in full.commands
    assert "MAIL FROM:<>" in bare.commands
    assert full.messages == bare.messages


async def test_a_small_message_costs_one_round_trip(exchange, way_to):
    """The server answers nothing until it has the whole body, and still gets it."""
    arrived = []

    async def late(stage):
        await stage.welcome()
        lines = [await stage.hear() for _ in range(4)]
        arrived.append((lines, await stage.octets(int(lines[-1].split()[1]))))
        await stage.say("250 2.1.0 Sender OK\r\n250 2.1.5 OK\r\n250 2.1.5 OK\r\n250 2.0.0 queued")
        await stage.hear()

    session = await way_to(await exchange(late)).connect()
    receipt = await session.send(parcel(recipients=(Address("ann@contoso.com"), Address("bob@contoso.com"))))
    await session.close()

    assert str(receipt.final) == "250 2.0.0 queued"
    assert arrived[0][1] == HEAD + b"hello\r\n"


async def test_one_refused_recipient_does_not_fail_the_others(exchange, way_to):
    """The refusal is named for its recipient, the message goes to the rest."""
    nobody = Address("nobody@contoso.com")
    for switches in ({}, {"chunking": False}, {"pipelining": False}):
        server = await exchange(answers={"RCPT TO:<nobody": "550 5.1.1 User unknown"})
        session = await way_to(server, **switches).connect()
        receipt = await session.send(parcel(recipients=(nobody, Address("ann@contoso.com"))))
        await session.close()

        assert receipt.final.code == 250
        assert {nobody: "550 5.1.1 User unknown"} == {who: str(reply) for who, reply in receipt.refused.items()}


@pytest.mark.parametrize("switches", [{}, {"chunking": False}, {"pipelining": False}], ids=["bdat", "data", "single"])
@pytest.mark.parametrize("data", ["354 go on", "503 5.5.1 no recipients"])
async def test_with_every_recipient_refused_the_next_message_still_goes(exchange, way_to, switches, data):
    """Answers to what was sent along are consumed, the open transaction is reset, the session goes on."""
    nobody = Address("nobody@contoso.com")
    server = await exchange(answers={"RCPT TO:<nobody": "550 5.1.1 User unknown", "FINAL": "554 5.5.1 no recipients"})
    server.answers |= {"DATA": data} if not switches.get("chunking", True) else {}
    session = await way_to(server, **switches).connect()
    lost = await session.send(parcel(recipients=(nobody,)))
    server.answers.clear()
    kept = await session.send(parcel(b"second\r\n"))
    await session.close()

    assert lost.final is None
    assert lost.refused[nobody].code == 550
    assert kept.final.code == 250
    assert server.messages[-1] == HEAD + b"second\r\n"
    assert "RSET" in server.commands


@pytest.mark.parametrize("switches", [{}, {"chunking": False}, {"pipelining": False}], ids=["bdat", "data", "single"])
async def test_a_refused_sender_is_the_answer(exchange, way_to, switches):
    """MAIL refused ends the parcel with that reply and its stage; the session stays usable."""
    usual = {"RCPT": "503 5.5.1 MAIL first", "DATA": "503 5.5.1 MAIL first", "FINAL": "503 5.5.1 MAIL first"}
    server = await exchange(answers={"MAIL": "550 5.7.60 SMTP; Client does not have permissions"} | usual)
    session = await way_to(server, **switches).connect()
    receipt = await session.send(parcel())
    server.answers.clear()
    after = await session.send(parcel())
    await session.close()

    assert (receipt.final_stage, receipt.final.code, receipt.final.enhanced) == ("mail", 550, "5.7.60")
    assert after.final.code == 250


async def test_a_refusal_after_the_body_is_a_receipt(exchange, way_to):
    """SendAsDenied comes at the end of DATA: an answer, not an error, and the session lives on."""
    denied = "554 5.2.252 SendAsDenied; scanner@contoso.com not allowed to send as boss@contoso.com"
    server = await exchange(answers={"FINAL": denied})
    session = await way_to(server).connect()
    receipt = await session.send(parcel())

    assert str(receipt.final) == denied
    assert receipt.final_stage == "final"
    assert session.usable
    await session.close()


async def test_a_refused_data_command_is_the_answer(exchange, way_to):
    """No 354: the reply is handed on with stage DATA, and the transaction is reset before the next."""
    server = await exchange(answers={"DATA": "451 4.3.2 come back later"}, offer=OFFERS["data"])
    session = await way_to(server).connect()
    receipt = await session.send(parcel())
    server.answers.clear()
    await session.send(parcel())
    await session.close()

    assert (receipt.final_stage, receipt.final.code) == ("data", 451)
    assert server.commands.count("RSET") == 1


async def test_addresses_outside_ascii_need_smtputf8(exchange, way_to):
    """With SMTPUTF8 they go out; without it they are refused by name and nothing else suffers."""
    greek = Address("δοκιμή@contoso.com")
    able, unable = await exchange(), await exchange(offer=OFFERS["chunking"])
    receipts = []
    for server in (able, unable):
        session = await way_to(server).connect()
        receipts.append(await session.send(parcel(recipients=(greek, Address("ann@contoso.com")))))
        await session.close()

    assert "RCPT TO:<δοκιμή@contoso.com>" in able.commands
    assert any(command.endswith("SMTPUTF8") for command in able.commands)
    assert not receipts[0].refused
    assert receipts[1].refused[greek].enhanced == "5.6.7"
    assert receipts[1].final.code == 250


async def test_no_address_becomes_a_command(exchange, way_to):
    """A line end inside an address is refused here and never reaches the wire."""
    server = await exchange()
    evil = Address("ann@contoso.com>\r\nRCPT TO:<eve@evil.example")
    session = await way_to(server).connect()
    receipt = await session.send(parcel(recipients=(evil,)))
    await session.close()

    assert receipt.refused[evil].code == 553
    assert not any("eve" in command for command in server.commands)


async def test_a_session_is_used_up(exchange, way_to):
    """After the set number of messages, or the set age, no more is sent on it."""
    server = await exchange()
    session = await way_to(server, messages_per_session=2).connect()
    usable = [session.usable]
    for _ in range(2):
        await session.send(parcel())
        usable.append(session.usable)
    old = await way_to(server, session_s=0.0).connect()

    assert usable == [True, True, False]
    assert not old.usable
    await session.close()
    await old.close()


async def test_a_body_that_changed_on_disk_is_not_sent(exchange, way_to, tmp_path):
    """A file of another size than was spooled, or none, is an error with its path before anything is said."""
    server = await exchange()
    page = tmp_path / "page"
    page.write_bytes(b"12345\r\n")
    for broken in (parcel(page, body_size=99), parcel(tmp_path / "gone", body_size=7)):
        session = await way_to(server).connect()
        with pytest.raises(TransportError, match=str(tmp_path)) as caught:
            await session.send(broken)
        await session.close()

        assert not caught.value.uncertain
    assert not any(command.startswith("MAIL") for command in server.commands)
