"""What books and tree have counted, for the status: cheap to read, and nothing is asked for.

Beside `observe/reading.py`, which measures what is held for the ledger: here no holder is walked,
so a look costs the same with a full mailbox as with an empty one (a few milliseconds at
most). Any thread.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from supervisors import InFlight, Mailbox
from telemetry_actors.base.timing import TIMING_BOUNDS_S, Timing
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.parkings import counted_as_parked
from telemetry_actors.books.shards import ADMISSIONS, Shard
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.observe._models import (
    CaseStatus,
    MadeStatus,
    MailboxStatus,
    ParkingStatus,
    RequestStatus,
    TimingStatus,
    ValuesStatus,
)
from telemetry_actors.observe._samples import points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetry_actors.batch.places import Place
    from telemetry_actors.books.books import Books
    from telemetry_actors.books.snapshot import BooksSnapshot
    from telemetry_actors.door.door import Door
    from telemetry_actors.observe.sources import Sources
    from telemetry_actors.observe.status import Status
    from telemetry_actors.ports import MetricPoint
    from telemetry_actors.sinks.health import SinkHealth


class OwnPoints:
    """`ports.OwnMetrics` of one gateway.

    Args:
        look: takes one look at it, without dead letters.
        door: with the counts of what came.
    """

    def __init__(self, look: Callable[[], Status], door: Callable[[], Door]) -> None:
        self._look = look
        self._door = door

    def collect(self) -> list[MetricPoint]:
        """See `OwnMetrics`. Counts as of one instant or a little later."""
        if not self._door().settings.metrics.self_telemetry:
            return []
        return list(points(self._look()))

    def has_news(self) -> bool:
        """See `OwnMetrics`."""
        door = self._door()
        came = door.intake.shards.snapshot().emitted
        return any(came) or bool(door.books.snapshot().by_source())


def counted(of: Sources) -> dict[str, Any]:
    """Fields of `Status` by name: all that is but a count."""
    door, runtime = of.door, of.runtime
    booked, shard = door.books.snapshot(), door.intake.shards.snapshot()
    cases = [_case(booked, shard, i, name) for i, name in enumerate(door.cases)]
    unreadable: dict[str, dict[str, int]] = {}
    for (case, key), n in booked.unreadable.items():
        unreadable.setdefault(case, {})[key] = n
    return {
        "since": of.began_ns,
        "now": max(of.clock.now_ns(), of.began_ns),  # also where it was set back
        "cases": [case for case in cases if case.admissions],
        "made": MadeStatus(
            logs=booked.lines[SignalKind.LOGS].made,
            spans=booked.lines[SignalKind.SPANS].made,
            spans_sampled_out=booked.sampled_out,
            measurements=booked.measured[0],
        ),
        "values": ValuesStatus(unreadable=unreadable),
        "parkings": _parkings(of),
        "timings": {part: _timing(t) for part, t in door.books.timings.copy().items()},
        "providers": dict(provider_calls(booked, shard)),
        "dedup_ids": of.dedup.health().ids,
        "dead_letters_kept": booked.letters,
        "threads_abandoned": runtime.left_behind.in_all if runtime is not None else 0,
        "threads_stuck": runtime.abandoned if runtime is not None else 0,
    }


def came(booked: BooksSnapshot, shard: Shard, index: int) -> tuple[int, Counter[Admission]]:
    """How many events of a case were handed in, and what they were told."""
    width = len(ADMISSIONS)
    cells = shard.refused[index * width : (index + 1) * width]
    told = Counter(dict(zip(ADMISSIONS, cells, strict=True)))
    taken_in, turned_away = booked.other_ways(index)
    told.update(turned_away)
    told[Admission.ACCEPTED] += shard.accepted[index] + taken_in
    return shard.emitted[index] + taken_in + turned_away.total(), told


def provider_calls(booked: BooksSnapshot, shard: Shard) -> Counter[str]:
    """By result: counted at the door (trace managers; what it hands over by itself), and beyond."""
    calls = Counter(dict(zip(("given", "full"), shard.given, strict=True)))
    calls.update(booked.providers)
    return calls


def plain(counts: Mapping[Admission, int] | Mapping[str, int]) -> dict[str, int]:
    """By the words themselves."""
    return {str(word): n for word, n in counts.items()}


def _case(booked: BooksSnapshot, shard: Shard, index: int, name: str) -> CaseStatus:
    return CaseStatus(
        case=name,
        admissions=plain(+came(booked, shard, index)[1]),
        exported=booked.exported[index],
        duplicate=booked.duplicate[index],
        dropped=plain(booked.dropped[index]),
    )


def _parkings(of: Sources) -> list[ParkingStatus]:
    found = []
    for path, parking in of.parkings.by_path.copy().items():
        refused, dropped = parking.refused, 0
        if parking.parked:
            rows = of.door.rows_below(path)
            refused, dropped = counted_as_parked(of.door.books, of.door.intake.shards, rows)
            refused, dropped = refused - parking.refused_before, dropped - parking.dropped_before
        found.append(
            ParkingStatus(
                part=path or "root",
                parked=parking.parked,
                since=parking.since_ns,
                times=parking.times,
                refused=refused,
                dropped=dropped,
                cause=parking.cause,
            )
        )
    return found


def _timing(timing: Timing) -> TimingStatus:
    return TimingStatus(
        bounds_s=list(TIMING_BOUNDS_S), counts=timing.counts.copy(), total_s=timing.total_s
    )


# -- mailboxes ------------------------------------------------------------------------------------


def mailbox_status(of: Sources, place: Place) -> MailboxStatus:
    """How full *place* is, and since when its first in line is under way."""
    mailbox = place.mailbox
    slot = of.places.slots.get(place.path)
    flight = slot.in_flight if slot is not None else None
    first_ns = _first_ns(mailbox, flight)
    age_s = 0.0 if first_ns is None else (of.clock.now_ns() - first_ns) / 1e9
    return MailboxStatus(
        path="/".join(place.path[1:]),
        items=len(mailbox),
        items_capacity=mailbox.spec.max_items,
        queued_bytes=mailbox.queued_bytes,
        bytes_capacity=mailbox.spec.max_bytes,
        in_hand=len(flight.batch) if flight is not None else 0,
        oldest_age_s=max(age_s, 0.0),  # a wall clock may be set back
        overdue_s=of.door.lateness.overdue_at_s(mailbox, slot) if slot is not None else 0.0,
    )


def _first_ns(mailbox: Mailbox, flight: InFlight | None) -> int | None:
    """When the first in line was emitted. First in, first out, so nobody else is asked."""
    in_hand: Sequence[Any] = flight.batch[:1] if flight is not None else ()
    heads = (*in_hand, mailbox.oldest())
    return min((item[1].emitted_at for item in heads if item is not None), default=None)


# -- sinks ----------------------------------------------------------------------------------------


def records(of: Sources, sink: str, kind: SignalKind, health: SinkHealth) -> dict[str, Any]:
    """Fields of `SinkStatus` by name: how many have ended in which way, and the requests."""
    from telemetry_actors.tree.blueprint import sink_id

    exported, dropped = _ended(of.door.books, sink, kind, health)
    part = sink_id(len(of.sinks), sink, kind)
    return {
        "part": f"sinks/{part}",
        "next_try_s": _next_try_s(of, ("root", "sinks", part), kind, health),
        "transport": health.transport,
        "exported": exported,
        "dropped": dropped,
        "requests": _by_answer(health.requests),
        "exports": _by_answer(health.exports),
    }


def _by_answer(timings: dict[tuple[int | None, str], Timing]) -> list[RequestStatus]:
    return [
        RequestStatus(status_code=code, error_type=error_type, timing=_timing(timing))
        for (code, error_type), timing in timings.copy().items()
    ]


def _next_try_s(
    of: Sources, path: tuple[str, ...], kind: SignalKind, health: SinkHealth
) -> float | None:
    slot = of.places.slots.get(path)
    if slot is None:
        return None
    if kind is SignalKind.METRICS:  # its next collection, where the last one failed
        due_s = None if health.healthy else slot.due_s
    else:
        flight = slot.in_flight
        due_s = flight.due_s if flight is not None else None
    return None if due_s is None else max(0.0, due_s - of.clock.now_s())


def _ended(
    books: Books, sink: str, kind: SignalKind, health: SinkHealth
) -> tuple[int, dict[str, int]]:
    if kind is SignalKind.METRICS:
        points_by = health.points.copy()
        return points_by.pop("", 0), plain(+points_by)
    tally = books.snapshot().lines[kind].by_sink.get(sink)
    if tally is None:
        return 0, {}
    return tally.exported, plain(tally.dropped)
