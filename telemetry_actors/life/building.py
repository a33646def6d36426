"""What a life needs to be built: sinks, endpoints, aggregates, budget.

Imported when the tree is built.

Kept apart from `life/life.py` so that the first `emit()` of a process pays for none of it
(protobuf and the HTTP client are the dear ones).
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from functools import partial

from supervisors import Runtime, SupervisorSpec, SystemClock
from telemetry_actors.base.breaker import Breaker
from telemetry_actors.base.log import say, warn
from telemetry_actors.base.outage import duration
from telemetry_actors.batch.crashes import in_short
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.life.cut_short import take_unbuilt
from telemetry_actors.life.life import DEDUP, Life
from telemetry_actors.ports import MetricPoint, Remote, Sink
from telemetry_actors.redaction.redaction import place_of, without_secrets
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks import OtlpGrpcSink, OtlpSink
from telemetry_actors.sinks.aggregates import BOUNDS, MetricAggregates
from telemetry_actors.sinks.health import Endpoint, SinkHealth
from telemetry_actors.sinks.patience import patience_of
from telemetry_actors.sinks.resource import package_version
from telemetry_actors.sinks.retry import StopBudget
from telemetry_actors.stages.dedup import SETTLE
from telemetry_actors.stores.payload_keeper import PayloadKeeper, open_store
from telemetry_actors.tree.parts import Parts
from telemetry_actors.tree.whole import build_tree


def parts_of(life: Life) -> Parts:
    """Sinks from the settings unless the user gave some, and what all parts share."""
    settings = life.settings
    package_version()  # read now: `status()` reads no file
    _remember_across_processes(life)
    sinks = _sinks(life)
    health = life.outlets.health = _health(life, sinks)
    keeper = life.stores.payloads or _keeper(life)
    life.stores.keep_payloads(keeper)
    return Parts(
        settings=settings,
        clock=life.clock,
        books=life.books,
        sinks=sinks,
        recorder=MetricAggregates(
            now_ns=life.clock.now_ns,
            bounds=BOUNDS[settings.metrics.duration_buckets],
            cardinality_limit=settings.metrics.cardinality_limit,
            label_bytes=settings.limits.label_bytes,
            on_overflow=_say_overflow,
            on_left_out=_say_left_out,
        ),
        own=life.outlets.own,
        dedup=life.stores.dedup,
        gateway=life.door.mailbox,
        roomy=life.door.pressure.roomy,
        read_back_events=life.door.pressure.read_back_events(),
        providers=life.calls.mailbox,
        give=life.calls.give,
        registered=life.cases,
        budget=StopBudget(life.clock.now_s),
        breaker=lambda sink, kind: health[sink, kind].endpoint.breaker,
        note=life.outlets.note,
        note_export=lambda sink, kind, *how: health[sink, kind].count_export(*how),
        payloads=keeper,
        process=life.door.process,
        journal=life.stores.journal,
        bridging=life.outlets.bridging,
    )


class _NoOwnMetrics:
    """`ports.OwnMetrics` of a gateway that has none."""

    def collect(self) -> list[MetricPoint]:
        return []

    def has_news(self) -> bool:
        return False


def tree_of(
    settings: TelemetrySettings, sinks: Sequence[Sink], cases: Mapping[str, CaseDefinition[object]]
) -> SupervisorSpec:
    """The tree that *settings* describe, for whoever wants to look at it. Starts nothing."""
    own = _NoOwnMetrics()
    life = Life(settings, sinks, SystemClock(), None, lambda: False, lambda _life: own, cases)
    return build_tree(parts_of(life)).spec


def say_started(life: Life) -> None:
    """One line at INFO: where events go, and what was chosen; one more if it had failed before.

    The builder's thread.
    """
    settings = life.settings
    places = dict.fromkeys(health.endpoint.name for health in life.outlets.health.values())
    journal = settings.journal.directory
    say(
        "started in process %d: events go to %s; dedup: %s; journal: %s; dead letters: %s",
        os.getpid(),
        ", ".join(places) or "no sink",
        f"Redis at {place_of(settings.redis_url.get_secret_value())}"
        if settings.redis_url is not None
        else "this process alone",
        journal or "none",
        settings.dead_letters.directory or "in memory",
    )
    if life.phase.fails_since_s is not None:
        lost = take_unbuilt(life)
        lasted = duration(life.clock.now_s() - life.phase.fails_since_s)
        warn("the tree is up after %s; %d events were lost meanwhile (parked)", lasted, lost)


def _remember_across_processes(life: Life) -> None:
    """Put Redis behind this process's own claims, where a `redis_url` says so. Once; no I/O."""
    url, stores = life.settings.redis_url, life.stores
    if url is None or life.outlets.bridging or stores.dedup is not stores.local_claims:
        return
    from telemetry_actors.stores.redis_dedup import RedisDedupStore

    stores.dedup = RedisDedupStore.at(
        url.get_secret_value(),
        stores.local_claims,
        life.settings.dedup,
        life.clock,
        partial(life.places.steer, DEDUP, SETTLE),
        life.door.process,
    )


def _keeper(life: Life) -> PayloadKeeper:
    """Nothing is made or read before there is something to put away."""
    settings = life.settings.payload_store
    runtime = life.running.given
    return PayloadKeeper(
        (lambda: open_store(settings)) if settings.enabled else None,
        settings,
        life.clock,
        threads=runtime is None or type(runtime) is Runtime,
    )


def _say_overflow(instrument: str, limit: int) -> None:
    warn(
        "%s has %d label sets (metrics.cardinality_limit); values of any others are added to"
        " one more, labelled otel.metric.overflow",
        instrument,
        limit,
        of=instrument,
    )


def _say_left_out(instrument: str, limit: int) -> None:
    warn(
        "the gauge %s has %d label sets (metrics.cardinality_limit); values of any others are"
        " left out: give it labels with fewer values",
        instrument,
        limit,
        of=instrument,
    )


def _health(life: Life, sinks: Sequence[Sink]) -> dict[tuple[str, SignalKind], SinkHealth]:
    """One for each kind of each sink; those that go to the same endpoint share it."""
    endpoints: dict[tuple[str, str], Endpoint] = {}
    found = {}
    kinds = [kind for kind in SignalKind if kind is not SignalKind.BRIDGE]
    for sink in sinks:
        for kind in [SignalKind.BRIDGE] if life.outlets.bridging else kinds:
            name = _place_of(sink, kind)
            endpoint = endpoints.get((sink.name, name)) or Endpoint(name, _breaker(life), sink.name)
            endpoints[sink.name, name] = endpoint
            what = f"sink {sink.name}/{kind}"
            found[sink.name, kind] = SinkHealth(what, kind, endpoint, _transport(sink))
    return found


def _place_of(sink: Sink, kind: SignalKind) -> str:
    """Of a sink of the user's it may be a whole URL.

    Raises:
        SettingsError: it raises, whatever that is, or is no text.
    """
    if not isinstance(sink, Remote):
        return sink.name
    try:
        return without_secrets(sink.endpoint_of(kind))
    except (Exception, SystemExit) as error:
        problem = f"its endpoint_of must return a text: {in_short(error)}"
        raise SettingsError("sinks", value=sink.name, allowed=problem) from error


def _transport(sink: Sink) -> str:
    """As OpenTelemetry's convention calls it; the class where it has no word."""
    if isinstance(sink, OtlpGrpcSink):
        return "otlp_grpc"
    if isinstance(sink, OtlpSink):
        return "otlp_http"
    return type(sink).__name__


def _breaker(life: Life) -> Breaker:
    patience, now_s = patience_of(life.settings, bridging=life.outlets.bridging), life.clock.now_s()
    return Breaker(
        now_s,
        failures=patience.breaker_failures,
        open_s=patience.breaker_open_s,
        longest_s=max(patience.max_retry_after_s, patience.breaker_open_s),
        probe_limit_s=patience.attempt_timeout_s + 1.0,
        rng=random.Random(life.clock.now_ns()),  # noqa: S311 -- spreads probes
    )


def _sinks(life: Life) -> Sequence[Sink]:
    if life.outlets.given is not None:
        return list(life.outlets.given)
    if life.outlets.bridging:
        from telemetry_actors.sinks.celery import CelerySink

        return [CelerySink(life.settings.celery)]
    target = life.settings.resolved_otlp()
    if target is None:
        if life.settings.gateway_on:  # else events are refused, which is said
            _say_no_sink(life.settings.half_named_otlp())
        return []
    for warning in target.warnings:
        warn("%s", warning, of=warning)
    _import_what_it_sends_with()
    sink = OtlpGrpcSink if target.protocol == "grpc" else OtlpSink
    return [sink.from_target(target, service_name=life.settings.service_name)]


def _say_no_sink(half: str) -> None:
    warn(
        "no sink: events end as dropped (no_sink). Set TELEMETRY_ACTORS__ENDPOINT, or"
        " ENTERPRISE_OTLP_ENDPOINT%s, or hand sinks to init()",
        half and f" ({half})",
    )


def _import_what_it_sends_with() -> None:
    """Now and not at the first request: see `supervisors/system/fork.py`."""
    from telemetry_actors.sinks import answer as _answer
    from telemetry_actors.sinks import encode as _encode
    from telemetry_actors.sinks import encode_metrics as _encode_metrics
    from telemetry_actors.sinks import frame as _frame
    from telemetry_actors.sinks import transport as _transport

    _ = _answer, _encode, _encode_metrics, _frame, _transport
