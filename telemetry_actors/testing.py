"""For tests of a host: a running gateway whose signals can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from supervisors import Clock, Runtime
from telemetry_actors._process import replace_gateway
from telemetry_actors.door.registry import register_case, unregister_case
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.signals import LogSignal, SpanSignal
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.ports import MetricPoint
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.recording import RecordingSink

__all__ = ["RecordingSink", "Telemetry", "registered_case", "running_gateway", "use_gateway"]

_SETTLED_WITHIN_S = 10.0


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


@contextmanager
def use_gateway(gateway: TelemetryGateway) -> Iterator[TelemetryGateway]:
    """Module-level `emit` and `get_gateway` mean *gateway* for the duration of the block.

    In the whole process, so for one test at a time. It is neither started nor stopped here.
    """
    before = replace_gateway(gateway)
    try:
        yield gateway
    finally:
        replace_gateway(before)


class Telemetry:
    """What the code under test has emitted, as the receiver would have it. The fixture's.

    Looking waits until all that was emitted before has its outcome.

    Args:
        gateway: that module-level `emit` uses.
        recording: its sink.
    """

    def __init__(self, gateway: TelemetryGateway, recording: RecordingSink) -> None:
        self.gateway = gateway
        self._recording = recording

    @property
    def logs(self) -> list[LogSignal]:
        """Log records, in order."""
        return self._settled().logs

    @property
    def spans(self) -> list[SpanSignal]:
        """Spans, in order."""
        return self._settled().spans

    def metrics(self) -> list[MetricPoint]:
        """Sums and histograms of all measurements so far."""
        return self._settled().metrics()

    def clear(self) -> None:
        """Forget the records so far."""
        self._settled().clear()

    def _settled(self) -> RecordingSink:
        if not self.gateway.flush(_SETTLED_WITHIN_S):
            raise TimeoutError(f"not settled in {_SETTLED_WITHIN_S:g} s: {self.gateway.ledger()}")
        return self._recording
