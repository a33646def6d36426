"""What follows when a part parks or comes back: the doors of its cases close or open; it is said.

Stands beside `life/life.py`, whose parkings and doors these are. Control thread. What the part still
holds ends as ``parked``. That it is back is said once an event of its has been exported (that
thread): its children are up after each probe, and may crash at the first event as before. So a
part that can't work makes one line a minute, whatever its probes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from telemetry_actors.base.log import error, warn
from telemetry_actors.base.outage import duration
from telemetry_actors.batch.crashes import cause_below
from telemetry_actors.books.ledger import Reason
from telemetry_actors.life.burial import bury
from telemetry_actors.observe.counts import counted_as_parked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supervisors import LifecycleEvent
    from telemetry_actors.event.envelope import Item
    from telemetry_actors.life.life import Life

__all__ = ["on_lifecycle", "say_who_is_back"]

_THEN: Final = "its events are refused, and it tries again by itself"


def on_lifecycle(life: Life, event: LifecycleEvent) -> None:
    """Take one event of the tree of *life*."""
    path, now_ns = event.path, life.clock.now_ns()
    if event.kind == "parked":
        cause, parkings = cause_below(life.slots, path), life.parkings
        counts = counted_as_parked(life, path)
        is_news = parkings.park(path, now_ns, *counts, cause)
        if is_news or path not in parkings.told:
            why = f"{event.detail}; last cause: {cause}" if cause else event.detail
            who = path or "the tree"
            if error("%s is parked: %s; %s", who, why, _THEN, of=path, at_once=1):
                parkings.told.setdefault(path, (now_ns, *counts))
        _close_doors(life)
        _end_parked(life, path)
    elif event.kind == "unparked":
        life.parkings.come_back(path, now_ns, counted_as_parked(life, path)[0])
        _close_doors(life)


def say_who_is_back(life: Life, exported: Sequence[Item]) -> None:
    """These events have been exported: what had parked, and is theirs, works. Any thread."""
    parkings = life.parkings
    for path, (since_ns, *before) in list(parkings.told.items()):
        rows = life.rows_below(path)
        if path in parkings or all(ticket.case_index not in rows for ticket, _ in exported):
            continue
        refused, dropped = map(int.__sub__, counted_as_parked(life, path), before)
        lasted = duration((life.clock.now_ns() - since_ns) / 1e9)
        words = "%s is back after %s; %d events were refused and %d dropped meanwhile (parked)"
        who = path or "the tree"
        if warn(words, who, lasted, refused, dropped, of=path, at_once=1):
            parkings.told.pop(path, None)


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
