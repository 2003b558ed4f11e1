"""What all sessions of a listener share: the rules in force, the spool, the journal, the texts made once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.config.settings import ListenerAuth, ListenerTls
from relay.policy.hourly import Hourly
from relay.policy.notices import mailboxes_of
from relay.policy.routing import Directory
from relay.smtpd.ceilings import Crowd
from relay.smtpd.guard import LoginGuard
from relay.smtpd.intake import Flight
from relay.smtpd.passwords import Passwords
from relay.smtpd.patience import Patience
from relay.smtpd.strangers import Stranger, Strangers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from relay.config.settings import Listener, Settings, TlsFloor
    from relay.smtpd.dialogue import Dialogue
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal


class Rules:
    """A configuration as sessions ask it; a reload puts a new one in its place, sessions go on."""

    def __init__(self, settings: Settings, tls: Mapping[TlsFloor, ssl.SSLContext]) -> None:
        self.settings = settings
        self.directory = Directory(settings.devices)
        self.mailboxes = mailboxes_of(settings)
        self.tls = tls


@dataclass
class House:
    """The parts every listener needs. `rules` is replaced as a whole on reload."""

    rules: Rules
    store: Store
    journal: Journal
    hostname: str
    sessions: int = 0
    stopping: bool = False
    flight: Flight = field(default_factory=Flight)
    passwords: Passwords = field(default_factory=Passwords)
    hours: Hourly = field(default_factory=Hourly)
    patience: Patience = field(default_factory=Patience)
    strangers: Strangers = field(default_factory=Strangers)
    crowd: Crowd = field(default_factory=Crowd)
    guard: LoginGuard = field(default_factory=LoginGuard)


class Desk:
    """One listener's view: its settings and the replies that are the same for every client."""

    def __init__(self, house: House, listener: Listener) -> None:
        self.house = house
        self.listener = listener
        self.greeting = f"220 {house.hostname} ESMTP ready\r\n".encode()
        self.helo = f"250 {house.hostname}\r\n".encode()
        self.mechanisms = tuple(mechanism.value for mechanism in listener.mechanisms)
        self._ehlo: dict[tuple[bool, int], bytes] = {}
        self._signs = (" ", "=") if listener.auth_equals else (" ",)  # AUTH=LOGIN is from a draft before RFC 2554

    def ehlo(self, *, encrypted: bool, limit: int) -> bytes:
        """The whole EHLO answer, one write: small devices read only the first segment."""
        if (answer := self._ehlo.get((encrypted, limit))) is None:  # limits are few: of the relay, of some devices
            answer = self._ehlo[encrypted, limit] = self._offered(encrypted=encrypted, limit=limit)
        return answer

    def _offered(self, *, encrypted: bool, limit: int) -> bytes:
        lines = [self.house.hostname, "PIPELINING", f"SIZE {limit}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self.offers_starttls and not encrypted:
            lines.append("STARTTLS")
        if self.offers_auth(encrypted=encrypted):
            lines += [f"AUTH{sign}{' '.join(self.mechanisms)}" for sign in self._signs]
        head = "".join(f"250-{line}\r\n" for line in lines[:-1])
        return f"{head}250 {lines[-1]}\r\n".encode()

    def remember(self, dialogue: Dialogue, reply: str, *quirks: str) -> None:
        """Somebody was refused whom nobody knows: see `relay device refused`."""
        habits = [*quirks, *dialogue.quirks]
        seen = Stranger(
            dialogue.client, login=dialogue.tried_login, helo=dialogue.helo, listener=self.listener.listen,
            tls=dialogue.encrypted, mechanisms=[dialogue.tried_mechanism], quirks=habits, reply=reply,
        )  # fmt: skip
        self.house.strangers.met(seen, time.time())

    @property
    def limit(self) -> int:
        """The largest message in octets."""
        return self.listener.max_message_size or self.house.rules.settings.intake.max_message_size

    @property
    def limit_option(self) -> str:
        """Where the limit is set."""
        return "max_message_size of the listener" if self.listener.max_message_size else "intake.max_message_size"

    @property
    def tls(self) -> ssl.SSLContext:
        """The certificate and versions in force now."""
        return self.house.rules.tls[self.listener.tls_floor]

    @property
    def offers_starttls(self) -> bool:
        return self.listener.tls in (ListenerTls.OPTIONAL, ListenerTls.REQUIRED)

    @property
    def knows_addresses(self) -> bool:
        """Whether an address alone makes a device known here; with `auth: required` only a login does."""
        return self.listener.auth is not ListenerAuth.REQUIRED

    def offers_auth(self, *, encrypted: bool) -> bool:
        """AUTH is shown in clear only where the listener does not insist on TLS."""
        wanted = self.listener.auth is not ListenerAuth.NONE
        return wanted and (encrypted or self.listener.tls is not ListenerTls.REQUIRED)
