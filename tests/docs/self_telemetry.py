"""Makes docs/self-telemetry.md out of the table: ``python -m tests.docs.self_telemetry``.

Names, kinds, units, attributes and meanings stand in `event/own_metrics.py` alone; this only lays
them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from telemetry_actors.event.own_metrics import ATTRIBUTES, SELF_METRICS, SelfMetric
from telemetry_actors.observe._prometheus import prometheus_name

PAGE = Path(__file__).parents[2] / "docs" / "self-telemetry.md"

_HEAD = """\
# Self-telemetry

<!-- made by `python -m tests.docs.self_telemetry` out of the table of metrics; don't edit -->

What the gateway says about itself. Every number is read off its books at the moment of asking, so
these three are the same numbers:

- **OTLP.** Along with the metrics of your events, at each `metrics.interval_s` and at `flush()` and
  `stop()`; some 190 points, a few dozen more with all stores on. They are no events and make none,
  count as no measurement, and take no label set of your instruments.
  `TELEMETRY_ACTORS__METRICS__SELF_TELEMETRY=false` turns it off.
- **Prometheus.** `gateway.status().to_prometheus()` is text in exposition format 0.0.4, to be
  served as `text/plain; version=0.0.4`. Names are in the last column; attributes are labels, with
  underscores for dots.
- **JSON.** `gateway.status().model_dump(mode="json")`, also after `stop()`.

Counters and histograms are cumulative since the gateway was made, or since its process was
forked. Up-down counters are sums, too; gauges are last values. No attribute names a tenant, a user
or an event. A series is there once it has something to say: a reason that never occurred has none.
Of a part that is off (journal, Redis, payload store, directory of dead letters) there is no number,
rather than a 0. `telemetry_actors.….state` has one series for each state, and 1 in the present one.

Whatever number `status()` has is a metric here, too, but for those of one event, one request or one
tenant, and sums of others. A test walks through the status and holds the two against each other.

"""

_TAIL = """\

## Beside the convention

- `otel.sdk.exporter.*.exported` without `error.type` means that the receiver has said so, by a 2xx
  whose `partial_success` did not reject it. OpenTelemetry's Python SDK counts what was answered
  with 400, 503 or a full rejection as exported.
- `otel.sdk.processor.*.processed` isn't here: nothing ends between a queue and its exporter, and
  what ends is in `exported`. `otel.sdk.span.live` isn't, since spans are made when they are over,
  nor is `otel.sdk.exporter.metric_data_point.inflight`, since who reads it is who sends.
- `telemetry_actors.info` is in Prometheus' text alone. By OpenTelemetry's conventions what it says
  are attributes of the resource (`process.pid`, `service.instance.id`, `process.runtime.version`)
  and the version of the instrumentation scope, and each OTLP request has both; a collector makes
  `target_info` and `otel_scope_info` of them. `service.version` is your service's, not ours to set.
- `telemetry_actors.sink.request.duration` has each request by itself, retries and all;
  `otel.sdk.exporter.operation.duration` has the export that they belong to, once.
- `telemetry_actors.room.events` is counted, and leaves out what is in the journal alone; the
  `in_flight` of `ledger()` is measured, by a walk through all that is held. `queue.size` and
  `queue.in_hand` show where they are.

## What to watch

- Is anything refused? `telemetry_actors.admissions`, any admission but `accepted`.
- Is anything lost? `telemetry_actors.events` with outcome `dropped`, by reason.
- Is there room? `telemetry_actors.room.memory` beside `telemetry_actors.room.memory_capacity`;
  which tenants are refused, `status().pressure` says.
- Do its threads run? `telemetry_actors.overdue`, `telemetry_actors.give_ways`.
- Does it keep up? `telemetry_actors.queue.oldest_age`; `telemetry_actors.queue.size` beside
  `telemetry_actors.queue.capacity`.
- Is anything known to be wrong? `telemetry_actors.problems`; `status().problems` has the sentences.
- What do the words of admissions, reasons and error types mean, and what is there to do? See
  [errors](errors.md#words-of-the-books).
- Are its stores well? `telemetry_actors.journal.state` and `journal.errors`,
  `telemetry_actors.dedup.healthy` and `dedup.unchecked`, `telemetry_actors.payload_store.healthy`,
  `telemetry_actors.dead_letters.healthy` and `dead_letters.unwritten`. What a kill cost:
  `telemetry_actors.journal.lost_on_crash`, `journal.lost_unknown`.
- Is the receiver well? `telemetry_actors.sink.healthy`, `telemetry_actors.breaker.state`;
  `otel.sdk.exporter.operation.duration` by `error.type`.
- Is the tree well? `telemetry_actors.cases.parked`, `telemetry_actors.restarts`,
  `telemetry_actors.threads.stuck`.
"""

_TITLES = {
    "telemetry_actors": "Of the gateway",
    "otel": "Of its sinks, by OpenTelemetry's convention for SDKs",
}
_KINDS = {"updown_counter": "up-down counter"}


def page() -> str:
    """The whole page as it should be."""
    groups = groupby(SELF_METRICS, key=lambda metric: metric.name.partition(".")[0])
    tables = "\n".join(f"## {_TITLES[prefix]}\n\n{_table(rows)}" for prefix, rows in groups)
    return f"{_HEAD}{tables}\n{_attributes()}{_TAIL}"


def _attributes() -> str:
    rows = "".join(f"| `{key}` | {values} |\n" for key, values in ATTRIBUTES.items())
    return f"## Attributes\n\n| attribute | values |\n|---|---|\n{rows}"


def _table(metrics: Iterable[SelfMetric]) -> str:
    head = ("metric", "kind", "unit", "attributes", "meaning", "Prometheus")
    rows = [head, ("---",) * len(head), *map(_row, metrics)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(metric: SelfMetric) -> tuple[str, ...]:
    kind = _KINDS.get(metric.kind, metric.kind)
    attributes = ", ".join(f"`{key}`" for key in metric.attributes)
    name, there = f"`{metric.name}`", f"`{prometheus_name(metric)}`"
    return name, kind, f"`{metric.unit}`", attributes, metric.description, there


if __name__ == "__main__":
    PAGE.write_text(page())
