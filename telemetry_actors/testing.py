"""For tests of a host: a running gateway whose signals can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from supervisors import Clock, Runtime
from telemetry_actors._registry import register_case, unregister_case
from telemetry_actors.definition import CaseDefinition
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.recording import RecordingSink

__all__ = ["RecordingSink", "registered_case", "running_gateway"]


@contextmanager
def registered_case(definition: CaseDefinition[Any]) -> Iterator[CaseDefinition[Any]]:
    """`register_case` for the duration of the block: gateways made in it know the case.

    Args:
        definition: of the case.

    Raises:
        CaseError: it can't be registered.
    """
    register_case(definition)
    try:
        yield definition
    finally:
        unregister_case(definition.case)


@contextmanager
def running_gateway(
    *, clock: Clock | None = None, runtime: Runtime | None = None, **settings: Any
) -> Iterator[tuple[TelemetryGateway, RecordingSink]]:
    """A started gateway, all flags on, with a `RecordingSink`; stopped at the end of the block.

    Call ``gateway.flush()`` before looking at the recording.

    Args:
        clock: the machine's by default.
        runtime: the gateway's own by default.
        settings: fields of `TelemetrySettings` by name; they win over the environment.
    """
    recording = RecordingSink()
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(**settings), sinks=[recording], clock=clock, runtime=runtime
    )
    with gateway:
        yield gateway, recording
