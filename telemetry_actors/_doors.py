"""What follows when a part parks or comes back: the doors of its cases close or open; it is said.

Stands beside `_life.py`, whose parkings and doors these are. Control thread; one line for each
change, and none for a probe that failed. What the part still holds ends as ``parked``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry_actors._burial import bury
from telemetry_actors._counts import counted_as_parked
from telemetry_actors._crashes import cause_below
from telemetry_actors._outages import duration
from telemetry_actors._say import error, warn
from telemetry_actors.ledger import Reason

if TYPE_CHECKING:
    from supervisors import LifecycleEvent
    from telemetry_actors._life import Life

__all__ = ["on_lifecycle"]


def on_lifecycle(life: Life, event: LifecycleEvent) -> None:
    """Take one event of the tree of *life*."""
    path, now_ns = event.path, life.clock.now_ns()
    if event.kind == "parked":
        cause = cause_below(life.slots, path)
        if life.parkings.park(path, now_ns, *counted_as_parked(life, path), cause):
            why = f"{event.detail}; last cause: {cause}" if cause else event.detail
            then = "its events are refused, and it tries again by itself"
            error("%s is parked: %s; %s", path or "the tree", why, then, of=path)
        _close_doors(life)
        _end_parked(life, path)
    elif event.kind == "unparked":
        _say_it_is_back(life, path, now_ns)
        _close_doors(life)


def _say_it_is_back(life: Life, path: str, now_ns: int) -> None:
    parking, (refused, dropped) = life.parkings.by_path.get(path), counted_as_parked(life, path)
    refused = life.parkings.come_back(path, now_ns, refused)
    if parking is not None:
        words = "%s is back after %s; %d events were refused and %d dropped meanwhile (parked)"
        lasted, dropped = (now_ns - parking.since_ns) / 1e9, dropped - parking.dropped_before
        warn(words, path or "the tree", duration(lasted), refused, dropped, of=path)


def _close_doors(life: Life) -> None:
    if life.tree_parked():
        life.intake.parked = frozenset(range(len(life.cases)))
        return
    parked = {path.removeprefix("handlers/") for path in life.parkings.now()}
    life.intake.parked = frozenset(i for i, c in enumerate(life.cases) if c in parked)


def _end_parked(life: Life, path: str) -> None:
    below = ("root", *path.split("/")) if path else ("root",)
    for holder in life.tree.holders if life.tree else ():
        if holder.path[: len(below)] == below:
            bury(life, holder, Reason.PARKED)
