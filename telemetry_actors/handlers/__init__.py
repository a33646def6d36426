"""What becomes of each case: one file per case, found by `DEFINITIONS`.

Sixth step of an event's way: ``rehydrator -> [handler of its case] -> sinks``. A case
is a payload model and a pure mapping (`CaseDefinition`); adding one is one file and one
line here. A case that isn't here yet ends as ``no_handler``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telemetry_actors.cases import TelemetryCase
from telemetry_actors.handlers import app_created, message_run, node_execution, workflow_run
from telemetry_actors.handlers._definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.handlers._instruments import INSTRUMENTS
from telemetry_actors.handlers.rehydration import rehydration_failed

__all__ = [
    "DEFINITIONS",
    "INSTRUMENTS",
    "CaseDefinition",
    "EventFacts",
    "MappingSettings",
    "rehydration_failed",
]

_BUILT: Final[tuple[CaseDefinition[Any], ...]] = (
    workflow_run.DEFINITION,
    node_execution.DEFINITION,
    message_run.DEFINITION,
    app_created.DEFINITION,
)

DEFINITIONS: Final[Mapping[TelemetryCase, CaseDefinition[Any]]] = MappingProxyType(
    {definition.case: definition for definition in _BUILT}
)
"""The cases that are built. Read-only; a plain `str` finds its case too."""
