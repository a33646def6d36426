"""What a look at a gateway is made of: its parts, as they are at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supervisors import Clock, Runtime
    from telemetry_actors.batch.places import Places
    from telemetry_actors.books.parkings import Parkings
    from telemetry_actors.door.door import Door
    from telemetry_actors.event.signals import SignalKind
    from telemetry_actors.ports import DedupStore, MetricRecorder, Sink
    from telemetry_actors.sinks.health import SinkHealth
    from telemetry_actors.stores.journal import Journal
    from telemetry_actors.stores.letters.writer import LetterWriter
    from telemetry_actors.stores.payload_keeper import PayloadKeeper


class Sources(NamedTuple):
    """Handed to whoever looks; made anew for each look. Nothing is changed through it."""

    state: str
    """``new``, ``starting``, ``running``, ``stopping`` or ``stopped``."""
    began_ns: int
    clock: Clock
    door: Door
    """With the books, the settings and the counts of `emit()`."""
    places: Places
    parkings: Parkings
    sinks: Sequence[Sink]
    health: Mapping[tuple[str, SignalKind], SinkHealth]
    bridging: bool
    recorder: MetricRecorder | None
    runtime: Runtime | None
    dedup: DedupStore
    letters: LetterWriter | None
    journal: Journal | None
    payloads: PayloadKeeper | None
