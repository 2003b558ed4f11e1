"""What goes wrong at Exchange, by its own limits, by the sender's mistakes, and on order."""

import asyncio

import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.exchange import Policy
from relay.sandbox.faults import Fault
from tests.sandbox.conftest import MESSAGE, SCANNER, enter, token
from tests.sandbox.wires import Talk


async def submit(talk, message=MESSAGE, recipient="ann@contoso.test", sender=SCANNER):
    """Submit by BDAT in one flight and return the last reply."""
    chunk = f"BDAT {len(message)} LAST\r\n".encode() + message
    await talk.send(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\n".encode() + chunk)
    return [await talk.reply() for _ in range(3)][-1]


def message(**fields):
    """A message of these header fields."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\nHello\r\n"


async def test_the_fourth_session_of_a_mailbox_is_told_to_wait(cloud, access_token):
    """Three sessions submit; the fourth gets 432 until one of them leaves."""
    first, *others = [await enter(cloud.settings, access_token) for _ in range(4)]
    answers = [await submit(talk) for talk in (first, *others)]
    cloud.exchange.session_ended.clear()
    first.close()
    await cloud.exchange.session_ended.wait()

    assert [answer[:3] for answer in answers] == ["250", "250", "250", "432"]
    assert answers[3].startswith("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_")
    assert (await submit(others[-1])).startswith("250")


async def test_the_thirty_first_message_of_a_minute_is_delayed():
    """What exceeds the rate is held back, not refused: the client waits for its turn."""
    async with Cloud(CloudOptions(messages_per_minute=1)) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        await submit(talk)
        waiting = asyncio.ensure_future(submit(talk))
        with pytest.raises(TimeoutError):
            await cloud.arrivals.wait_for(2, timeout=0.2)
        waiting.cancel()

    assert len(cloud.arrivals) == 1


async def test_the_rate_can_be_refused_instead():
    """With over_rate=refuse the excess gets the rate reply and the session ends."""
    async with Cloud(CloudOptions(messages_per_minute=2, policy=Policy(over_rate="refuse"))) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        answers = [await submit(talk) for _ in range(3)]

        assert [answer[:3] for answer in answers] == ["250", "250", "421"]
        assert await talk.reply() == ""


async def test_sizes_are_kept_at_mail_and_at_the_end():
    """The announced size counts at MAIL; what really came counts after the body; a mailbox has its own limit."""
    policy = Policy(size=3000, mailbox_size=2000)
    async with Cloud(CloudOptions(policy=policy)) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        announced = await talk.ask(f"MAIL FROM:<{SCANNER}> SIZE=3001")
        over_all = await submit(talk, MESSAGE + b"x" * 3000)
        over_own = await submit(talk, MESSAGE + b"x" * 2000)

        assert announced == over_all == "552 5.3.4 Message size exceeds fixed maximum message size"
        assert over_own.startswith("550 5.2.3 RESOLVER.RST.SendSizeLimit.Sender; message too large")
        assert (await submit(talk)).startswith("250")


async def test_recipients_are_limited_per_message_and_day():
    """The recipient too many gets 452; the day's quota is refused after the body."""
    async with Cloud(CloudOptions(recipients_per_day=2, policy=Policy(recipients=2))) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        await talk.ask(f"MAIL FROM:<{SCANNER}>")
        replies = [await talk.ask(f"RCPT TO:<r{n}@x.test>") for n in range(3)]
        await talk.ask("DATA")
        sent = await talk.ask(MESSAGE.decode() + ".")

        assert [reply[:9] for reply in replies] == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
        assert sent.startswith("250")
        assert "SubmissionQuotaExceededException" in await submit(talk)


DENIED = [
    ({"From": "boss@contoso.test"}, SCANNER, "554 5.2.252 SendAsDenied; scanner@contoso.test not allowed to send as b"),
    ({"From": SCANNER}, "boss@contoso.test", "554 5.2.252 SendAsDenied; scanner@contoso.test not allowed to send as b"),
    ({"From": f'"A, B" <{SCANNER}>, x@y.test'}, SCANNER, "550 5.1.20 Multiple From addresses are not allowed"),
    ({"Subject": "no author"}, SCANNER, "550 5.7.512 Access denied, message must be RFC 5322"),
]


@pytest.mark.parametrize(("fields", "sender", "answer"), DENIED)
async def test_a_sender_that_is_not_the_mailbox_is_refused_after_the_body(talk, cloud, fields, sender, answer):
    """MAIL FROM and From are looked at when the message is complete, in Exchange's words."""
    assert (await submit(talk, message(**fields), sender=sender)).startswith(answer)
    assert len(cloud.arrivals) == 0


async def test_a_mailbox_may_be_allowed_to_send_as_another(talk, cloud):
    """With the permission the foreign From is taken; a display name or a fold in the field does not matter."""
    cloud.grant_send_as(SCANNER, "boss@contoso.test")

    assert (await submit(talk, message(From='"The Boss"\r\n <Boss@contoso.test>'))).startswith("250")


async def test_bare_line_feeds_are_refused(talk):
    """A line feed without its carriage return is what devices do and Exchange refuses."""
    assert (await submit(talk, MESSAGE + b"a\nb\r\n")).startswith("550 5.6.11 ")


MAGIC = [
    ("rcptto-550@x.test", "503 5.5.2 Need rcpt command"),
    ("data-451@x.test", "451 4.7.0"),
    ("final-452@x.test", "452 4.5.3"),
    ("throttle@x.test", "432 4.3.2 Concurrent"),
    ("sendasdenied@x.test", "554 5.2.252 SendAsDenied"),
]


@pytest.mark.parametrize(("recipient", "answer"), MAGIC)
async def test_magic_recipients_do_as_they_are_named(talk, cloud, recipient, answer):
    """The fault comes with the message, once, and the session goes on."""
    assert (await submit(talk, recipient=recipient)).startswith(answer)
    await talk.ask("RSET")
    assert (await submit(talk)).startswith("250")
    assert [arrived.rcpt_to for arrived in cloud.arrivals] == [("ann@contoso.test",)]


@pytest.mark.parametrize(("recipient", "kept"), [("reset@x.test", 0), ("lost@x.test", 1)])
async def test_a_connection_may_break_before_the_answer(talk, cloud, recipient, kept):
    """The client sees a reset either way; whether the message was kept it cannot know."""
    with pytest.raises(ConnectionResetError):
        await submit(talk, recipient=recipient)
    assert len(cloud.arrivals) == kept


async def test_a_hanging_answer_comes_when_the_fault_is_taken_back(talk, cloud):
    """The message waits with its client."""
    name = cloud.faults.add(Fault(stage="final", action="hang"))
    waiting = asyncio.ensure_future(submit(talk))
    await asyncio.wait_for(cloud.faults.hit_at("final"), 5)
    held = len(cloud.arrivals)
    cloud.faults.remove(name)

    assert held == 0
    assert (await waiting).startswith("250")


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data", "final"])
async def test_any_stage_can_answer_something_else(cloud, access_token, stage):
    """A literal reply takes the place of the usual one, as often as asked, and the connection can end with it."""
    cloud.faults.add(Fault(stage=stage, action="reply", reply=f"421 4.3.2 {stage} out of order", close=True, count=1))
    transcript = await whole_dialogue(cloud, access_token)

    assert f"421 4.3.2 {stage} out of order" in transcript
    assert len(cloud.arrivals) == 0
    await whole_dialogue(cloud, access_token)
    assert len(cloud.arrivals) == 1


async def whole_dialogue(cloud, access_token):
    """One submission, command by command, as far as it goes: all replies."""
    said = []
    try:
        talk = await Talk.open(cloud.settings)
        said += [await talk.reply(), await talk.ask("EHLO relay.test")]
        talk.close()
        if any(reply.startswith("421") for reply in said):
            return said
        talk = await enter(cloud.settings, access_token)
        for command in (f"MAIL FROM:<{SCANNER}>", "RCPT TO:<ann@x.test>", "DATA", MESSAGE.decode() + ".", "QUIT"):
            said.append(await talk.ask(command))
    except (AssertionError, OSError):
        return said
    return said


async def test_a_fault_may_concern_one_mailbox_only(cloud, access_token):
    """Another mailbox does not notice."""
    cloud.faults.add(Fault(stage="auth", action="reply", reply="535 5.7.139 disabled", mailbox="erp@contoso.test"))
    with pytest.raises(AssertionError):
        await enter(cloud.settings, access_token, "ERP@contoso.test")

    assert (await submit(await enter(cloud.settings, access_token))).startswith("250")


async def test_a_dropped_connection_is_reset(cloud):
    """The client of a dropped connection gets nothing but a reset."""
    cloud.faults.add(Fault(stage="connect", action="drop", count=1))
    with pytest.raises(ConnectionResetError):
        await (await Talk.open(cloud.settings)).reply()
    assert (await (await Talk.open(cloud.settings)).reply()).startswith("220")


async def test_exchange_goes_down_and_comes_back_on_its_port(cloud, talk):
    """Sessions break, connecting is refused, and afterwards everything is as before."""
    await cloud.exchange_down()
    with pytest.raises(ConnectionError):
        await talk.ask("NOOP")
    with pytest.raises(ConnectionRefusedError):
        await Talk.open(cloud.settings)
    await cloud.exchange_up()

    assert (await submit(await enter(cloud.settings, await token(cloud.settings)))).startswith("250")


@pytest.mark.parametrize("wrong", [{"stage": "lunch", "action": "drop"}, {"stage": "mail", "action": "sing"}, {"x": 1}])
def test_a_fault_with_a_word_that_does_not_exist_is_an_error(wrong):
    """A misspelt fault would be a test that tests nothing."""
    with pytest.raises(ValueError, match=r"a fault (knows|has) no"):
        Fault.from_json(wrong)
