"""AUTH of one session: XOAUTH2 in one line or two, and a password that is always refused."""

from collections.abc import Callable

from relay.sandbox import login, replies
from relay.sandbox.exchange import Exchange, Login, RefusedError
from relay.sandbox.fronts import Front, SaidError
from relay.sandbox.magic import fault_of_mailbox
from relay.sandbox.replies import House
from relay.sandbox.speaker import Speaker


class Auth:
    """Asks and answers; `sign_in` returns who is in, or None when a refusal has been said."""

    def __init__(self, speaker: Speaker, exchange: Exchange, house: House, front: Front) -> None:
        self._speaker = speaker
        self._exchange = exchange
        self._house = house
        self._front = front

    async def sign_in(self, argument: str, is_one_too_many: Callable[[Login], bool]) -> Login | None:
        """Serve one AUTH command; `is_one_too_many` enters the session and says whether it must go again."""
        mechanism, _, initial = argument.partition(" ")
        match mechanism.upper():
            case "LOGIN":
                await self._password(initial)
            case "XOAUTH2":
                return await self._xoauth2(initial.strip(), is_one_too_many)
            case _:
                self._speaker.say(replies.UNKNOWN_MECHANISM)
        return None

    async def _password(self, initial: str) -> None:
        if not initial:
            await self._speaker.ask("334 VXNlcm5hbWU6")
        await self._speaker.ask("334 UGFzc3dvcmQ6")
        self._refuse(replies.BASIC_IS_OFF)

    async def _xoauth2(self, initial: str, is_one_too_many: Callable[[Login], bool]) -> Login | None:
        response = initial or await self._speaker.ask("334 ")
        if response == "*":
            self._speaker.say(replies.AUTH_CANCELLED)
            return None
        try:
            user, token = login.parse(response.encode())
        except login.BadResponseError:
            user, token = "", ""
        return None if await self._is_stopped(user) else self._checked(user, token, is_one_too_many)

    async def _is_stopped(self, user: str) -> bool:
        """Whether a fault has answered instead."""
        fault = self._exchange.faults.take("auth", user) or fault_of_mailbox(user, "auth")
        if fault is not None and fault.action == "challenge":
            await self._speaker.ask(login.challenge())
            self._refuse(replies.UNSUCCESSFUL)
            return True
        return fault is not None and await self._speaker.suffer(fault)

    def _checked(self, user: str, token: str, is_one_too_many: Callable[[Login], bool]) -> Login | None:
        try:
            signed_in = self._front.sign_in(self._exchange, user, token)
        except RefusedError:
            self._refuse(replies.UNSUCCESSFUL)
            return None
        except SaidError as error:
            self._refuse(str(error))
            return None
        if is_one_too_many(signed_in):
            self._speaker.say(self._house.too_many_connections())
            return None
        self._speaker.say(replies.SIGNED_IN)
        return signed_in

    def _refuse(self, sentence: str) -> None:
        self._speaker.say(self._house.stamped(sentence))
