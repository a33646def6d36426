"""What follows when a part parks or comes back: the doors of its cases close or open; it is said.

Control thread. What the part still holds ends as ``parked``. That it is back is said once an event
of its has been exported (that thread): its children are up after each probe, and may crash at the
first event as before. So a part that can't work makes one line a minute, whatever its probes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from telemetry_actors.base.log import error, warn
from telemetry_actors.base.outage import duration
from telemetry_actors.batch.crashes import cause_below
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.parkings import counted_as_parked
from telemetry_actors.life.ending import end_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supervisors import LifecycleEvent
    from telemetry_actors.event.envelope import Item
    from telemetry_actors.life.life import Life

_THEN: Final = "its events are refused, and it tries again by itself"


def on_lifecycle(life: Life, event: LifecycleEvent) -> None:
    """Take one event of the tree of *life*."""
    path, now_ns, parkings = event.path, life.clock.now_ns(), life.parkings
    if event.kind == "parked":
        cause, counts = cause_below(life.places.slots, path), _counted(life, path)
        is_news = parkings.park(path, now_ns, *counts, cause)
        if is_news or path not in parkings.told:
            why = f"{event.detail}; last cause: {cause}" if cause else event.detail
            who = path or "the tree"
            if error("%s is parked: %s; %s", who, why, _THEN, of=path, at_once=1):
                parkings.told.setdefault(path, (now_ns, *counts))
        life.door.refuse_parked(parkings.now())
        for place in life.places.below(path):
            end_held(life.places, life.books, place, Reason.PARKED)
    elif event.kind == "unparked":
        parkings.come_back(path, now_ns, _counted(life, path)[0])
        life.door.refuse_parked(parkings.now())


def say_who_is_back(life: Life, exported: Sequence[Item]) -> None:
    """These events have been exported: what had parked, and is theirs, works. Any thread."""
    parkings = life.parkings
    for path, (since_ns, *before) in list(parkings.told.items()):
        rows = life.door.rows_below(path)
        if path in parkings or all(ticket.case_index not in rows for ticket, _ in exported):
            continue
        refused, dropped = map(int.__sub__, _counted(life, path), before)
        lasted = duration((life.clock.now_ns() - since_ns) / 1e9)
        words = "%s is back after %s; %d events were refused and %d dropped meanwhile (parked)"
        who = path or "the tree"
        if warn(words, who, lasted, refused, dropped, of=path, at_once=1):
            parkings.told.pop(path, None)


def _counted(life: Life, path: str) -> tuple[int, int]:
    return counted_as_parked(life.books, life.door.intake.shards, life.door.rows_below(path))
