"""What becomes of an app: one log and its counters, no ids, no span, no content.

Two sets of counters say the same: era M's own counter of each
event, and era S's requests. A setting turns either off.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from telemetry_actors.event.definition import EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, LogType, Metric
from telemetry_actors.event.instruments import REQUESTS
from telemetry_actors.event.signals import Instrument, Measurement, Signals
from telemetry_actors.handlers._correlation import OwnerFields, owner
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import rfc3339

_REQUEST_LABELS: Final = ("tenant_id", "type")


class AppEvent(NamedTuple):
    """What tells one event of an app from another."""

    log: LogType
    counter: Metric
    request: Metric

    @property
    def emits(self) -> Emits:
        """All that it can make."""
        return Emits(self.log, metrics=(self.counter, self.request))


def app_event(verb: str, counter: Instrument, *more: str) -> AppEvent:
    """Declare the event that an app was *verb*.

    Args:
        verb: ``created``, ``updated`` or ``deleted``; part of every name.
        counter: era M's.
        more: facts of an app that this event has beside its id, such as ``mode``: each is an
            attribute and a label of *counter*.
    """
    log = log_type(
        f"dify.app.{verb}",
        METRIC_ONLY,
        "dify.app_id",
        "dify.tenant_id",
        "dify.event.id",
        f"dify.app.{verb}_at",
        *(f"dify.app.{fact}" for fact in more),
    )
    counted = Metric(counter, ("tenant_id", "app_id", *more), when="`metrics.app_counters`")
    request = Metric(REQUESTS, _REQUEST_LABELS, f"app.{verb}", "`metrics.app_requests`")
    return AppEvent(log, counted, request)


def app_signals(
    facts: EventFacts,
    app: OwnerFields,
    settings: MappingSettings,
    event: AppEvent,
    *more: str | None,
) -> Signals:
    """The signals of an app's event.

    Args:
        facts: of the event.
        app: the payload.
        settings: for the two sets of counters.
        event: which one.
        more: beside the facts that `app_event` was given.
    """
    tenant_id, app_id = owner(facts, app)
    values = (app_id, tenant_id, facts.event_id, rfc3339(facts.emitted_at_ns), *more)
    labels = (tenant_id, app_id, *(fact or "" for fact in more))
    counted = Measurement(event.counter.instrument, event.counter.label_keys, labels, 1)
    request = Measurement(REQUESTS, _REQUEST_LABELS, (tenant_id, event.request.type), 1)
    return Signals(
        (log_record(facts, event.log, values),),
        (),
        (counted,) * settings.app_counters + (request,) * settings.app_requests_counter,
    )
