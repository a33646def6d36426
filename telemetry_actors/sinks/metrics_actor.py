"""MetricSinkActor: sends the cumulative aggregates, every interval and when asked to.

Points are cumulative, so a collection that fails is not kept: the next one says all it said.
One that stands behind an open circuit breaker isn't sent, and the next comes when it is time.
A request that is refused for what is in it (400, 413) is halved down to the culprits, as records
are: one label that a receiver can't take must not cost all the others their points (g12).

The gateway's metrics about itself travel along. They are read off the books at that moment and
are no events, so nothing that they say makes more of them (g03); and they are nobody's
reason to wait: an answer to `Collect` is about the metrics of the host's events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from supervisors import TICK, Clock, SupervisedActor
from telemetry_actors.base.breaker import Breaker
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.base.log import warn
from telemetry_actors.base.timing import Timing
from telemetry_actors.base.unseen import unseen
from telemetry_actors.batch.crashes import in_short
from telemetry_actors.event.own_metrics import is_own
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import (
    ExportResult,
    MetricPoint,
    MetricRecorder,
    OwnMetrics,
    Sink,
    Verdict,
)
from telemetry_actors.sinks._answer_of import answer_of
from telemetry_actors.sinks.retry import StopBudget

_LEAST_S = 0.001


class Collected(Enum):
    """What became of one collection."""

    ACCEPTED = auto()
    """All of it (or there was nothing)."""
    NOT_NOW = auto()
    """It may be accepted when it is tried again."""
    REFUSED = auto()
    """All or part of it, by an answer that trying again seldom changes."""


class Collect:
    """Ask for one collection and export now; *done* is told what became of it.

    *done* is called on the sink's thread and must not wait.
    """

    def __init__(self, done: Callable[[Collected], None]) -> None:
        self.done = done


_OWN_ALONE_S = 1.0
"""Longest attempt for our own metrics alone when somebody asks: it may be a stop that waits."""


class MetricSinkActor(SupervisedActor):
    """The metrics of one sink. Has a thread of its own.

    Args:
        recorder: the metrics of the host's events.
        breaker: of the endpoint; it outlives this actor, and others share it.
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
        max_retry_after_s: float,
        budget: StopBudget,
        note: Callable[[str, SignalKind, ExportResult, float, int], None],
        note_export: Callable[[str, SignalKind, ExportResult, float], None],
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
        self._max_retry_after_s = max_retry_after_s
        self._not_before_s = clock.now_s()
        """The receiver has asked to be left alone until then."""
        self._budget = budget
        self._note = note
        self._note_export = note_export

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
        asked.done(Collected.ACCEPTED)
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
                warn("the gateway's own metrics can't be read: %s", in_short(error))
            self._own_failed = True
            return []

    def _export(self, points: list[MetricPoint], timeout_s: float) -> Collected:
        if not points:
            return Collected.ACCEPTED
        now_s, hurry = self._clock.now_s(), self._budget.begun
        if self._wait(self._budget.wait_s()):
            return Collected.NOT_NOW
        asked_s = self._not_before_s - now_s
        if not hurry and self._wait(asked_s if asked_s > 0 else None):
            return Collected.NOT_NOW
        if self._wait(self._breaker.ask(now_s, SignalKind.METRICS, hurry=hurry)):
            return Collected.NOT_NOW
        until_s = now_s + self._budget.limit(timeout_s)
        with unseen():
            result = self._send(points, until_s)
        self.check_revoked()
        took_s = self._clock.now_s() - now_s
        self._note(self._sink.name, SignalKind.METRICS, result, took_s, len(points))
        self._note_export(self._sink.name, SignalKind.METRICS, result, took_s)
        now_s, failed = self._clock.now_s(), result.verdict is Verdict.RETRY
        self._breaker.told(
            now_s, SignalKind.METRICS, failed=failed, retry_after_s=result.retry_after_s
        )
        self._not_before_s = now_s + min(result.retry_after_s or 0.0, self._max_retry_after_s)
        self._wait(self._breaker.wait_s(now_s))
        if result.verdict is Verdict.ACCEPTED:
            return Collected.REFUSED if result.rejected else Collected.ACCEPTED
        return Collected.NOT_NOW if failed else Collected.REFUSED

    def _send(self, points: Sequence[MetricPoint], until_s: float) -> ExportResult:
        """All of *points*, halved where the receiver can't take one of them.

        Returns:
            The one answer; of several, ``accepted`` with the number of points that were refused,
            unless one of them says to come again.
        """
        left_s = max(_LEAST_S, until_s - self._clock.now_s())
        answer = self._sink.export_metrics(points, left_s)
        result = answer_of(self._sink, self._sink.export_metrics, answer)
        if result.verdict is not Verdict.SPLIT or len(points) == 1:
            return result
        if self._clock.now_s() >= until_s:
            return result  # the next collection goes on with it
        half = len(points) // 2
        one, other = self._send(points[:half], until_s), self._send(points[half:], until_s)
        return _joined((one, half), (other, len(points) - half))


def _joined(*parts: tuple[ExportResult, int]) -> ExportResult:
    """One answer for parts of one collection: each with its number of points."""
    again = next((result for result, _ in parts if result.verdict is Verdict.RETRY), None)
    if again is not None:
        return again
    refused = [
        (result, result.rejected if result.verdict is Verdict.ACCEPTED else points)
        for result, points in parts
    ]
    message = next((result.message for result, count in refused if count), "")
    rejected = sum(count for _, count in refused)
    if rejected == sum(points for _, points in parts):
        return parts[0][0]._replace(verdict=Verdict.SPLIT, rejected=0, message=message)
    return ExportResult(Verdict.ACCEPTED, rejected=rejected, message=message)
