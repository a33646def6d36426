"""Flush and stop: waiting for the right moment, and for no longer than allowed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from supervisors import Exit
from supervisors._clock import new_token, release
from telemetry_actors._burial import bury, bury_calls, unspared
from telemetry_actors._keeping import close_journal, put_away
from telemetry_actors._life import Life
from telemetry_actors._say import warn
from telemetry_actors.ledger import Reason
from telemetry_actors.sinks._metrics_actor import Collect
from telemetry_actors.status import StopReport

__all__ = ["end_unbuilt", "flush_life", "stop_life"]

_FIRST_LOOK_S, _LAST_LOOK_S = 0.002, 0.05
_METRICS_SHARE = 0.25
_TREE_SHARE_S = 0.3
_WORTH_BUILDING_S = 0.5
"""A stop with less time than this does not build a tree to drain into."""
_LAST_METRICS_S = 2.0
"""At the end a metric sink that does not answer is not worth a longer wait than this."""


def flush_life(life: Life, timeout_s: float) -> bool:
    """See `TelemetryGateway.flush`."""
    until_s = life.clock.now_s() + timeout_s
    if life.root is None:
        if life.state == "new" and not life.mailbox.user:
            return True
        life.build()  # or wait for whoever is building
    before = next(life.intake.serials)
    with _Hurry(life):
        if not _wait(life, until_s, lambda: not _holds_older_than(life, before)):
            return False
        return _collect(life, until_s)


def _holds_older_than(life: Life, serial: int) -> bool:
    return any(item[0].serial < serial for _, item in life.held())


class _Hurry:
    """Cuts lingers short for the duration of a block."""

    def __init__(self, life: Life) -> None:
        self._mailboxes = [holder.mailbox for holder in life.holders()]

    def __enter__(self) -> None:
        for mailbox in self._mailboxes:
            mailbox.hurry(True)

    def __exit__(self, *_error: object) -> None:
        for mailbox in self._mailboxes:
            mailbox.hurry(False)


def _wait(life: Life, until_s: float, done: Callable[[], bool]) -> bool:
    """Look now, and again after bookings, at growing intervals; False when time is up."""
    token = new_token()
    unwatch = life.books.watch(lambda: release(token))
    pause_s = _FIRST_LOOK_S
    try:
        while not done():
            left_s = until_s - life.clock.now_s()
            if left_s <= 0:
                return False
            life.clock.wait(token, min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _LAST_LOOK_S)
        return True
    finally:
        unwatch()


def _collect(life: Life, until_s: float) -> bool:
    """One collection of each metric sink, tried again until it is accepted or time is up."""
    assert life.tree is not None
    return all(_collect_at(life, path, until_s) for path in life.tree.metrics)


def _collect_at(life: Life, path: tuple[str, ...], until_s: float) -> bool:
    ref = life.slots[path].ref
    pause_s = 0.05
    while True:
        token = new_token()
        answers: list[bool] = []

        def done(accepted: bool, answers: Any = answers, token: Any = token) -> None:
            answers.append(accepted)
            release(token)

        ref.tell(Collect(done))
        life.clock.wait(token, max(0.0, until_s - life.clock.now_s()))
        if answers == [True]:
            return True
        if life.clock.now_s() + pause_s >= until_s:
            return False
        life.clock.wait(new_token(), pause_s)
        pause_s = min(pause_s * 2, 1.0)


def stop_life(life: Life, timeout_s: float) -> StopReport:
    """See `TelemetryGateway.stop`. Runs once."""
    began_s = life.clock.now_s()
    until_s = began_s + timeout_s
    life.intake.closed = True
    drained = metrics = True
    if life.root is None and life.mailbox.user and timeout_s >= _WORTH_BUILDING_S:
        with suppress(Exception):  # what can't be delivered then is counted below
            life.build()  # the first event is still waiting for its tree
    with life.building:  # whoever builds at this moment is done first; nobody begins after this
        built = life.root is not None
        life.state = "stopping"
    if built:
        drained, metrics = _drain(life, began_s, until_s)
        life.slots = dict(life.slots)  # the tree forgets them as it ends
    left = _stop_tree(life, until_s)
    before = _counts(life)
    put_away(life, metrics_exported=built and metrics)
    for holder in life.holders():
        bury(life, holder, Reason.SHUTDOWN)
    end_unbuilt(life, Reason.SHUTDOWN)
    bury_calls(life)
    kept = close_journal(life)
    for sink in life.sinks:
        sink.close()
    life.state = "stopped"
    after = _counts(life)
    report = StopReport(
        drained=drained,
        metrics_exported=metrics,
        shutdown=after[0] - before[0],
        unconfirmed=after[1] - before[1],
        kept=kept,
        seconds=life.clock.now_s() - began_s,
        threads_left=left,
    )
    if report.shutdown or report.unconfirmed:
        warn("stopped with losses: %s", report)
    return report


def _drain(life: Life, began_s: float, until_s: float) -> tuple[bool, bool]:
    tree_share_s = min(_TREE_SHARE_S, (until_s - began_s) / 4)
    end_s = until_s - tree_share_s
    life.budget.begin(end_s)
    with _Hurry(life):
        share_s = (end_s - began_s) * _METRICS_SHARE
        drained = _wait(life, end_s - share_s, lambda: _is_empty(life))
        metrics = _collect(life, min(end_s, life.clock.now_s() + _LAST_METRICS_S))
        if not drained:
            drained = _wait(life, end_s, lambda: _is_empty(life))
    return drained, metrics


def _is_empty(life: Life) -> bool:
    """What is being replayed can as well wait on disk."""
    return next(life.held(replays=False), None) is None


def _stop_tree(life: Life, until_s: float) -> int:
    if life.root is None:
        return 0
    life.root.stop(max(0.05, until_s - life.clock.now_s()))
    left = [s.current for s in life.slots.values() if s.current and not s.current.finished]
    for incarnation in left:
        incarnation.lose(Exit.killed())
    return sum(incarnation.slot.spec.type == "worker" for incarnation in left)


def _counts(life: Life) -> tuple[int, int]:
    with life.books.lock:
        return (
            sum(c[Reason.SHUTDOWN] for c in life.books.dropped),
            sum(c[Reason.UNCONFIRMED] for c in life.books.dropped),
        )


def end_unbuilt(life: Life, reason: Reason = Reason.PARKED) -> None:
    """End what waits at the door of a tree that is not there."""
    from telemetry_actors._books import Drop, Ending

    drop = Drop(reason, "gateway")
    items = unspared(life, life.mailbox, reason)
    if items:
        life.books.end([Ending(item, drop) for item in items])
