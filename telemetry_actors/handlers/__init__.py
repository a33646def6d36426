"""What becomes of each case: one file per case, found by `DEFINITIONS`.

Sixth step of an event's way: ``rehydrator -> [handler of its case] -> sinks``. A case is a payload
model and a pure mapping (`CaseDefinition`); adding one is one file and one line here. The room owns
the mappings and the actor that runs them; a mapping never does I/O, and never lets content past
its gate.

For others: `actor`, `forms`, `spans`, and the payload models of the cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import (
    CaseDefinition,
    EventFacts,
    JsonLimits,
    MappingSettings,
)
from telemetry_actors.event.instruments import INSTRUMENTS
from telemetry_actors.handlers import (
    app_created,
    app_deleted,
    app_updated,
    dataset_retrieval,
    draft_node_execution,
    feedback_created,
    generate_name,
    message_run,
    moderation_check,
    node_execution,
    prompt_generation,
    suggested_question,
    tool_execution,
    workflow_run,
)
from telemetry_actors.handlers.rehydration import rehydration_failed

__all__ = [
    "DEFINITIONS",
    "INSTRUMENTS",
    "CaseDefinition",
    "EventFacts",
    "JsonLimits",
    "MappingSettings",
    "rehydration_failed",
]

_ALL: Final[tuple[CaseDefinition[Any], ...]] = (
    workflow_run.DEFINITION,
    message_run.DEFINITION,
    node_execution.DEFINITION,
    draft_node_execution.DEFINITION,
    prompt_generation.DEFINITION,
    tool_execution.DEFINITION,
    moderation_check.DEFINITION,
    suggested_question.DEFINITION,
    dataset_retrieval.DEFINITION,
    generate_name.DEFINITION,
    app_created.DEFINITION,
    app_updated.DEFINITION,
    app_deleted.DEFINITION,
    feedback_created.DEFINITION,
)

DEFINITIONS: Final[Mapping[TelemetryCase, CaseDefinition[object]]] = MappingProxyType(
    {TelemetryCase(definition.case): definition for definition in _ALL}
)
"""All fourteen. Read-only; a plain `str` finds its case too."""
