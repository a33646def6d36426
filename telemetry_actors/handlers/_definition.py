"""What a case is to its handler: a payload model, and a pure mapping to signals.

Sixth step of an event's way: ``rehydrator -> [validate, map] -> sinks``. Every case is
one `CaseDefinition` in one file; the actor that runs it knows no case. A payload that
the model refuses is ``invalid_payload``; a mapping that raises is a fault of ours, since
a mapping must make signals of everything that its model lets through.

No clock and no lookup: the facts of the envelope and the settings are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter
from pydantic_core import CoreConfig, SchemaValidator

from telemetry_actors.cases import TelemetryCase
from telemetry_actors.handlers._emits import Emits
from telemetry_actors.signals import Signals

__all__ = ["CaseDefinition", "EventFacts", "MappingSettings"]

P = TypeVar("P")

_QUIET: Final = CoreConfig(hide_input_in_errors=True)
"""The text of a `ValidationError` repeats no value: it may be content (g21)."""

_NOTHING: Final = Emits()


class EventFacts(NamedTuple):
    """What a mapping may know of an event beside its payload."""

    event_id: str
    tenant_id: str
    """The envelope's; "" when unknown."""
    emitted_at_ns: int
    """When `emit` was called, ns since the epoch."""
    observed_ns: int
    """When the event is mapped, ns since the epoch."""
    context: Mapping[str, object]
    """``user_id``, ``app_id``, ``app_name``, ``workspace_name``; values that are no text
    count as missing."""
    degraded: bool = False
    """The payload is the fallback of an off-loaded one that did not come back."""


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


class CaseDefinition(Generic[P]):
    """One case: how its payload is checked, and what becomes of it.

    Args:
        case: whose.
        model: the payload's `TypedDict`.
        mapping: pure; makes signals of everything that *model* lets through.
        emits: all that *mapping* can make.
    """

    __slots__ = ("case", "emits", "map", "model", "validate")

    def __init__(
        self,
        case: TelemetryCase,
        model: type[P],
        mapping: Callable[[EventFacts, P, MappingSettings], Signals],
        emits: Emits = _NOTHING,
    ) -> None:
        self.case: Final = case
        self.emits: Final = emits
        self.model: Final = model
        # Of a `TypedDict`, "hide the input" counts only where the validator is made.
        validator = SchemaValidator(TypeAdapter(model).core_schema, _QUIET)
        self.validate: Final[Callable[[dict[str, Any]], P]] = validator.validate_python
        """Raises `pydantic.ValidationError`. Pydantic's core itself: no call in between."""
        self.map: Final = mapping

    def __repr__(self) -> str:
        return f"<CaseDefinition {self.case}>"
