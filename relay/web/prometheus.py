"""The counts and the state of the relay in Prometheus' text format, on a registry of its own.

`GAUGES` and `relay.telemetry.metrics.COUNTED` are all there is; docs/reference/metrics.md is printed from them. Where
the spool can't be read its gauges are left out, the rest is answered.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from relay import __version__
from relay.telemetry.metrics import COUNTED, Labels, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric as Family

    from relay.config.settings import Settings
    from relay.control.lately import TokenSeen, Trouble
    from relay.control.look import Seen
    from relay.control.running import Control
    from relay.policy.room import Room
    from relay.telemetry.metrics import Histogram, Metrics
    from relay.upstream.enddates import EndDate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("queued", "uncertain", "leased", "held", "corrupt")
Samples = list[tuple[Labels, float]]

GAUGES = (
    Metric("relay_build_info", "gauge", "1; the version is in the label.", ("version", "python")),
    Metric("relay_start_time_seconds", "gauge", "Start of the relay, epoch seconds."),
    Metric("relay_ready", "gauge", "1 when devices can hand in mail, as /readyz says."),
    Metric("relay_sessions", "gauge", "Devices connected now."),
    Metric("relay_spool_free_bytes", "gauge", "Free on the disk of the spool."),
    Metric("relay_spool_used_bytes", "gauge", "Mail kept in the spool."),
    Metric("relay_spool_limit_bytes", "gauge", "spool.max_bytes; 0: no limit."),
    Metric(
        "relay_spool_readable",
        "gauge",
        "0 when it could not be read: the gauges of queue, pauses and mailboxes are missing then.",
    ),
    Metric("relay_queue_messages", "gauge", "Messages not settled.", ("state", "profile")),
    Metric(
        "relay_queue_oldest_seconds", "gauge", "Age of the oldest message that waits to leave; 0: none.", ("profile",)
    ),
    Metric(
        "relay_profile_paused",
        "gauge",
        "1 while nothing of the profile leaves until its configuration is mended.",
        ("profile",),
    ),
    Metric("relay_profile_detour", "gauge", "1 while the profile's mail leaves by its fallback.", ("profile",)),
    Metric("relay_profile_sign_in_needed", "gauge", "1 while a person's sign-in fails.", ("profile",)),
    Metric("relay_mailbox_sessions", "gauge", "Connections of the mailbox in use.", ("mailbox",)),
    Metric("relay_mailbox_sessions_limit", "gauge", "Connections it may have.", ("mailbox",)),
    Metric(
        "relay_mailbox_pace",
        "gauge",
        "Share of its limits that the mailbox uses; below 1 after throttling.",
        ("mailbox",),
    ),
    Metric(
        "relay_mailbox_budget_left",
        "gauge",
        "Recipients left of recipients_per_day; missing without a limit.",
        ("mailbox",),
    ),
    Metric("relay_mailbox_budget_limit", "gauge", "recipients_per_day; missing without a limit.", ("mailbox",)),
    Metric(
        "relay_mailbox_blocked_seconds",
        "gauge",
        "Seconds for which the mailbox still rests; 0: it does not.",
        ("mailbox",),
    ),
    Metric(
        "relay_token_age_seconds", "gauge", "Age of the newest token of the app; missing before the first.", ("app",)
    ),
    Metric("relay_token_expires_seconds", "gauge", "Seconds until it ends; below 0: it has ended.", ("app",)),
    Metric(
        "relay_credential_expires_seconds",
        "gauge",
        "Seconds until a secret or certificate ends; below 0: it has ended; missing where nobody knows.",
        ("app", "credential"),
    ),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything to print, taken in the loop at one moment."""

    settings: Settings
    metrics: Metrics
    seen: Seen
    room: Room
    ends: Sequence[EndDate]
    detours: Mapping[str, Trouble]
    sign_ins: Mapping[str, Trouble]
    tokens: Mapping[str, TokenSeen]
    started: float
    sessions: int
    ready: bool

    @classmethod
    def of(cls, control: Control, seen: Seen) -> Standing:
        """Copies what the loop goes on changing."""
        lately = control.lately
        return cls(
            control.settings, control.metrics.copy(), seen, control.room(), tuple(control.ends), dict(lately.detours),
            dict(lately.sign_ins), dict(lately.tokens), control.started, control.sessions, not control.not_ready(),
        )  # fmt: skip


def exposition(standing: Standing) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Collector(standing))
    return generate_latest(registry)


class _Collector:
    """prometheus_client's collector of one scrape."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterator[Family]:
        for metric in COUNTED:
            yield self._counted(metric)
        found = dict(gauges(self._standing, time.time()))
        for metric in GAUGES:
            if metric.name in found:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, value in found[metric.name]:
                    family.add_metric(labels, value)
                yield family

    def _counted(self, metric: Metric) -> Family:
        if metric.kind == "histogram":
            return _histogram(metric, self._standing.metrics.histograms[metric.name])
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        series = self._standing.metrics.counters[metric.name]
        for labels, count in (series if metric.labels else {(): 0} | series).items():
            family.add_metric(labels, count)
        return family


def _histogram(metric: Metric, one: Histogram) -> Family:
    below, buckets = 0, []
    for bound, count in zip((*one.bounds, float("inf")), one.counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(below)))
    family = HistogramMetricFamily(metric.name, metric.help)
    family.add_metric((), buckets, one.total)
    return family


def gauges(standing: Standing, now: float) -> Iterator[tuple[str, Samples]]:
    """By name, the samples of each gauge; those of a spool that can't be read are missing."""
    yield from _of_process(standing)
    yield from _of_profiles(standing)
    yield from _of_ends(standing, now)
    if not standing.seen.trouble:
        yield from _of_queue(standing)
        yield from _of_mailboxes(standing, now)


def _of_process(standing: Standing) -> Iterator[tuple[str, Samples]]:
    room = standing.room
    yield "relay_build_info", [((__version__, platform.python_version()), 1.0)]
    for name, value in (
        ("relay_start_time_seconds", standing.started),
        ("relay_ready", standing.ready),
        ("relay_sessions", standing.sessions),
        ("relay_spool_free_bytes", room.free_bytes),
        ("relay_spool_used_bytes", room.used_bytes),
        ("relay_spool_limit_bytes", room.max_bytes),
        ("relay_spool_readable", not standing.seen.trouble),
    ):
        yield name, [((), float(value))]


def _of_profiles(standing: Standing) -> Iterator[tuple[str, Samples]]:
    names = standing.settings.profiles
    yield "relay_profile_detour", [((name,), float(name in standing.detours)) for name in names]
    yield "relay_profile_sign_in_needed", [((name,), float(name in standing.sign_ins)) for name in names]
    if not standing.seen.trouble:
        yield "relay_profile_paused", [((name,), float(name in standing.seen.pauses)) for name in names]


def _of_ends(standing: Standing, now: float) -> Iterator[tuple[str, Samples]]:
    tokens = standing.tokens.items()
    yield "relay_token_age_seconds", [((app,), now - token.at) for app, token in tokens]
    yield "relay_token_expires_seconds", [((app,), token.ends - now) for app, token in tokens]
    yield (
        "relay_credential_expires_seconds",
        [((end.app, end.credential), end.ends.timestamp() - now) for end in standing.ends],
    )


def _of_queue(standing: Standing) -> Iterator[tuple[str, Samples]]:
    """Each profile in each state, so that a queue that has drained is 0 and not missing."""
    shapes = standing.seen.shapes
    profiles = dict.fromkeys([*standing.settings.profiles, *(one.profile for one in shapes)])
    counts = {(one.state, one.profile): one.count for one in shapes}
    yield (
        "relay_queue_messages",
        [((state, name), float(counts.get((state, name), 0))) for name in profiles for state in STATES],
    )
    waits = ("queued", "uncertain", "leased")
    yield (
        "relay_queue_oldest_seconds",
        [
            (
                (name,),
                float(max((one.oldest_s for one in shapes if one.profile == name and one.state in waits), default=0)),
            )
            for name in profiles
        ],
    )


def _of_mailboxes(standing: Standing, now: float) -> Iterator[tuple[str, Samples]]:
    seen, settings = standing.seen.mailboxes, standing.settings
    names = sorted({profile.mailbox.lower() for profile in settings.profiles.values()})
    limits = {name: settings.limits_of(name) for name in names}
    rows = [(name, seen[name]) for name in names if name in seen]
    a_day = {name: limits[name].recipients_per_day for name in names if limits[name].recipients_per_day}
    yield "relay_mailbox_sessions", [((name,), float(row.sessions)) for name, row in rows]
    yield "relay_mailbox_sessions_limit", [((name,), float(limits[name].sessions)) for name in names]
    yield "relay_mailbox_pace", [((name,), row.pace) for name, row in rows]
    yield (
        "relay_mailbox_budget_left",
        [((name,), float(max(0, a_day[name] - row.spent))) for name, row in rows if name in a_day],
    )
    yield "relay_mailbox_budget_limit", [((name,), float(limit)) for name, limit in a_day.items()]
    yield "relay_mailbox_blocked_seconds", [((name,), max(0.0, row.blocked_until / 1000 - now)) for name, row in rows]
