"""Whatever a client says, in whatever order: the relay answers or closes, never hangs, and greets the next one.

A state machine walks the dialogue and knows at each step how many replies must come; what they say is up to the relay,
as long as they are legal. For longer runs: `RELAY_FUZZ=2000 pytest tests/fuzz` (`make soak` does).
"""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from relay.policy import bruteforce
from tests.fuzz.effort import EFFORT
from tests.fuzz.service import Service
from tests.fuzz.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = st.sampled_from([
    b"EHLO x", b"EHLO", b"HELO", b"helo  y ", b"NOOP", b"NOOP x", b"RSET", b"VRFY ann", b"EXPN all", b"HELP", b"DATA x",
    b"MAIL FROM:<a@b.test>", b"MAIL FROM:<>", b"MAIL FROM :a@b.test", b"MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME",
    b"MAIL FROM:<a@b.test> SIZE=99999999999999999999", b"MAIL FROM:<a@b.test> RET=HDRS AUTH=<>",
    b"MAIL", b"MAIL FROM:<",
    b"RCPT TO:<ann@contoso.test>", b"RCPT TO:<ann@elsewhere.test>", b"RCPT TO:<@a,@b:c@contoso.test>", b"RCPT TO:<>",
    b'RCPT TO:<"a b"@contoso.test>', b"RCPT TO:<a%b@contoso.test> NOTIFY=NEVER", b"RCPT", b"BDAT 5 LAST",
    b"ETRN x", b"",
    b"AUTH", b"AUTH PLAIN AGVycABzZWNyZXQ=", b"AUTH plain AGVycAB3cm9uZw==", b"AUTH XOAUTH2 eA==", b"AUTH DIGEST-MD5",
    b"\0", b"\xff\xfe", b"\x16", b"XCLIENT ADDR=1.2.3.4", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2", b"STARTTLS x" + b"x" * 600,
    b"MAIL FROM:<" + b"a" * 20_000 + b"@b.test>",
])  # fmt: skip
ENVELOPE = [b"MAIL FROM:<a@b.test>", b"RCPT TO:<ann@contoso.test>"]
GARBAGE = st.binary(max_size=300).map(lambda octets: octets.replace(b"\n", b"\r"))
MECHANISMS = st.sampled_from([b"PLAIN", b"LOGIN", b"login", b"CRAM-MD5", b"plain"])
BASE64 = st.one_of(
    st.binary(max_size=60).map(base64.b64encode),
    st.sampled_from([b"*", b"=", b"", b"ZXJw", b"c2VjcmV0", b"!!!!", b"A" * 13_000, b"AGVycABzZWNyZXQ="]),
)
_HELLO = b"\x16\x03"


class Conversation(RuleBasedStateMachine):
    """One client after another. `awaited` is what the relay waits for: a command, a response (AUTH), data."""

    service: Service

    def __init__(self) -> None:
        super().__init__()
        self.stored = len(self.service.bodies)
        self._arrive()

    def _arrive(self) -> None:
        self.wire = Wire(self.service.port)
        self.awaited = "command"
        self.encrypted = False
        self.begun = False  # part of a line was sent
        self.data = b""

    def _hear(self) -> int:
        """One reply to one line; the next client comes when the relay has closed."""
        code = self.wire.reply()
        self.awaited = {354: "data", 334: "response"}.get(code, "command")
        self.data = b""
        if code in (0, 421):
            self._leave()
        return code

    def _leave(self, *, reset: bool = False) -> None:
        if not reset and self.wire.open and not self.encrypted:
            self.wire.finish_sending()
            while self.wire.reply():
                pass
        self.wire.close(reset=reset)
        self._arrive()

    def _line(self, line: bytes, end: bytes = b"\r\n") -> int:
        self.begun = False
        self.wire.say(line + end)
        return self._hear()

    def _to_lines(self) -> None:
        """What is drawn never depends on what the relay said, so each step begins by making itself possible."""
        if self.awaited == "data":
            self.ends_the_data()

    def _to_commands(self) -> None:
        self._to_lines()
        if self.begun or self.awaited == "response":
            self._line(b"*")

    def _to_clear(self) -> None:
        self._to_commands()
        if self.encrypted:
            self._leave(reset=True)

    # -- what a client may do

    @rule(line=COMMANDS, end=st.sampled_from([b"\r\n", b"\n", b" \r\n", b"\r\r\n"]))
    def says_a_command(self, line: bytes, end: bytes) -> None:
        """Valid or not, at its time or not: one reply."""
        self._to_lines()
        self._line(line, end)

    @rule(line=GARBAGE)
    def says_garbage(self, line: bytes) -> None:
        """Octets that are no command; a TLS handshake is closed without a word."""
        self._to_lines()
        handshake = line.startswith(_HELLO) and not self.begun
        assert self._line(line) or handshake

    @rule(piece=GARBAGE)
    def says_part_of_a_line(self, piece: bytes) -> None:
        """No reply until it ends."""
        self._to_lines()
        self.wire.say(b"N" + piece)
        self.begun = True

    @rule(lines=st.lists(st.sampled_from([b"NOOP", b"EHLO x", b"RSET", b"VRFY x", b"WHAT", *ENVELOPE]), max_size=12))
    def says_many_commands_at_once(self, lines: list[bytes]) -> None:
        """As many replies, unless the relay closes."""
        self._to_commands()
        self.wire.say(b"".join(line + b"\r\n" for line in lines))
        for _ in lines:
            if self._hear() in (0, 421):
                break

    @rule(mechanism=MECHANISMS, initial=st.none() | BASE64, responses=st.lists(BASE64, max_size=2))
    def logs_in(self, mechanism: bytes, initial: bytes | None, responses: list[bytes]) -> None:
        """With a right password, a wrong one, or something else."""
        self._to_commands()
        code = self._line(b"AUTH " + mechanism + (b"" if initial is None else b" " + initial))
        for response in responses:
            if code != 334:
                break
            code = self._line(response)

    @rule(behind=st.sampled_from([b"", b"", b"RSET\r\n", b"MAIL FROM:<evil@b.test>\r\n", b"\0"]))
    def starts_tls(self, behind: bytes) -> None:
        """What is sent in clear behind STARTTLS gets no reply: neither before the handshake nor after."""
        self._to_clear()
        self.wire.say(b"STARTTLS\r\n" + behind)
        if self.wire.reply() != 220:
            self._leave()
            return
        try:
            self.wire.encrypt()
        except (ssl.SSLError, OSError):
            assert behind, "a handshake that nobody disturbed failed"
            self._leave(reset=True)
            return
        self.encrypted, self.awaited = True, "command"
        assert self._line(b"EHLO x") == 250

    @rule(noise=st.binary(min_size=1, max_size=400))
    def answers_tls_with_noise(self, noise: bytes) -> None:
        """The relay closes; it may say so in TLS's words."""
        self._to_clear()
        self.wire.say(b"STARTTLS\r\n")
        if self.wire.reply() == 220:
            self.wire.say(noise)
        self._leave(reset=True)

    @rule()
    def begins_a_message(self) -> None:
        """Whatever was before, unless it was too much."""
        self._to_commands()
        codes = [self._line(line) for line in (b"RSET", *ENVELOPE, b"DATA")]
        assert codes == [250, 250, 250, 354] or not all(codes) or 421 in codes

    @rule(
        piece=st.binary(max_size=3000) | st.sampled_from([b"\r\n.", b".\r", b"\n.\n", b"\r.\r", b"x" * 60_000, b"\r\n"])
    )
    def sends_data(self, piece: bytes) -> None:
        """Nothing is answered before the end."""
        if self.awaited != "data":
            self.begins_a_message()
        if self.awaited == "data" and b"\r\n.\r\n" not in b"\r\n" + self.data + piece:
            self.data += piece
            self.wire.say(piece)

    @rule()
    def ends_the_data(self) -> None:
        """One answer; 250 if and only if the message was stored."""
        if self.awaited == "data":
            self.wire.say(b"x\r\n.\r\n")
            self.stored += self._hear() == 250

    @rule(reset=st.booleans())
    def goes_away(self, reset: bool) -> None:
        """In the middle of whatever it is; what was not complete is not stored."""
        self._leave(reset=reset)

    # -- what always holds

    @invariant()
    def nothing_else_was_stored(self) -> None:
        """As many messages as 250s to the end of data."""
        assert len(self.service.bodies) == self.stored

    @invariant()
    def no_mistake_was_made(self) -> None:
        """The journal knows of none, nor the event loop."""
        assert self.service.mistakes() == []

    def teardown(self) -> None:
        self.wire.close(reset=True)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Wrong passwords don't wait for their answers here: there would be no time for anything else."""
    with pytest.MonkeyPatch.context() as patch, Service() as running:
        patch.setattr(bruteforce, "LONGEST_DELAY_S", 0.0)
        yield running


@pytest.mark.timeout(0)
def test_the_relay_answers_whatever_is_said(service: Service) -> None:
    """The state machine, for as long as wanted."""
    machine = type("Conversation", (Conversation,), {"service": service})
    run_state_machine_as_test(machine, settings=settings(EFFORT, stateful_step_count=40))


@settings(EFFORT)
@given(st.lists(st.binary(max_size=2000), max_size=8), st.booleans())
def test_bytes_of_any_kind_are_survived(service: Service, pieces: list[bytes], polite: bool) -> None:
    """No structure at all: replies are legal, the connection ends, the next client is greeted."""
    wire = Wire(service.port)
    for piece in pieces:
        wire.say(piece)
    if polite:
        wire.finish_sending()
        while wire.reply():
            pass
    wire.close(reset=not polite)
    Wire(service.port).close()
    assert service.mistakes() == []
