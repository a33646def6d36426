"""MetricSinkActor: sends the cumulative aggregates, every interval and when asked to.

Points are cumulative, so a collection that fails is not kept: the next one says all it said.
One that stands behind an open circuit breaker isn't sent, and the next comes when it is time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supervisors import TICK, Clock, SupervisedActor
from telemetry_actors.inside import inside_the_tree
from telemetry_actors.ports import ExportResult, MetricRecorder, Sink, Verdict
from telemetry_actors.signals import SignalKind
from telemetry_actors.sinks._breaker import Breaker
from telemetry_actors.sinks._retry import StopBudget

__all__ = ["Collect", "MetricSinkActor"]


class Collect:
    """Ask for one collection and export now; *done* gets True if it was accepted.

    *done* is called on the sink's thread and must not wait.
    """

    def __init__(self, done: Callable[[bool], None]) -> None:
        self.done = done


class MetricSinkActor(SupervisedActor):
    """The metrics of one sink. Has a thread of its own."""

    def __init__(
        self,
        sink: Sink,
        *,
        recorder: MetricRecorder,
        breaker: Breaker,
        clock: Clock,
        interval_s: float,
        attempt_timeout_s: float,
        budget: StopBudget,
        note: Callable[[str, SignalKind, ExportResult], None],
    ) -> None:
        super().__init__()
        self._sink = sink
        self._recorder = recorder
        self._breaker = breaker
        self._clock = clock
        self._interval_s = interval_s
        self._attempt_timeout_s = attempt_timeout_s
        self._budget = budget
        self._note = note

    def on_start(self) -> None:
        """Begin the first interval."""
        self.wake_in(self._interval_s)

    def on_receive(self, message: Any) -> None:
        """An interval is over, or somebody asks."""
        with inside_the_tree():
            if message is TICK:
                self.wake_in(self._interval_s)
                self._export()
            elif isinstance(message, Collect):
                message.done(self._export())

    def _wait(self, seconds: float | None) -> bool:
        """Be there when the breaker lets one go; False: it is closed."""
        if seconds is not None:
            self.wake_in(min(seconds, self._interval_s))
        return seconds is not None

    def _export(self) -> bool:
        points = self._recorder.collect()
        if not points:
            return True
        now_s, hurry = self._clock.now_s(), self._budget.begun
        if self._wait(self._breaker.ask(now_s, SignalKind.METRICS, hurry=hurry)):
            return False
        timeout_s = self._budget.limit(self._attempt_timeout_s)
        result = self._sink.export_metrics(points, timeout_s)
        self.check_revoked()
        self._note(self._sink.name, SignalKind.METRICS, result)
        now_s, failed = self._clock.now_s(), result.verdict is Verdict.RETRY
        self._breaker.told(
            now_s, SignalKind.METRICS, failed=failed, retry_after_s=result.retry_after_s
        )
        self._wait(self._breaker.wait_s(now_s))
        return result.verdict is Verdict.ACCEPTED and not result.rejected
