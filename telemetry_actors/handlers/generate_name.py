"""GENERATE_NAME: a conversation was given a name. A log and a counter."""

from __future__ import annotations

from typing import Final

from pydantic import with_config

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits
from telemetry_actors.event.signals import AttributeValue, Signals
from telemetry_actors.handlers._content import contents, reference, text_list_or_map
from telemetry_actors.handlers._fields import PAYLOAD, Timestamp
from telemetry_actors.handlers._operations import (
    COMMON_KEYS,
    OperationFields,
    common,
    operation_ids,
    request,
    request_metric,
    status_of,
)
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type
from telemetry_actors.handlers._timestamps import between_s

_TYPE: Final = "generate_name"
_LOG: Final = log_type(
    "dify.generate_name.execution",
    METRIC_ONLY,
    *COMMON_KEYS,
    "dify.message.id",
    "dify.conversation.id",
    "dify.node.execution_id",
    "dify.generate_name.duration",
    "dify.generate_name.status",
    "dify.generate_name.error",
    gated=("dify.generate_name.inputs", "dify.generate_name.outputs"),
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
    whose = common(facts, naming)
    values = (*whose.values, *_values(naming), *_contents(naming, settings))
    log = log_record(facts, _LOG, values, operation_ids(naming))
    return Signals((log,), (), (request(whose, _TYPE),))


def _values(naming: GenerateNamePayload) -> tuple[AttributeValue, ...]:
    error = naming.get("error")
    return (
        naming.get("message_id"),
        naming.get("conversation_id"),
        naming.get("node_execution_id") or None,
        between_s(naming.get("start_time"), naming.get("end_time")),
        status_of(error),
        error or None,
    )


def _contents(naming: GenerateNamePayload, settings: MappingSettings) -> tuple[str | None, ...]:
    outputs = text_list_or_map(naming.get("outputs"))
    return contents(settings, reference(_LOG, naming), naming.get("inputs"), outputs)


DEFINITION: Final = CaseDefinition(
    TelemetryCase.GENERATE_NAME,
    GenerateNamePayload,
    _map,
    Emits(_LOG, metrics=(request_metric(_TYPE),)),
)
