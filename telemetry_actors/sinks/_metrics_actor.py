"""MetricSinkActor: sends the cumulative aggregates, every interval and when asked to.

Points are cumulative, so a collection that fails is not kept: the next one says all it said.
One that stands behind an open circuit breaker isn't sent, and the next comes when it is time.

The gateway's metrics about itself travel along. They are read off the books at that moment and
are no events, so nothing that they say makes more of them (g03); and they are nobody's
reason to wait: an answer to `Collect` is about the metrics of the host's events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supervisors import TICK, Clock, SupervisedActor
from telemetry_actors._say import warn
from telemetry_actors._self_metrics import is_own
from telemetry_actors._timing import Timing
from telemetry_actors.inside import inside_the_tree
from telemetry_actors.ports import (
    ExportResult,
    MetricPoint,
    MetricRecorder,
    OwnMetrics,
    Sink,
    Verdict,
)
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


_OWN_ALONE_S = 1.0
"""Longest attempt for our own metrics alone when somebody asks: it may be a stop that waits."""


class MetricSinkActor(SupervisedActor):
    """The metrics of one sink. Has a thread of its own.

    Args:
        sink: who sends.
        recorder: the metrics of the host's events.
        own: those about the gateway.
        timing: takes how long a collection took.
        breaker: of the endpoint; it outlives this actor, and others share it.
        clock: the tree's clock.
        interval_s: seconds between two exports.
        attempt_timeout_s: seconds for one export.
        budget: what is left of the time to stop in, once the tree is stopping.
        note: told of each answer: sink, kind, answer, seconds, points.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        recorder: MetricRecorder,
        own: OwnMetrics,
        timing: Timing,
        breaker: Breaker,
        clock: Clock,
        interval_s: float,
        attempt_timeout_s: float,
        budget: StopBudget,
        note: Callable[[str, SignalKind, ExportResult, float, int], None],
    ) -> None:
        super().__init__()
        self._sink = sink
        self._recorder = recorder
        self._own = own
        self._own_failed = False
        self._timing = timing
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
                self._export(self._collected(), self._attempt_timeout_s)
            elif isinstance(message, Collect):
                self._collect(message)

    def _wait(self, seconds: float | None) -> bool:
        """Be there when the breaker lets one go; False: it is closed."""
        if seconds is not None:
            self.wake_in(min(seconds, self._interval_s))
        return seconds is not None

    def _collect(self, asked: Collect) -> None:
        points = self._collected()
        if any(not is_own(point.instrument.name) for point in points):
            asked.done(self._export(points, self._attempt_timeout_s))
            return
        asked.done(True)
        if self._own.has_news():
            self._export(points, min(_OWN_ALONE_S, self._attempt_timeout_s))

    def _collected(self) -> list[MetricPoint]:
        """The host's first: should a request be too large, ours are in the later one."""
        began_s = self._clock.now_s()
        points = [*self._recorder.collect(), *self._ours()]
        self._timing.add(self._clock.now_s() - began_s)
        return points

    def _ours(self) -> list[MetricPoint]:
        """A fault in them is said once, and costs nobody else's."""
        try:
            return self._own.collect()
        except Exception as error:  # noqa: BLE001 -- see above
            if not self._own_failed:
                warn("the gateway's own metrics can't be read: %s: %s", type(error).__name__, error)
            self._own_failed = True
            return []

    def _export(self, points: list[MetricPoint], timeout_s: float) -> bool:
        if not points:
            return True
        now_s, hurry = self._clock.now_s(), self._budget.begun
        if self._wait(self._breaker.ask(now_s, SignalKind.METRICS, hurry=hurry)):
            return False
        result = self._sink.export_metrics(points, self._budget.limit(timeout_s))
        self.check_revoked()
        took_s = self._clock.now_s() - now_s
        self._note(self._sink.name, SignalKind.METRICS, result, took_s, len(points))
        now_s, failed = self._clock.now_s(), result.verdict is Verdict.RETRY
        self._breaker.told(
            now_s, SignalKind.METRICS, failed=failed, retry_after_s=result.retry_after_s
        )
        self._wait(self._breaker.wait_s(now_s))
        return result.verdict is Verdict.ACCEPTED and not result.rejected
