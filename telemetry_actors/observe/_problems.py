"""What is wrong with a gateway, in sentences: `Status.problems`.

Each says what it is, since when or how often, why, and what to do. No message of an exception is in
one, nor anything of a payload. Any thread; asks no actor.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.meanings import what_to_do
from telemetry_actors.observe._models import ParkingStatus
from telemetry_actors.redaction.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetry_actors.books.books import Books
    from telemetry_actors.observe.sources import Sources


def problems(
    of: Sources, parkings: Sequence[ParkingStatus], providers: Mapping[str, int]
) -> list[str]:
    found = [
        f"sink {sink}/{kind} fails: {health.last_failure}"
        for (sink, kind), health in of.health.items()
        if not health.healthy
    ]
    dedup = of.dedup.health()
    if not dedup.healthy:
        found.append(f"dedup is this process's own: {dedup.store} fails: {dedup.last_failure}")
    if of.payloads is not None and not of.payloads.healthy:
        found.append(f"the payload store fails: {of.payloads.last_failure}")
    if of.journal is not None:
        found += of.journal.problems()
    if of.door.intake.out_of_memory:
        found.append(
            f"memory ran out in emit(): {of.door.intake.out_of_memory} events refused as invalid"
        )
    if of.runtime is not None and not of.sinks:
        found.append("no sink: events end as dropped (no_sink)")
    if of.letters is not None and (problem := of.letters.state().problem):
        found.append(f"dead letters can't be written: {problem}")
    found += [
        f"{name} has {sets} label sets: "
        + (f"{over} values of others are in otel.metric.overflow" if over else "")
        + (f"{left_out} values of others are left out (a gauge)" if left_out else "")
        for name, sets, over, left_out in (of.recorder.instruments() if of.recorder else ())
        if over or left_out
    ]
    found += [_of_a_parking(parking) for parking in parkings if parking.parked]
    found += _of_drops(of.door.books, has_sink=bool(of.sinks))
    if raised := providers.get("raised", 0):
        found.append(f"{raised} calls of trace managers or providers raised: the log says where")
    return [without_secrets(problem) for problem in found]


def _of_a_parking(parking: ParkingStatus) -> str:
    since = datetime.fromtimestamp(parking.since // 1_000_000_000, UTC).isoformat()
    cause = f", last cause: {parking.cause}" if parking.cause else ""
    return (
        f"{parking.part} is parked since {since}{cause}; meanwhile {parking.refused} events were"
        f" refused and {parking.dropped} dropped (parked). It tries again by itself; mend what"
        " crashes there"
    )


def _of_drops(books: Books, *, has_sink: bool) -> list[str]:
    """One sentence for each reason, the most frequent first."""
    total: Counter[str] = Counter()
    for dropped in books.snapshot().dropped:
        total.update(dropped)
    return [
        f"{n} events dropped ({reason})" + (words and f": {words}")
        for reason, n in total.most_common()
        if n and (has_sink or reason != Reason.NO_SINK)  # else it is said already
        for words in [what_to_do(reason)]
    ]
