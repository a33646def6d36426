"""What becomes of an app: one log and its counters, no ids, no span, no content.

Two sets of counters say the same: era M's own counter of each
event, and era S's requests. A setting turns either off.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from telemetry_actors.event.definition import EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, Metric
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import Instrument, Measurement, Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns, NewRow
from telemetry_actors.handlers._correlation import OwnerFields, owner
from telemetry_actors.handlers._timestamps import rfc3339

_REQUEST_LABELS: Final = ("tenant_id", "type")


class AppEvent(NamedTuple):
    """What tells one event of an app from another."""

    log: Columns
    counter: Metric
    request: Metric

    @property
    def emits(self) -> Emits:
        """All that it can make."""
        return self.log.emits(self.counter, self.request)

    def map(self, facts: EventFacts, app: OwnerFields, settings: MappingSettings) -> Signals:
        """The mapping of its case."""
        log, (instrument, keys, _, _), (_, _, request_type, _) = self
        row: NewRow = {**app}
        row["tenant_id"], row["app_id"] = whose = owner(facts, app)
        row["event_id"] = facts.event_id
        row["at"] = rfc3339(facts.emitted_at_ns)
        measured: tuple[Measurement, ...] = ()
        if settings.app_counters:
            labels: tuple[str, ...] = whose
            for key in keys[2:]:  # the facts that this event has of its own
                labels += (row.get(key) or "",)
            measured = (Measurement(instrument, keys, labels, 1),)
        if settings.app_requests_counter:
            request = Measurement(REQUESTS, _REQUEST_LABELS, (whose[0], request_type), 1)
            measured = (*measured, request)
        return Signals((log.record(facts, row, settings),), (), measured)


def app_event(verb: str, counter: Instrument, *more: str) -> AppEvent:
    """Declare the event that an app was *verb*.

    Args:
        verb: ``created``, ``updated`` or ``deleted``; part of every name.
        counter: era M's.
        more: facts of an app that this event has beside its id, such as ``mode``: each is an
            attribute and a label of *counter*.
    """
    log = Columns(
        f"dify.app.{verb}",
        METRIC_ONLY,
        Column("dify.app_id", "app_id"),
        Column("dify.tenant_id", "tenant_id"),
        Column("dify.event.id", "event_id"),
        Column(f"dify.app.{verb}_at", "at"),
        *(Column(f"dify.app.{fact}", fact) for fact in more),
    )
    counted = Metric(counter, ("tenant_id", "app_id", *more), when="`metrics.app_counters`")
    request = Metric(REQUESTS, _REQUEST_LABELS, f"app.{verb}", "`metrics.app_requests`")
    return AppEvent(log, counted, request)
