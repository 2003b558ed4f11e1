"""The journal as a page of the manual, in its own words: `python -m relay.telemetry.events_page` prints it anew."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from relay.telemetry.journal import Journal

PREFACE = """\
# Events of the journal

<!-- printed by relay.telemetry.events_page: do not edit -->

The relay writes one line for each event to its standard output. With `log.format: json` (what `auto` comes to when
nobody sits at a terminal) a line is one JSON object that journald, Loki and Splunk take as it is: no nested objects,
no line ends, valid UTF-8 whatever a device sent. Each has `timestamp` (ISO 8601, UTC), `level` (info, warning, error)
and `event`; the other fields are numbers, texts and lists of texts, and one that is empty is left out. Below, the names
behind a colon are fields; `…` stands for those of `message.delivered`.

With `log.recipients: hashed` (the default) the address of a recipient is written nowhere, not even where Exchange
quotes it: there stands the first 12 digits of the SHA-256 of the address in lower case, and its domain. Equal ones stay
equal, so that one can be looked for:

    printf %s ann@contoso.com | sha256sum | cut -c1-12

Addresses of senders and mailboxes stay, and so does the Message-ID in Exchange's answers. Subjects, other header
fields, content, passwords, tokens and keys are never written, at no level.
"""

SERVICE = {
    "relay.started": (
        "info",
        "The relay takes mail: version listening hostname unused_sockets interrupted swept damaged.",
    ),
    "relay.stopping": ("info", "It was asked to stop; what is under way is finished."),
    "relay.stopped": ("info", "It has stopped: sessions_cut attempts_cut."),
    "relay.failed": ("error", "It could not start, or not go on: reason remedy."),
    "relay.mistake": ("error", "A mistake of the relay itself; mail goes on: reason remedy."),
    "config.reloaded": (
        "info",
        "A new configuration is in force: needs_restart (what of it waits for a restart) who (none: a signal).",
    ),
    "clock.moved": ("info", "The system's clock was set; the times of the spool follow it: by_s (negative: put back)."),
    "control.unavailable": ("error", "The control socket could not be made; mail goes on: reason remedy."),
    "config.refused": ("error", "The new configuration has mistakes, the old one goes on: complaints remedy who."),
    "http.listening": ("info", "Probes, status and metrics are served: address."),
    "http.failed": ("error", "They are not, or a page failed; mail goes on: reason remedy."),
    "web.setup": (
        "warning",
        "Nobody can sign in at the dashboard (any more): address (open it once, it makes the first operator) remedy.",
    ),
    "web.signed_in": ("info", "Somebody signed in at the dashboard: name address way (password, entra, proxy)."),
    "web.signed_out": ("info", "Somebody signed out: name address way."),
    "web.accounts_changed": (
        "info",
        "People or tokens of the dashboard were made, changed or removed, seen at the next request: accounts.",
    ),
    "web.sign_in_refused": ("warning", "Somebody could not sign in: name address way reason."),
    "delivery.orphaned": ("error", "Mail waits for a profile that is not configured any more: profile remedy."),
    "signin.failing": (
        "warning or error",
        "A person's sign-in could not be renewed: profile meaning remedy answer days_left.",
    ),
    "signin.kept": (
        "info",
        "A person signed in at the dashboard: profile person who (the operator) way (browser or device).",
    ),
    "profile.tested": (
        "info",
        "Settings were tested at the dashboard: profile who typed (not as they are saved) good failed (steps).",
    ),
    "spool.key_missing": ("error", "Mail sealed with a key that is not there is held: key held reason remedy."),
    "notification.sent": ("info", "A channel took a notification: channel (the name of its secret) alert title."),
    "notification.failed": ("error", "A channel did not take a notification: channel alert title reason remedy."),
    "notification.unknown": ("warning", "What is wrong could not be looked for; mail goes on: reason remedy."),
    "credential.unknown": ("warning", "When secrets and certificates end could not be asked: reason."),
}
"""What is told with `Journal.service`, each with its level."""


class _Ear(Journal):
    """Hears what a method writes."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.heard: list[tuple[str, str]] = []

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:  # noqa: ARG002
        self.heard.append((level, event))


def events() -> dict[str, tuple[str, str]]:
    """Each event of the journal, its levels, and when it is written with which fields."""
    found = {}
    for name, method in inspect.getmembers(Journal, inspect.isfunction):
        if not name.startswith("_") and name not in ("tell", "hold", "let_hear", "service"):
            levels, event = _heard(name)
            found[event] = (levels, " ".join(inspect.cleandoc(method.__doc__ or "").split()))
    return found | SERVICE


def page() -> str:
    """The whole page, Markdown."""
    rows = (f"| `{event}` | {level} | {text} |" for event, (level, text) in sorted(events().items()))
    return f"{PREFACE}\n| event | level | when, and with which fields |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _heard(name: str) -> tuple[str, str]:
    ear = _Ear()
    for days_left in (0, 30):  # an end that comes near is more or less severe
        getattr(ear, name)(days_left=days_left)
    return " or ".join(dict.fromkeys(level for level, _ in reversed(ear.heard))), ear.heard[0][1]


if __name__ == "__main__":
    sys.stdout.write(page())
