"""One SMTP session with the pretend Exchange Online (RFC 5321, 3207, 4954, 3030; XOAUTH2 as Microsoft documents it).

Commands are taken one after the other out of what has arrived, so a pipelined flight is answered in order. A fault of
the stage being answered acts first; see `faults.py`. A session that ends raises nothing.
"""

import asyncio
import re
import time
from typing import TYPE_CHECKING

from relay.sandbox import replies
from relay.sandbox.auth import Auth
from relay.sandbox.body import Body, read_chunk, read_data
from relay.sandbox.exchange import Envelope, Exchange, Login
from relay.sandbox.faults import Fault
from relay.sandbox.fronts import SUBMISSION, Front
from relay.sandbox.letter import message_id
from relay.sandbox.magic import fault_of, fault_of_mailbox
from relay.sandbox.speaker import HangUpError, Speaker
from relay.sandbox.wire import GoneError, LineTooLongError, Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_MAIL = re.compile(r"FROM:\s*<([^>]*)>\s*(.*)", re.IGNORECASE)
_RCPT = re.compile(r"TO:\s*<([^>]*)>\s*(.*)", re.IGNORECASE)
_MAIL_WORDS = ("SIZE", "BODY", "AUTH", "RET", "ENVID", "SMTPUTF8")
_RCPT_WORDS = ("NOTIFY", "ORCPT")


class Session:
    """Speaks on one wire until QUIT, the idle limit or the end of the connection."""

    def __init__(self, wire: Wire, exchange: Exchange, front: Front = SUBMISSION) -> None:
        self._wire = wire
        self._exchange = exchange
        self._front = front
        self._policy = exchange.policy
        self._house = exchange.house()
        self._speaker = Speaker(wire, exchange.faults, self._fill, idle_s=exchange.policy.idle_s)
        self._began = time.monotonic()
        self._helo = ""
        self._tls = ""
        self._login: Login | None = None
        self._envelope: Envelope | None = None
        self._body: Body | None = None
        self._asked: dict[str, Fault] = {}
        self._verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "HELO": self._do_helo,
            "EHLO": self._do_ehlo,
            "STARTTLS": self._do_starttls,
            "AUTH": self._do_auth,
            "MAIL": self._do_mail,
            "RCPT": self._do_rcpt,
            "DATA": self._do_data,
            "BDAT": self._do_bdat,
            "RSET": self._do_rset,
            "NOOP": self._do_noop,
            "VRFY": self._do_vrfy,
            "HELP": self._do_help,
            "QUIT": self._do_quit,
        }

    async def run(self) -> None:
        """Serve the session to its end."""
        try:
            if await self._hit("connect"):
                return
            if not await self._hit("greeting"):
                self._say(self._house.greeting())
            while True:
                await self._serve_one()
        except (GoneError, HangUpError):
            return
        finally:
            self._forget()
            if self._login is not None:
                self._exchange.limits.leave(self._login.mailbox, self)
            self._exchange.session_ended.set()

    async def _serve_one(self) -> None:
        try:
            async with asyncio.timeout(self._policy.idle_s):
                line = await self._wire.read_line()
        except LineTooLongError:
            self._say(replies.LINE_TOO_LONG)
            raise HangUpError from None
        except TimeoutError:
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            self._say(replies.IDLE.format(duration=f"00:{minutes:02d}:{seconds:02d}"))
            raise HangUpError from None
        verb, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
        action = self._verbs.get(verb.upper())
        if action is None or (verb.upper() == "BDAT" and not self._policy.chunking):
            self._say(f"{replies.UNKNOWN_COMMAND} '{verb[:40]}'")
            return
        await action(argument.strip())

    # greeting and TLS

    async def _do_helo(self, argument: str) -> None:
        if not argument:
            self._say(replies.NO_DOMAIN)
            return
        self._forget()
        self._helo = argument
        self._say(f"250 {self._house.host} Hello [{self._wire.peer}]")

    async def _do_ehlo(self, argument: str) -> None:
        if not argument:
            self._say(replies.NO_DOMAIN)
            return
        self._forget()
        if await self._hit("ehlo") or (self._tls and await self._hit("secured")):
            return
        self._helo = argument
        policy = self._policy
        lines = replies.capabilities(
            f"{self._house.host} Hello [{self._wire.peer}]",
            middle=self._offered(),
            size=policy.size,
            pipelining=policy.pipelining,
            chunking=policy.chunking,
        )
        self._say("\r\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]))

    def _offered(self) -> str:
        if not self._tls:
            return replies.OFFERS_TLS
        return replies.OFFERS_AUTH if self._front.offers_auth else ""

    async def _do_starttls(self, argument: str) -> None:
        if self._tls or argument:
            self._say(replies.TLS_TWICE if self._tls else replies.BAD_ARGUMENTS)
            return
        if await self._hit("starttls"):
            return
        await self._wire.start_tls(self._exchange.tls_of(self._front.name), replies.READY_FOR_TLS.encode() + b"\r\n")
        self._tls = self._wire.tls_version
        self._login = self._front.attribute(self._exchange, self._wire.client_names)
        self._helo = ""  # RFC 3207 §4.2: what was said in clear is forgotten
        self._forget()

    # sign-in

    async def _do_auth(self, argument: str) -> None:
        if not self._front.offers_auth:
            self._say(f"{replies.UNKNOWN_COMMAND} 'AUTH'")
        elif self._login is not None:
            self._say(replies.SIGNED_IN_TWICE)
        elif not self._tls:
            self._say(replies.UNKNOWN_MECHANISM)
        else:
            auth = Auth(self._speaker, self._exchange, self._house, self._front)
            self._login = await auth.sign_in(argument, self._enter)

    def _enter(self, signed_in: Login) -> bool:
        """Count the session of a mailbox; True when it is one too many and was not counted."""
        limits = self._exchange.limits
        limits.enter(signed_in.mailbox, self)
        if not self._is_one_too_many("auth", signed_in):
            return False
        limits.leave(signed_in.mailbox, self)
        return True

    # envelope

    async def _do_mail(self, argument: str) -> None:
        reply = self._mail_objection() or await self._open_envelope(argument)
        if reply:
            self._say(reply)

    def _mail_objection(self) -> str | None:
        if not self._helo:
            return replies.HELLO_FIRST
        if not self._tls and self._front.offers_auth:
            return f"{replies.TLS_FIRST} [{self._house.host}]"
        self._login = self._login or self._front.attribute(self._exchange, ())
        if self._login is None:
            return self._house.stamped(replies.NOT_SIGNED_IN)
        if self._envelope is not None:
            return replies.SENDER_TWICE
        if self._is_one_too_many("mail", self._login):
            return self._house.too_many_connections()
        return self._flight_objection()

    async def _open_envelope(self, argument: str) -> str | None:
        match = _MAIL.fullmatch(argument)
        if match is None or (match[1] and "@" not in match[1]):
            return replies.BAD_SENDER
        words = _parameters(match[2])
        if any(name not in _MAIL_WORDS for name in words) or not words.get("SIZE", "0").isdigit():
            return replies.BAD_ARGUMENTS
        if int(words.get("SIZE", "0")) > self._policy.size:
            return replies.TOO_LARGE
        if await self._hit("mail"):
            return None
        self._envelope = Envelope(match[1], binary=words.get("BODY", "").upper() == "BINARYMIME")
        return replies.SENDER_OK

    async def _do_rcpt(self, argument: str) -> None:
        reply = await self._add_recipient(argument)
        if reply:
            self._say(reply)

    async def _add_recipient(self, argument: str) -> str | None:
        envelope, match = self._envelope, _RCPT.fullmatch(argument)
        if envelope is None or self._login is None:
            return replies.MAIL_FIRST
        if match is None or "@" not in match[1] or any(name not in _RCPT_WORDS for name in _parameters(match[2])):
            return replies.BAD_RECIPIENT
        if len(envelope.rcpt_to) >= self._policy.recipients:
            return replies.TOO_MANY_RECIPIENTS
        if (objection := self._flight_objection()) or await self._hit("rcpt"):
            return objection
        if objection := self._front.recipient_objection(self._exchange, self._login, match[1]):
            return self._house.stamped(objection)
        asked = fault_of(match[1], self._house, self._login.mailbox)
        if asked is not None and asked.stage == "rcpt":
            await self._speaker.suffer(asked)
            return None
        if asked is not None:
            self._asked[asked.stage] = asked
        envelope.rcpt_to.append(match[1])
        return replies.RECIPIENT_OK

    def _flight_objection(self) -> str | None:
        """Without PIPELINING nothing may be on its way behind a command (RFC 2920 §3.1)."""
        return None if self._policy.pipelining or not self._wire.waiting else replies.NOT_IN_ONE_FLIGHT

    # content

    async def _do_data(self, argument: str) -> None:
        envelope = self._envelope
        if argument:
            self._say(replies.BAD_ARGUMENTS)
        elif envelope is None:
            self._say(replies.MAIL_FIRST)
        elif not envelope.rcpt_to:
            self._say(replies.RCPT_FIRST)
        elif envelope.binary or self._body is not None:
            self._say(replies.BINARY_BY_DATA)
        elif not await self._hit("data"):
            self._say(replies.START_MAIL)
            self._body = self._exchange.new_body()
            await read_data(self._wire, self._body)
            await self._finish("DATA")

    async def _do_bdat(self, argument: str) -> None:
        size, _, last = argument.upper().partition(" ")
        if not size.isdigit() or last.strip() not in ("", "LAST"):
            self._say(replies.BAD_ARGUMENTS)
            raise HangUpError  # the octets that follow cannot be told from commands
        octets = int(size)
        if self._envelope is None or not self._envelope.rcpt_to:
            await read_chunk(self._wire, octets, None)
            self._say(replies.MAIL_FIRST if self._envelope is None else replies.RCPT_FIRST)
            return
        first = self._body is None
        self._body = self._body or self._exchange.new_body()
        await read_chunk(self._wire, octets, self._body)
        if first and await self._hit("data"):
            self._forget()  # RFC 3030 §2: later chunks get 503 until RSET or MAIL
        elif last:
            await self._finish("BDAT")
        else:
            self._say(replies.CHUNK.format(octets=octets))

    async def _finish(self, via: str) -> None:
        """Answer the complete message, whatever the answer is, and be ready for the next one."""
        assert self._envelope is not None
        assert self._body is not None
        assert self._login is not None
        try:
            reply = await self._answer_to_message(self._login, self._envelope, self._body, via)
            if reply:
                self._say(reply)
                if reply.startswith("421"):
                    raise HangUpError
        finally:
            self._forget()

    async def _answer_to_message(self, signed_in: Login, envelope: Envelope, body: Body, via: str) -> str | None:
        house, exchange = self._house, self._exchange
        fault = self._fault("final")
        answer = house.accepted(message_id(body.head))
        if fault is not None and fault.keep:
            self._keep(signed_in, envelope, body, via=via, answer=answer)
            return None if await self._speaker.suffer(fault) else answer
        if fault is not None and await self._speaker.suffer(fault):
            return None
        if self._is_one_too_many("final", signed_in):
            return house.too_many_connections()
        if objection := exchange.objection(signed_in, envelope, body, house):
            return objection
        delay = await exchange.await_turn(signed_in) if self._front.is_limited else 0.0
        if delay is None:
            return replies.RATE_EXCEEDED
        self._keep(signed_in, envelope, body, via=via, answer=answer, delayed_s=round(delay, 3))
        return answer

    def _keep(self, signed_in: Login, envelope: Envelope, body: Body, **facts: object) -> None:
        self._exchange.keep(
            signed_in, envelope, body, door=self._front.name, tls_version=self._tls, helo=self._helo, **facts
        )
        self._body = None

    # the rest

    async def _do_rset(self, argument: str) -> None:
        self._forget()
        self._say(replies.BAD_ARGUMENTS if argument else replies.RESETTING)

    async def _do_noop(self, argument: str) -> None:  # noqa: ARG002
        self._say(replies.NOOP)

    async def _do_vrfy(self, argument: str) -> None:  # noqa: ARG002
        self._say(replies.CANNOT_VERIFY)

    async def _do_help(self, argument: str) -> None:  # noqa: ARG002
        self._say(replies.HELP)

    async def _do_quit(self, argument: str) -> None:  # noqa: ARG002
        self._say(replies.BYE)
        raise HangUpError

    def _say(self, reply: str) -> None:
        self._speaker.say(reply)

    async def _hit(self, stage: str) -> bool:
        """Let a fault of this stage act; True when nothing more is to be said."""
        fault = self._fault(stage)
        return fault is not None and await self._speaker.suffer(fault)

    def _fault(self, stage: str) -> Fault | None:
        """The fault that acts now: of a recipient, of the cloud, or of the mailbox by its name."""
        asked = self._asked.pop(stage, None) or self._exchange.faults.take(stage, self._mailbox)
        return asked or fault_of_mailbox(self._mailbox, stage)

    @property
    def _mailbox(self) -> str:
        return self._login.mailbox if self._login is not None else ""

    def _fill(self, text: str) -> str:
        return self._house.fill(text, self._mailbox)

    def _forget(self) -> None:
        """End the transaction in hand."""
        if self._body is not None:
            self._body.discard()
        self._envelope, self._body = None, None
        self._asked.clear()

    def _is_one_too_many(self, stage: str, signed_in: Login) -> bool:
        if self._policy.sessions_checked_at != stage or not self._front.is_limited:
            return False
        return self._exchange.limits.is_one_too_many(signed_in.mailbox, self)


def _parameters(text: str) -> dict[str, str]:
    """The ESMTP parameters of a command, names in upper case."""
    words = (word.partition("=") for word in text.split())
    return {name.upper(): value for name, _, value in words}
