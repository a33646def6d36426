"""What a case is to its handler: a payload model, and a pure mapping to signals.

Sixth step of an event's way: ``rehydrator -> [validate, map] -> sinks``. Every case is
one `CaseDefinition`; the actor that runs it knows no case. A payload that the model refuses
is ``invalid_payload``; a mapping that raises is a fault of its own, since a mapping must
make signals of everything that its model lets through.

The fourteen cases define nothing but model and mapping; a case of the user's own says here as
well where it goes and what of its payload is content (`telemetry_actors.register_case`).

No clock and no lookup: the facts of the envelope and the settings are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter
from pydantic_core import CoreConfig, CoreSchema, SchemaValidator

from telemetry_actors.errors import CaseError
from telemetry_actors.event.cases import (
    CASE_ROUTING,
    CaseRoute,
    Priority,
    Reduction,
    SignalType,
    TelemetryCase,
)
from telemetry_actors.event.definition_check import check_gated, check_mapping, check_model, checked
from telemetry_actors.event.emits import Emits
from telemetry_actors.event.forms import Unreadable, said_of
from telemetry_actors.event.signals import AttributeValue, Instrument, LogSignal, Signals

P = TypeVar("P")

_QUIET: Final = CoreConfig(hide_input_in_errors=True)
"""The text of a `ValidationError` repeats no value: it may be content (g21)."""

_NOTHING: Final = Emits()


class EventFacts(NamedTuple):
    """What a mapping may know of an event beside its payload."""

    event_id: str
    tenant_id: str
    """Whose event it is, as it was decided when it came in: by the payload's ``tenant_id``, else by
    the context's. "" when unknown."""
    emitted_at_ns: int
    """When `emit` was called, ns since the epoch."""
    observed_ns: int
    """When the event is mapped, ns since the epoch."""
    context: Mapping[str, object]
    """``user_id``, ``app_id``, ``app_name``, ``workspace_name``; what can't be read as a text
    counts as missing (`said`)."""
    degraded: bool = False
    """The payload is the fallback of an off-loaded one that did not come back."""

    def said(self, key: str) -> str:
        """What the context says of *key* (an int id is its decimal text); "" where it says none."""
        try:
            return said_of(self.context, key)
        except Unreadable:
            return ""

    def log(
        self,
        event_name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        signal: str = "metric_only",
        ids: tuple[bytes, bytes] = (b"", b""),
        record_id: str = "",
    ) -> LogSignal:
        """A log record of this event, with its times and its ``log.record.uid``.

        Args:
            event_name: of the record, such as ``shop.order.shipped``.
            attributes: texts, bools, numbers; null = not on the wire.
            signal: ``span_detail`` for a log with a span beside it, whose *ids* it carries.
            ids: trace id (16 bytes) and span id (8 bytes); ``b""`` for none.
            record_id: ``log.record.uid``, where one event makes a second log
                (`telemetry_actors.ids.derived_id`): the event's own id is for the first.
        """
        return LogSignal(
            event_name,
            signal,
            (*attributes, "log.record.uid"),
            (*attributes.values(), record_id or self.event_id),
            *ids,
            self.emitted_at_ns,
            self.observed_ns,
        )


class JsonLimits(NamedTuple):
    """What JSON text made of content may hold; what is over it is cut, with a mark."""

    levels: int = 64
    """Lists and maps inside one another."""
    items: int = 10_000
    """Values of one list or map."""


DEFAULT_JSON_LIMITS: Final = JsonLimits()


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """The settings that change what signals say."""

    include_content: bool
    """False: content is a reference to where it can be looked up."""
    sampling_rate: float
    """Share of the traces whose spans are kept, 0.0 to 1.0."""
    app_requests_counter: bool = True
    """App events count in ``dify.requests.total`` (era S)."""
    app_counters: bool = True
    """App events count in ``dify.app.*.total`` (era M)."""
    json_limits: JsonLimits = DEFAULT_JSON_LIMITS
    """Of content that becomes JSON text."""
    attribute_bytes: int = 4_194_304
    """UTF-8 bytes of one attribute of a record; a longer text is cut (`_limits.py`)."""


class CaseDefinition(Generic[P]):
    """One case: how its payload is checked, what becomes of it, and where it goes.

    Args:
        case: ``lower_snake_case``, at most 64 characters: what `emit()` is called with.
        model: of the payload, a `TypedDict` or a pydantic `BaseModel`.
        mapping: ``(facts, payload, settings) -> Signals``. Pure: no clock, no look-up, no
            change of what it is given. One that raises, or returns no proper `Signals`, costs
            its event (``handler_crash``).
        emits: all that *mapping* can make, for the data dictionary. The fourteen cases say it.
        signal_type: `SignalType.TRACE` if trace managers and providers get the event, too.
        ce_eligible: community edition may send it; else it takes enterprise telemetry.
        task_name: what trace managers call it; the case's name by default. Trace cases only.
        gated: payload keys that hold content. With content off their values are replaced by
            ``"[gated]"`` before the event is packed, so the model must take a text there.
        reduced: those of *gated* of which something survives.
        instruments: that the mapping measures with.
        priority: ``low``, ``normal`` or ``high``: how full the mailboxes may be for the case
            to be let in still; ``pressure.classes`` of the settings wins.

    Raises:
        CaseError: one of these can't be used; the message says which and why.
    """

    __slots__ = ("case", "emits", "instruments", "map", "model", "route", "validate")

    def __init__(
        self,
        case: str,
        model: type[P],
        mapping: Callable[[EventFacts, P, MappingSettings], Signals],
        emits: Emits = _NOTHING,
        *,
        signal_type: SignalType | str = SignalType.METRIC_LOG,
        ce_eligible: bool = False,
        task_name: str | None = None,
        gated: Iterable[str] = (),
        reduced: Mapping[str, Reduction] | None = None,
        instruments: Iterable[Instrument] = (),
        priority: Priority | str = Priority.NORMAL,
    ) -> None:
        self.case: Final = case
        self.model: Final = model
        self.emits: Final = emits
        self.instruments: Final = tuple(instruments)
        """That the mapping measures with."""
        check_model(case, model)
        check_mapping(case, mapping)
        schema = _schema(case, model)
        # Of a `TypedDict`, "hide the input" counts only where the validator is made.
        validator = SchemaValidator(schema, _QUIET)
        self.validate: Final[Callable[[dict[str, Any]], P]] = validator.validate_python
        """Raises `pydantic.ValidationError`. Pydantic's core itself: no call in between."""
        if isinstance(case, TelemetryCase):
            self.route: CaseRoute = CASE_ROUTING[case]
            self.map = mapping
            return
        kind = _signal_type(case, signal_type)
        keys, kept = check_gated(case, schema, self.validate, tuple(gated), reduced or {})
        name = _task_name(case, kind, task_name)
        self.route = CaseRoute(
            case,
            kind,
            bool(ce_eligible),
            name,
            keys,
            MappingProxyType(kept),
            _priority(case, priority),
        )
        self.map = checked(case, mapping, self.instruments)

    def __repr__(self) -> str:
        return f"<CaseDefinition {self.case}>"


def _schema(case: str, model: type[Any]) -> CoreSchema:
    try:
        return TypeAdapter(model).core_schema
    except Exception as error:
        raise CaseError(case, f"pydantic can't use the model: {error}") from error


def _signal_type(case: str, signal_type: SignalType | str) -> SignalType:
    try:
        return SignalType(signal_type)
    except ValueError:
        kinds = " or ".join(repr(str(kind)) for kind in SignalType)
        raise CaseError(case, f"signal_type = {signal_type!r}: must be {kinds}") from None


def _priority(case: str, priority: Priority | str) -> Priority:
    try:
        return Priority(priority)
    except ValueError:
        classes = ", ".join(repr(str(each)) for each in Priority)
        raise CaseError(case, f"priority = {priority!r}: must be one of {classes}") from None


def _task_name(case: str, kind: SignalType, task_name: str | None) -> str | None:
    if kind is SignalType.METRIC_LOG:
        if task_name is not None:
            raise CaseError(case, f"task_name = {task_name!r}: only trace cases have one")
        return None
    if task_name is not None and not (isinstance(task_name, str) and task_name.strip()):
        raise CaseError(case, f"task_name = {task_name!r}: must be a text that says something")
    return task_name or case
