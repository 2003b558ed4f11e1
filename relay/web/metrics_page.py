"""The metrics as a page of the manual; print it anew with `python -m relay.web.metrics_page`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from relay.telemetry.metrics import COUNTED, MOST_SERIES, OTHERS
from relay.web.prometheus import GAUGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.telemetry.metrics import Metric

_PREFACE = f"""\
# Metrics

<!-- printed by relay.web.metrics_page: do not edit -->

`GET /metrics` on `http.listen`, in Prometheus' text format; how to scrape and what to be alarmed by:
[monitoring](../how-to/monitoring.md). Counters and histograms begin with the process, gauges are what holds at the
scrape. Labels are names out of the configuration and words of the relay, never what a client chose; after {MOST_SERIES}
series of one metric all further ones are counted as `{OTHERS}`. `process_*` (memory, descriptors, CPU time) come from
prometheus_client.

Whatever happens to the metrics, mail is accepted and delivered as without them.
"""


def page() -> str:
    """The whole page, Markdown."""
    return "\n".join([_PREFACE, *_table("What happened", COUNTED), "", *_table("How it is", GAUGES), ""])


def _table(title: str, metrics: tuple[Metric, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| name | type | labels | what |"
    yield "|---|---|---|---|"
    for metric in metrics:
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        labels = " ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{name}` | {metric.kind} | {labels} | {metric.help}{_buckets(metric)} |"


def _buckets(metric: Metric) -> str:
    return f" Bounds: {' '.join(f'{bound:g}' for bound in metric.buckets)} s." if metric.buckets else ""


if __name__ == "__main__":
    sys.stdout.write(page())
