"""The journal: one method per mail event, so that field names live in one place and nobody greps free text.

A journal never raises into the mail path: what cannot be written is dropped, the mail goes on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from relay.telemetry.fields import hidden, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from relay.telemetry.logs import Log

    Listener = Callable[[str, dict[str, Any]], None]

_QUIETLY = contextlib.suppress(Exception)  # one for all: it keeps nothing


class Journal:
    """Writes mail events as one structured line each."""

    def __init__(self, log: Log, *, hash_recipients: bool = False) -> None:
        """With `hash_recipients` no line, and nobody who listens, hears the address of a recipient.

        Every event takes `about`, the recipients of the message it tells of: texts may quote them.
        """
        self._log = log
        self._hash_recipients = hash_recipients
        self._listeners: list[tuple[Listener, Collection[str] | None]] = []
        self._ears: dict[str, tuple[Listener, ...]] = {}  # of each event that was told since somebody came to listen
        self._unheard: list[tuple[str, dict[str, Any]]] | None = None

    def tell(self, listener: Listener, events: Collection[str] | None = None) -> None:
        """From now on `listener(event, fields)` hears of these events, else of all, where they happen; it must not
        block.
        """
        self._listeners.append((listener, events))
        self._ears = {}

    def hold(self) -> None:
        """Until `let_hear` events are written, and kept for listeners: they may come later than the first event."""
        self._unheard = []

    def let_hear(self) -> None:
        """All listeners are there, and hear what was kept for them."""
        unheard, self._unheard = self._unheard or (), None
        for event, fields in unheard:
            self._let_hear(event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        try:
            about = fields.pop("about", ())
            fields = plain(hidden(fields, about) if self._hash_recipients else fields)
        except Exception as error:  # noqa: BLE001  (a line less, never a mail less)
            fields = {"mistake": type(error).__name__}
        if self._unheard is not None:
            self._unheard.append((event, fields))
        else:
            self._let_hear(event, fields)
        with _QUIETLY:
            getattr(self._log, level)(event, **fields)

    def _let_hear(self, event: str, fields: dict[str, Any]) -> None:
        for listener in self._ears.get(event) or self._ears_for(event):
            with _QUIETLY:
                listener(event, fields)

    def _ears_for(self, event: str) -> tuple[Listener, ...]:
        found = tuple(listener for listener, events in self._listeners if events is None or event in events)
        self._ears[event] = found
        return found

    # -- the way in

    def received(self, **fields: Any) -> None:
        """A device handed over a message: id device profile listener client helo tls cipher mechanism sender sends_as
        recipients size changes left.

        `mechanism` is how it logged in; `changes` names each repair, then what the From policy did; `left` the damage
        that stays.
        """
        self._write("info", "message.received", fields)

    def stored(self, **fields: Any) -> None:
        """The message would survive a power cut from here on: id device profile size ms."""
        self._write("info", "message.stored", fields)

    def client_refused(self, **fields: Any) -> None:
        """A client or recipient was turned away: client helo device reply reason remedy. Where a login failed, `device`
        is whose user name was tried.
        """
        self._write("warning", "client.refused", fields)

    def intake_failed(self, **fields: Any) -> None:
        """A message could not be stored and the device was told to try again: client device reply reason remedy."""
        self._write("error", "intake.failed", fields)

    def session_broken(self, **fields: Any) -> None:
        """A device went away in the middle of a message, or its session failed: client device reason."""
        self._write("info", "session.broken", fields)

    def session_failed(self, **fields: Any) -> None:
        """The relay itself made a mistake in a session: client reason."""
        self._write("error", "session.failed", fields)

    # -- the way out; `unknown` is true where no row of the verdict table knows the answer

    def token_fetched(self, **fields: Any) -> None:
        """Entra gave a token: app ms expires_in."""
        self._write("info", "token.fetched", fields)

    def token_kept(self, **fields: Any) -> None:
        """Entra gave no token, the last one still serves: app reason left_s remedy."""
        self._write("warning", "token.kept", fields)

    def credential_changed(self, **fields: Any) -> None:
        """Another credential of the app works now: app credential refused reason remedy."""
        self._write("warning", "credential.changed", fields)

    def delivered(self, **fields: Any) -> None:
        """Exchange took the message: id device profile mailbox host stage answer attempt ms age_s left.

        `left` counts recipients that go in another envelope.
        """
        self._write("info", "message.delivered", fields)

    def deferred(self, **fields: Any) -> None:
        """The message stays and is tried again: id … rule meaning remedy answer next_in_s."""
        self._write("warning", "message.deferred", fields)

    def failed(self, **fields: Any) -> None:
        """The message will not be delivered: id … rule meaning remedy answer."""
        self._write("error", "message.failed", fields)

    def uncertain(self, **fields: Any) -> None:
        """The answer to a whole message was lost: id … action (retry or hold)."""
        self._write("warning", "message.uncertain", fields)

    def held(self, **fields: Any) -> None:
        """The message is kept, not tried again by itself: id … rule meaning remedy answer."""
        self._write("error", "message.held", fields)

    def notice_queued(self, **fields: Any) -> None:
        """Somebody is told of mail that failed or is late: id originals (the first of them) messages what to (how many
        are told) cause device profile.
        """
        self._write("info", "notice.queued", fields)

    def notice_nobody(self, **fields: Any) -> None:
        """Mail failed or is late and nobody is told: id what device reason."""
        self._write("warning", "notice.nobody", fields)

    def recipient_failed(self, **fields: Any) -> None:
        """One recipient was refused, the others are not touched: id recipient rule meaning remedy answer."""
        self._write("error", "recipient.failed", fields)

    def paused(self, **fields: Any) -> None:
        """Nothing of this profile goes out until the cause is gone: profile rule meaning remedy answer recheck_s."""
        self._write("error", "profile.paused", fields)

    def resumed(self, **fields: Any) -> None:
        """The cause is gone, mail of this profile flows again: profile."""
        self._write("info", "profile.resumed", fields)

    def slowed(self, **fields: Any) -> None:
        """Exchange throttles the mailbox, which uses only this share of its limits from now on: mailbox profile pace
        rule meaning remedy answer rest_s.
        """
        self._write("warning", "mailbox.slowed", fields)

    def recovered(self, **fields: Any) -> None:
        """The mailbox that was throttled keeps its full pace again: mailbox pace."""
        self._write("info", "mailbox.recovered", fields)

    def fallback(self, **fields: Any) -> None:
        """Mail of this profile leaves by its fallback: profile mailbox transport fallback rule … recheck_s."""
        self._write("warning", "delivery.fallback", fields)

    def fallback_ended(self, **fields: Any) -> None:
        """The profile's own transport works again: profile mailbox transport."""
        self._write("info", "delivery.fallback_ended", fields)

    def delivery_broken(self, **fields: Any) -> None:
        """The scheduler met a fault of its own (disk, database) and tries again: reason remedy next_in_s."""
        self._write("error", "delivery.broken", fields)

    # -- the spool

    def refusing(self, **fields: Any) -> None:
        """No new mail is taken from now on: reason remedy free_bytes used_bytes."""
        self._write("error", "spool.refusing", fields)

    def accepting(self, **fields: Any) -> None:
        """New mail is taken again: free_bytes used_bytes."""
        self._write("info", "spool.accepting", fields)

    def corrupt(self, **fields: Any) -> None:
        """What is stored of a message is damaged: it is shown, never sent: id remedy, reason or an attempt."""
        self._write("error", "message.corrupt", fields)

    def broken(self, **fields: Any) -> None:
        """The database turns out to be damaged, the relay ends to salvage it: reason remedy."""
        self._write("error", "spool.broken", fields)

    def salvaged(self, **fields: Any) -> None:
        """A damaged database was moved aside, what could be read saved: reason saved corrupt lost aside remedy."""
        self._write("error", "spool.damaged", fields)

    # -- the service

    def ordered(self, **fields: Any) -> None:
        """An operator's order was carried out: order who count skipped recipient, and selection_… for
        every other filter.
        """
        self._write("warning" if fields.get("order") == "drop" else "info", "queue.order", fields)

    def downloaded(self, **fields: Any) -> None:
        """Somebody was given the content of a message: id who way (how they are known)."""
        self._write("info", "message.downloaded", fields)

    def credential_expiring(self, **fields: Any) -> None:
        """A secret or certificate of an app ends soon, or has ended: app credential kind name ends days_left meaning
        remedy. Once for each threshold.
        """
        self._write("error" if fields.get("days_left", 0) < 1 else "warning", "credential.expiring", fields)

    def service(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """relay.started, relay.stopping, relay.stopped, clock.moved, config.reloaded, config.refused, spool.recovered,
        signin.failing (profile meaning remedy answer days_left).
        """
        self._write(level, event, fields)
