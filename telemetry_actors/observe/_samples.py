"""Values for the table of own metrics, out of one look at the gateway: Snapshot -> samples.

So what is exported, what `Snapshot.to_prometheus` says and what `status()` shows can't differ:
they are one set of numbers. Pure; no lock, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from telemetry_actors.event.own_metrics import INFO, SELF_METRICS, SelfMetric
from telemetry_actors.observe._models import (
    BreakerStatus,
    MailboxStatus,
    RequestStatus,
    SinkStatus,
    Snapshot,
    TimingStatus,
)
from telemetry_actors.observe._store_samples import STORE_ROWS
from telemetry_actors.ports import MetricPoint

Value = int | float | TimingStatus
Row = tuple[tuple[str | int | None, ...], Value]
"""Values of the metric's attributes (None or "": without that attribute), and the number."""


class Sample(NamedTuple):
    """One value of one metric."""

    metric: SelfMetric
    attributes: tuple[tuple[str, str | int], ...]
    value: Value


def samples(status: Snapshot) -> Iterator[Sample]:
    """All that *status* has to say, in the order of the table."""
    for metric in SELF_METRICS:
        for values, value in _ROWS[metric.name](status):
            pairs = zip(metric.attributes, values, strict=True)
            yield Sample(
                metric, tuple((k, v) for k, v in pairs if v is not None and v != ""), value
            )


def points(status: Snapshot) -> Iterator[MetricPoint]:
    """The samples as the sinks take them, cumulative since the gateway was made.

    Without `INFO`: what it says are attributes of the resource by OpenTelemetry's conventions, and
    the scope's version, and both are in each request already.
    """
    for metric, attributes, value in samples(status):
        if metric.name == INFO:
            continue
        keys, values = tuple(k for k, _ in attributes), tuple(v for _, v in attributes)
        point = MetricPoint(metric.instrument, keys, values, status.since, status.now, 0)
        if isinstance(value, TimingStatus):
            bounds, counts = tuple(value.bounds_s), tuple(value.counts)
            yield point._replace(
                value=value.total_s, measurements=sum(counts), bounds=bounds, bucket_counts=counts
            )
        else:
            yield point._replace(value=value)


def _process(status: Snapshot) -> Iterator[Row]:
    who = status.process
    if who is not None:
        yield (who.version, who.pid, who.instance, who.python), 1


# -- events ---------------------------------------------------------------------------------------


def _admissions(status: Snapshot) -> Iterator[Row]:
    for case in status.cases:
        for admission, count in case.admissions.items():
            yield (case.case, admission), count


def _events(status: Snapshot) -> Iterator[Row]:
    for case in status.cases:
        for outcome, count in (("exported", case.exported), ("duplicate", case.duplicate)):
            if count:
                yield (case.case, outcome, None), count
        for reason, count in case.dropped.items():
            yield (case.case, "dropped", reason), count


def _provider_calls(status: Snapshot) -> Iterator[Row]:
    for result, count in status.providers.items():
        if result != "given" and count:
            yield (result,), count


def _unreadable(status: Snapshot) -> Iterator[Row]:
    for case, keys in status.values.unreadable.items():
        for key, count in keys.items():
            yield (case, key), count


def _overflowed(status: Snapshot) -> Iterator[Row]:
    return (((i.name,), i.overflowed) for i in status.instruments if i.overflowed)


def _left_out(status: Snapshot) -> Iterator[Row]:
    return (((i.name,), i.left_out) for i in status.instruments if i.left_out)


# -- parts of the tree ----------------------------------------------------------------------------


def _of_mailboxes(
    read: Callable[[MailboxStatus], Value | None],
) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for mailbox in status.mailboxes:
            value = read(mailbox)
            if value is not None:
                yield (mailbox.path,), value

    return rows


def _durations(status: Snapshot) -> Iterator[Row]:
    collectors = {sink.part for sink in status.sinks if sink.kind == "metrics"}
    return (((part,), t) for part, t in status.timings.items() if part not in collectors)


def _endpoints(status: Snapshot) -> Iterable[SinkStatus]:
    """One sink for each endpoint: its signals share the breaker."""
    return {(sink.sink, sink.endpoint): sink for sink in status.sinks}.values()


def _breaker_states(status: Snapshot) -> Iterator[Row]:
    for sink in _endpoints(status):
        for state in ("closed", "open", "half_open"):
            yield (sink.sink, *_server(sink), state), int(sink.breaker.state == state)


def _breakers(read: Callable[[BreakerStatus], float | None]) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for sink in _endpoints(status):
            value = read(sink.breaker)
            if value is not None:
                yield (sink.sink, *_server(sink)), value

    return rows


# -- sinks ----------------------------------------------------------------------------------------


def _server(sink: SinkStatus) -> tuple[str | None, int | None]:
    """Host and port; neither where a sink doesn't say where it sends."""
    parts = urlsplit(sink.endpoint)
    if not parts.hostname:
        return None, None
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _component(what: str, sink: SinkStatus) -> tuple[str, str]:
    return what, f"{what}/{sink.sink}"


def _exporter(sink: SinkStatus) -> tuple[str | int | None, ...]:
    signal = _SIGNALS[sink.kind]
    return (*_component(f"{sink.transport}_{signal}_exporter", sink), *_server(sink))


_SIGNALS: Final = {"logs": "log", "spans": "span", "metrics": "metric", "bridge": "event"}


def _processors(
    kind: str, read: Callable[[MailboxStatus], int | None]
) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for sink, mailbox in _with_mailboxes(kind, status):
            value = read(mailbox)
            if value is not None:
                yield _component(f"batching_{_SIGNALS[kind]}_processor", sink), value

    return rows


def _in_flight(kind: str) -> Callable[[Snapshot], Iterator[Row]]:
    return lambda status: (
        (_exporter(sink), mailbox.in_hand) for sink, mailbox in _with_mailboxes(kind, status)
    )


def _with_mailboxes(kind: str, status: Snapshot) -> Iterator[tuple[SinkStatus, MailboxStatus]]:
    mailboxes = {mailbox.path: mailbox for mailbox in status.mailboxes}
    for sink in status.sinks:
        if sink.kind == kind and sink.part in mailboxes:
            yield sink, mailboxes[sink.part]


def _exported(kind: str) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for sink in status.sinks:
            if sink.kind != kind:
                continue
            yield (*_exporter(sink), None), sink.exported
            for reason, count in sink.dropped.items():
                if count:
                    yield (*_exporter(sink), reason), count

    return rows


def _requests(
    read: Callable[[SinkStatus], Iterable[RequestStatus]],
) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for sink in status.sinks:
            for ended in read(sink):
                yield (*_exporter(sink), ended.status_code, ended.error_type), ended.timing

    return rows


def _sinks(read: Callable[[SinkStatus], float | None]) -> Callable[[Snapshot], Iterator[Row]]:
    def rows(status: Snapshot) -> Iterator[Row]:
        for sink in status.sinks:
            value = read(sink)
            if value is not None:
                yield _exporter(sink), value

    return rows


def _collections(status: Snapshot) -> Iterator[Row]:
    for sink in status.sinks:
        if sink.kind == "metrics" and sink.part in status.timings:
            yield _component("periodic_metric_reader", sink), status.timings[sink.part]


def _made(status: Snapshot) -> Iterator[Row]:
    if status.made is not None:
        yield ("RECORD_AND_SAMPLE",), status.made.spans
        yield ("DROP",), status.made.spans_sampled_out


def _one(read: Callable[[Snapshot], float]) -> Callable[[Snapshot], Iterable[Row]]:
    return lambda status: [((), read(status))]


_ROWS: Final[Mapping[str, Callable[[Snapshot], Iterable[Row]]]] = {
    "telemetry_actors.info": _process,
    "telemetry_actors.admissions": _admissions,
    "telemetry_actors.events": _events,
    "telemetry_actors.dead_letters.kept": _one(lambda s: s.dead_letters_kept),
    "telemetry_actors.dead_letters.forgotten": _one(lambda s: s.dead_letters_forgotten),
    "telemetry_actors.bridge.inflight": _in_flight("bridge"),
    "telemetry_actors.bridge.exported": _exported("bridge"),
    "telemetry_actors.provider.calls": _provider_calls,
    "telemetry_actors.values.unreadable": _unreadable,
    "telemetry_actors.measurement.created": (
        lambda s: [((), s.made.measurements)] if s.made else []
    ),
    "telemetry_actors.metric.label_sets": lambda s: (
        ((i.name,), i.label_sets) for i in s.instruments
    ),
    "telemetry_actors.metric.overflowed": _overflowed,
    "telemetry_actors.metric.left_out": _left_out,
    "telemetry_actors.queue.size": _of_mailboxes(lambda m: m.items),
    "telemetry_actors.queue.capacity": _of_mailboxes(lambda m: m.items_capacity),
    "telemetry_actors.queue.memory": _of_mailboxes(lambda m: m.queued_bytes),
    "telemetry_actors.queue.memory_capacity": _of_mailboxes(lambda m: m.bytes_capacity),
    "telemetry_actors.queue.in_hand": _of_mailboxes(lambda m: m.in_hand),
    "telemetry_actors.queue.oldest_age": _of_mailboxes(lambda m: m.oldest_age_s),
    "telemetry_actors.room.events": _one(lambda s: s.pressure.events),
    "telemetry_actors.room.events_capacity": _one(lambda s: s.pressure.events_capacity),
    "telemetry_actors.room.memory": _one(lambda s: s.pressure.event_bytes),
    "telemetry_actors.room.memory_capacity": _one(lambda s: s.pressure.event_bytes_capacity),
    "telemetry_actors.room.record_memory": _one(lambda s: s.pressure.record_bytes),
    "telemetry_actors.room.tenants": _one(lambda s: s.pressure.tenants),
    "telemetry_actors.out_of_memory": _one(lambda s: s.pressure.out_of_memory),
    "telemetry_actors.overdue": _one(lambda s: s.pressure.overdue_s),
    "telemetry_actors.give_ways": _one(lambda s: s.pressure.gave_way),
    "telemetry_actors.batch.duration": _durations,
    "telemetry_actors.restarts": lambda s: (((n.path,), n.restarts) for n in s.tree if n.restarts),
    "telemetry_actors.parkings": lambda s: (((p.part,), p.times) for p in s.parkings),
    "telemetry_actors.parked": lambda s: (((p.part,), int(p.parked)) for p in s.parkings),
    "telemetry_actors.cases.parked": _one(lambda s: len(s.parked)),
    "telemetry_actors.threads.abandoned": _one(lambda s: s.threads_abandoned),
    "telemetry_actors.threads.stuck": _one(lambda s: s.threads_stuck),
    "telemetry_actors.problems": _one(lambda s: len(s.problems)),
    "telemetry_actors.sink.healthy": _sinks(lambda s: int(s.healthy)),
    "telemetry_actors.sink.request.duration": _requests(lambda s: s.requests),
    "telemetry_actors.sink.warnings": _sinks(lambda s: s.warnings),
    "telemetry_actors.sink.unreadable_answers": _sinks(lambda s: s.unreadable_answers),
    "telemetry_actors.sink.next_try": _sinks(lambda s: s.next_try_s),
    "telemetry_actors.breaker.state": _breaker_states,
    "telemetry_actors.breaker.failures": _breakers(lambda b: b.failures),
    "telemetry_actors.breaker.next_probe": _breakers(lambda b: b.next_probe_s),
    **STORE_ROWS,
    "otel.sdk.log.created": lambda s: [((), s.made.logs)] if s.made else [],
    "otel.sdk.span.started": _made,
    "otel.sdk.processor.log.queue.size": _processors("logs", lambda m: m.items),
    "otel.sdk.processor.log.queue.capacity": _processors("logs", lambda m: m.items_capacity),
    "otel.sdk.processor.span.queue.size": _processors("spans", lambda m: m.items),
    "otel.sdk.processor.span.queue.capacity": _processors("spans", lambda m: m.items_capacity),
    "otel.sdk.exporter.log.inflight": _in_flight("logs"),
    "otel.sdk.exporter.log.exported": _exported("logs"),
    "otel.sdk.exporter.span.inflight": _in_flight("spans"),
    "otel.sdk.exporter.span.exported": _exported("spans"),
    "otel.sdk.exporter.metric_data_point.exported": _exported("metrics"),
    "otel.sdk.exporter.operation.duration": _requests(lambda s: s.exports),
    "otel.sdk.metric_reader.collection.duration": _collections,
}
