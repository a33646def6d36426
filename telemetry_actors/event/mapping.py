"""What a case is to its handler, under the name that the handlers know it by.

`telemetry_actors.definition` has it: users define cases too, and need none of ours for it.
"""

from __future__ import annotations

from telemetry_actors.event.definition import (
    DEFAULT_JSON_LIMITS,
    CaseDefinition,
    EventFacts,
    JsonLimits,
    MappingSettings,
)

__all__ = ["DEFAULT_JSON_LIMITS", "CaseDefinition", "EventFacts", "JsonLimits", "MappingSettings"]
