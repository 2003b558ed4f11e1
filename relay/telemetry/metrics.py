"""What the journal tells, counted: a listener of the journal that never blocks, and never raises into the mail path.

Plain numbers in the loop's own thread, no locks; `relay.web` prints them for Prometheus. Labels are names of the
configuration and words of the relay, never what a client chose; `MOST_SERIES` bounds them even where a reload brings
other names every day.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from relay.policy.verdict import is_unknown
from relay.policy.verdict_page import CHAPTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SERIES = 5_000
OTHERS = "(others)"
Labels = tuple[str, ...]

_REPLY = re.compile(r"(\d{3})(?:[ -](\d\.\d{1,3}\.\d{1,3}))?(?![\d.])")
_OUTCOMES = {
    "message.delivered": "relay_messages_delivered",
    "message.deferred": "relay_messages_deferred",
    "message.failed": "relay_messages_failed",
    "message.uncertain": "relay_messages_uncertain",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the reference; a counter's name is told without `_total`. `buckets` are a histogram's, in seconds."""

    name: str
    kind: str
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


_DEVICE = ("device", "profile")
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WIRE = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_LONG = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)

COUNTED = (
    Metric("relay_messages_received", "counter", "Messages stored durably and answered with 250.", _DEVICE),
    Metric("relay_received_bytes", "counter", "Octets of those messages as the device sent them.", ("device",)),
    Metric("relay_messages_delivered", "counter", "Messages that Microsoft took for every recipient.", _DEVICE),
    Metric("relay_messages_deferred", "counter", "Attempts after which the message waits for another one.", _DEVICE),
    Metric("relay_messages_failed", "counter", "Messages given up for at least one recipient.", _DEVICE),
    Metric("relay_messages_uncertain", "counter", "Attempts whose final answer was lost.", _DEVICE),
    Metric(
        "relay_recipients_failed", "counter", "Recipients refused while others of the message were not.", ("device",)
    ),
    Metric(
        "relay_repairs",
        "counter",
        "Repairs and changes of headers, as docs/reference/repairs.md names them.",
        ("kind",),
    ),
    Metric(
        "relay_client_refused",
        "counter",
        "Clients, senders, recipients and messages turned away, by the reply's codes; upstream: Microsoft's refusal "
        "handed on to a device that waited for it.",
        ("reply",),
    ),
    Metric("relay_intake_failed", "counter", "Messages that could not be stored; the device was told to try again."),
    Metric("relay_sessions_broken", "counter", "Sessions that a device left in the middle of a message."),
    Metric(
        "relay_upstream_answers",
        "counter",
        "What attempts met: accepted, or the class of the verdict (docs/reference/verdicts.md), or uncertain.",
        ("profile", "class"),
    ),
    Metric("relay_unknown_answers", "counter", "Answers that no verdict knows; `relay queue unknown` lists them."),
    Metric("relay_profile_pauses", "counter", "Pauses begun, and rechecks in vain.", ("profile",)),
    Metric(
        "relay_fallbacks",
        "counter",
        "Times a profile's own transport was refused and the fallback was not.",
        ("profile",),
    ),
    Metric("relay_mailbox_slowed", "counter", "Times a throttling answer slowed a mailbox down.", ("mailbox",)),
    Metric("relay_token_fetches", "counter", "Tokens that Entra gave.", ("app",)),
    Metric(
        "relay_token_failures", "counter", "Refreshes that Entra refused while the last token still served.", ("app",)
    ),
    Metric("relay_accept_seconds", "histogram", "From the end of DATA to the message being durable.", (), _FAST),
    Metric("relay_attempt_seconds", "histogram", "From the claim of a message to its outcome.", (), _WIRE),
    Metric("relay_delivery_seconds", "histogram", "From storing a message to Microsoft taking it.", (), _LONG),
)
_PLAIN: dict[str, tuple[str, Labels]] = {
    "recipient.failed": ("relay_recipients_failed", ("device",)),
    "intake.failed": ("relay_intake_failed", ()),
    "session.broken": ("relay_sessions_broken", ()),
    "profile.paused": ("relay_profile_pauses", ("profile",)),
    "delivery.fallback": ("relay_fallbacks", ("profile",)),
    "mailbox.slowed": ("relay_mailbox_slowed", ("mailbox",)),
    "token.fetched": ("relay_token_fetches", ("app",)),
    "token.kept": ("relay_token_failures", ("app",)),
}
_CLASS_OF = {row.rule: row.cls.value for _, rows in CHAPTERS for row in rows}
_BUCKETS = {metric.name: metric.buckets for metric in COUNTED if metric.kind == "histogram"}


@dataclass(slots=True)
class Histogram:
    """How many were at most as long as each bound (not cumulated), and how many took longer than all."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Metrics:
    """The counts since the start of the process. Belongs to the loop's thread; `copy` for whoever prints elsewhere."""

    events: ClassVar = frozenset((*_OUTCOMES, *_PLAIN, "message.received", "message.stored", "client.refused"))
    counters: dict[str, dict[Labels, int]] = field(
        default_factory=lambda: {metric.name: {} for metric in COUNTED if metric.kind == "counter"}
    )
    histograms: dict[str, Histogram] = field(
        default_factory=lambda: {name: Histogram(bounds, [0] * (len(bounds) + 1)) for name, bounds in _BUCKETS.items()}
    )

    def heard(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event of the journal."""
        if event in _OUTCOMES:
            self._attempted(event, fields)
        elif event == "message.stored":
            self._stored(fields)
        elif event == "message.received":
            for kind in fields.get("changes") or ():
                self.add("relay_repairs", (kind,))
        elif event in _PLAIN:
            name, labels = _PLAIN[event]
            self.add(name, tuple(str(fields.get(label) or "") for label in labels))
        elif event == "client.refused":
            self.add("relay_client_refused", (_reply_class(fields),))

    def copy(self) -> Metrics:
        """The counts of this moment."""
        return Metrics(
            {name: dict(series) for name, series in self.counters.items()},
            {name: Histogram(one.bounds, list(one.counts), one.total) for name, one in self.histograms.items()},
        )

    def add(self, name: str, labels: Labels = (), amount: int = 1) -> None:
        """Counts; a series too many is counted with the others."""
        series = self.counters[name]
        if labels not in series and len(series) >= MOST_SERIES:
            labels = (OTHERS,) * len(labels)
        series[labels] = series.get(labels, 0) + amount

    # -- events

    def _stored(self, fields: Mapping[str, Any]) -> None:
        device, profile = str(fields["device"]), str(fields["profile"])
        self.add("relay_messages_received", (device, profile))
        self.add("relay_received_bytes", (device,), int(fields["size"]))
        self.histograms["relay_accept_seconds"].observe(fields["ms"] / 1000)

    def _settled(self, event: str, fields: Mapping[str, Any]) -> None:
        self.add(_OUTCOMES[event], (str(fields["device"]), str(fields["profile"])))
        if event == "message.delivered":
            self.histograms["relay_delivery_seconds"].observe(fields["age_s"])

    def _attempted(self, event: str, fields: Mapping[str, Any]) -> None:
        profile, rule = str(fields["profile"]), str(fields.get("rule") or "")
        if not fields.get("left"):  # else the rest of its recipients goes in another envelope
            self._settled(event, fields)
        if "ms" not in fields:  # given up without an attempt
            return
        self.add("relay_upstream_answers", (profile, _answer_class(event, rule)))
        self.histograms["relay_attempt_seconds"].observe(fields["ms"] / 1000)
        if is_unknown(rule):
            self.add("relay_unknown_answers")


def _reply_class(fields: Mapping[str, Any]) -> str:
    """The codes of our own reply; a text would be a series for each."""
    if fields.get("id"):
        return "upstream"
    found = _REPLY.match(str(fields.get("reply") or ""))
    return " ".join(filter(None, found.groups())) if found else "none"


def _answer_class(event: str, rule: str) -> str:
    if event == "message.delivered":
        return "accepted"
    return "uncertain" if event == "message.uncertain" else _CLASS_OF.get(rule, "other")
