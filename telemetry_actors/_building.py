"""What a life needs to be built: sinks, aggregates, budget. Imported when the tree is built.

Kept apart from `_life.py` so that the first `emit()` of a process pays for none of it
(protobuf and the HTTP client are the dear ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from telemetry_actors._say import warn
from telemetry_actors.ports import Sink
from telemetry_actors.sinks import OtlpSink
from telemetry_actors.sinks._aggregates import BOUNDS, MetricAggregates
from telemetry_actors.sinks._retry import StopBudget
from telemetry_actors.tree import Parts

if TYPE_CHECKING:
    from telemetry_actors._life import Life

__all__ = ["parts_of"]


def parts_of(life: Life) -> Parts:
    """Sinks from the settings unless the user gave some, and what all parts share."""
    settings = life.settings
    if settings.redis_url is not None:
        warn("redis_url is set, and this version remembers event ids in memory only")
    return Parts(
        settings=settings,
        clock=life.clock,
        books=life.books,
        sinks=_sinks(life),
        recorder=MetricAggregates(
            now_ns=life.clock.now_ns,
            bounds=BOUNDS[settings.metrics.duration_buckets],
            cardinality_limit=settings.metrics.cardinality_limit,
            label_bytes=settings.limits.label_bytes,
            on_overflow=_say_overflow,
        ),
        dedup=life.dedup,
        gateway=life.mailbox,
        providers=life.providers,
        give=life.give,
        registered=life.registered,
        budget=StopBudget(life.clock.now_s),
        note=life.note,
        journal=life.journal,
    )


def _say_overflow(instrument: str, limit: int) -> None:
    warn(
        "%s has %d label sets (metrics.cardinality_limit); values of any others are added to"
        " one more, labelled otel.metric.overflow",
        instrument,
        limit,
    )


def _sinks(life: Life) -> Sequence[Sink]:
    if life.given_sinks is not None:
        return list(life.given_sinks)
    target = life.settings.resolved_otlp()
    if target is None:
        warn(
            "no sink: events end as dropped (no_sink). Set ENTERPRISE_OTLP_ENDPOINT,"
            " or give TelemetryGateway sinks="
        )
        return []
    for warning in target.warnings:
        warn("%s", warning)
    return [OtlpSink.from_target(target, service_name=life.settings.enterprise_service_name)]
