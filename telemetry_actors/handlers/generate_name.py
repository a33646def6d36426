"""GENERATE_NAME: a conversation was given a name. A log and a counter."""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.signals import Signals
from telemetry_actors.handlers._columns import METRIC_ONLY, Column, Columns
from telemetry_actors.handlers._content import text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Timestamp
from telemetry_actors.handlers._operations import (
    NODE,
    WHOSE,
    OperationFields,
    operation_ids,
    operation_row,
    request,
    request_metric,
    status,
)
from telemetry_actors.handlers._timestamps import duration_s

_TYPE: Final = "generate_name"
_LOG: Final = Columns(
    "dify.generate_name.execution",
    METRIC_ONLY,
    *WHOSE,
    Column("dify.message.id", "message_id"),
    Column("dify.conversation.id", "conversation_id"),
    NODE,
    Column("dify.generate_name.duration", duration_s),
    Column("dify.generate_name.status", status),
    Column("dify.generate_name.error", "error", empty=None),
    Column("dify.generate_name.inputs", "inputs", content=True),
    Column(
        "dify.generate_name.outputs",
        text_list_or_map("outputs"),
        content=True,
    ),
    reference="conversation_id",
)


@with_config(PAYLOAD)
class GenerateNamePayload(OperationFields, total=False):
    """The payload: docs/data-dictionary.md, "generate_name".

    Nothing is required: an empty one is one.
    """

    conversation_id: str | None
    start_time: Timestamp | None
    end_time: Timestamp | None
    inputs: object
    outputs: object


def _map(facts: EventFacts, naming: GenerateNamePayload, settings: MappingSettings) -> Signals:
    row = operation_row(facts, naming)
    log = _LOG.record(facts, row, settings, operation_ids(row))
    return Signals((log,), (), (request(row, _TYPE),))


DEFINITION: Final = CaseDefinition(
    TelemetryCase.GENERATE_NAME,
    GenerateNamePayload,
    _map,
    _LOG.emits(request_metric(_TYPE)),
)
