"""What the settings decide for each case, once, when a gateway is made.

Beside the door: `emit()` looks the entry of an event's case up, and asks no setting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.shards import column
from telemetry_actors.event.cases import CASE_ROUTING, CaseRoute, Priority, SignalType
from telemetry_actors.settings import TelemetrySettings

UNKNOWN_CASE = "unknown"
"""Key of `Ledger.by_case` that all unknown case names share."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is decided for one case once and for all.

    No tuple: a slot is read in a third of the time, and each `emit()` reads ten.
    """

    row: int
    """The case's place in the books."""
    name: str
    route: CaseRoute
    gated: bool
    """Content is off and the case has some."""
    refusal: Admission | None
    """The settings refuse the case."""
    gives: bool
    """Even a refused event is given to trace manager and providers (legacy route, no tree)."""
    columns: tuple[int, ...]
    """Shard cells, in the order of `Admission`."""
    priority: Priority


def entries_of(
    settings: TelemetrySettings, tree_has_sink: bool, registered: Iterable[CaseRoute] = ()
) -> dict[str, Entry]:
    """The entry of each case under *settings*: ours, the user's own, and last `UNKNOWN_CASE`."""
    found = {}
    classes = settings.pressure.by_case
    for index, route in enumerate((*CASE_ROUTING.values(), *registered)):
        case = str(route.case)
        refusal, gives = _decide(settings, route, tree_has_sink)
        gated = bool(route.gated) and not settings.enterprise_include_content
        columns = _columns(index)
        priority = Priority(classes.get(case, route.priority))
        found[case] = Entry(index, case, route, gated, refusal, gives, columns, priority)
    last = len(found)
    nowhere = CaseRoute(UNKNOWN_CASE, SignalType.METRIC_LOG)
    columns, refusal = _columns(last), Admission.UNKNOWN_CASE
    found[UNKNOWN_CASE] = Entry(
        last, UNKNOWN_CASE, nowhere, False, refusal, False, columns, Priority.LOW
    )
    return found


def _columns(index: int) -> tuple[int, ...]:
    return tuple(column(index, admission) for admission in Admission)


def _decide(
    settings: TelemetrySettings, route: CaseRoute, tree_has_sink: bool
) -> tuple[Admission | None, bool]:
    """The flag is looked at before the edition (docs/configuration.md)."""
    on = settings.gateway_on
    trace = route.signal_type is SignalType.TRACE
    if settings.otel_sdk_disabled:
        return Admission.GATEWAY_OFF, trace
    if not on and not trace:
        return Admission.GATEWAY_OFF, False
    if not route.ce_eligible and not settings.telemetry_on:
        return Admission.NOT_ELIGIBLE, False
    if not on and not tree_has_sink:
        return Admission.GATEWAY_OFF, True
    return None, False
