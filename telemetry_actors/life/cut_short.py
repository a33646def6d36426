"""What a stop cuts short, for the last line: where calls of a user's stand, and what had no answer.

Beside `life/stopping.py`, on its thread; read by whoever says that line. A request that our own
stop ends is no fault of its sink's: unless that failed before, it was the time that was too short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisors.run.reports import places_of_thread
from telemetry_actors.batch.crashes import where_users
from telemetry_actors.sinks.health import causes_of

if TYPE_CHECKING:
    from telemetry_actors.life.life import Life


def cut_short(life: Life) -> None:
    """From now on what fails is the stop's doing. Notes down where calls of a user's stand."""
    found = []
    runtime = life.running.runtime
    metrics = () if life.running.tree is None else life.running.tree.metrics
    for path in (*(place.path for place in life.places), *metrics):
        slot = life.places.slots.get(path)
        actor = None if slot is None else slot.current
        if slot is None or actor is None or runtime is None:
            continue
        places = places_of_thread(runtime.dispatcher_of(slot).thread_of(actor))
        where = where_users(places)
        if where:
            found.append(f"{slot.name} hangs at {where}")
    life.outlets.cut_at = tuple(dict.fromkeys(found))


def take_unbuilt(life: Life) -> int:
    """How many events have ended as parked since there is no tree, for one line: each once."""
    taken, life.phase.unbuilt = life.phase.unbuilt, 0
    return taken


def last_cause(life: Life) -> str:
    """Why events are lost, for one line; "" = nobody knows."""
    why = life.phase.why_not_up
    if life.running.root is None and why:
        return f"the tree couldn't be started: {why}"
    causes = [causes_of(life.outlets.health.values()), *(life.outlets.cut_at or ())]
    if life.outlets.cut_at is None or any(causes):
        return "; ".join(filter(None, causes))
    places = ", ".join(
        dict.fromkeys(
            f"{sink} at {one.endpoint.name}" if one.endpoint.name != sink else sink
            for (sink, _), one in life.outlets.health.items()
        )
    )
    return f"the stop's time was too short for them: sink {places}" if places else ""
