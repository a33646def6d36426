"""HandlerActor: validates the payloads of one case and maps them to signals.

Fifth stage: ``rehydrator -> [handler of the case] -> sinks``. One per case, all on one
shared thread. What it runs is a `CaseDefinition`: a payload that its model refuses is the
producer's fault and ends as ``invalid_payload`` (g15); a mapping that raises is ours, and
crashes this actor: one event, one immediate restart (g12, g14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar

from supervisors import Clock, InFlight, Mailbox
from telemetry_actors.batch.actor import BatchActor, SinkItem, forward_records
from telemetry_actors.batch.places import Held, Left, Place
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop, Ending, RecordEnd
from telemetry_actors.books.ledger import Reason
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition, EventFacts, MappingSettings
from telemetry_actors.event.envelope import Envelope, Item, is_degraded, unpack_map
from telemetry_actors.event.forms import InvalidPayload, read_context
from telemetry_actors.event.signals import LogSignal, SignalKind, Signals, SpanSignal
from telemetry_actors.handlers._limits import limited, surely_short
from telemetry_actors.handlers._records import degraded, flagged, unreadable
from telemetry_actors.handlers.forms import PayloadReader
from telemetry_actors.handlers.rehydration import rehydration_failed
from telemetry_actors.ports import MetricRecorder

_LOST = Drop(
    Reason.REHYDRATION_FAILED,
    "stages/recall",
    "neither the object nor the fallback can be read"
    " (a fallback that is a pickle is read with rehydrator.allow_pickle_fallback only)",
)
_MOST_CONTEXTS, _LONGEST_CONTEXT_BYTES = 256, 512
_UNREADABLE = "unreadable"
"""Key of a flight's notes: names of what could not be read, by number of the event."""
_FIRST_OUTLET = 3
"""Number of the forward that goes to the first sink; see `HandlerActor.deliver`."""


class HandlerActor(BatchActor):
    """Runs one `CaseDefinition`.

    Args:
        definition: the case.
        books: the books.
        settings: what the mapping may know.
        clock: tells when an event was mapped.
        recorder: takes measurements.
        logs, spans: mailboxes of the sinks of each kind, one per sink.
        sinks: their names, in the same order, for the books.
    """

    crash_reason: ClassVar[Reason] = Reason.HANDLER_CRASH

    def __init__(
        self,
        definition: CaseDefinition[object],
        books: Books,
        *,
        settings: MappingSettings,
        clock: Clock,
        recorder: MetricRecorder,
        logs: Sequence[Mailbox],
        spans: Sequence[Mailbox],
        sinks: Sequence[str] = (),
    ) -> None:
        super().__init__(f"handlers/{definition.case}", books)
        self._definition = definition
        self._reader = PayloadReader(definition)
        self._built_in = definition.case in set(TelemetryCase)
        self._contexts: dict[bytes, tuple[Mapping[str, object], tuple[str, ...]]] = {}
        self._settings = settings
        self._clock = clock
        self._recorder = recorder
        names = tuple(sinks) or ("",) * len(logs)
        self._outlets = [
            *((SignalKind.LOGS, m, name) for m, name in zip(logs, names, strict=True)),
            *((SignalKind.SPANS, m, name) for m, name in zip(spans, names, strict=True)),
        ]

    def handle(self, item: Item, index: int, flight: InFlight) -> Signals | Drop:
        """Validate and map one event."""
        envelope = item[1]
        if envelope.payload is None:
            return self._lost(envelope)
        try:
            context, odd = self._context_of(envelope.context)
            payload, unread = self._reader.read(unpack_map(envelope.payload))
        except InvalidPayload as error:
            if is_degraded(envelope):  # what is left of it is not enough
                flight.batch[index] = (item[0], envelope._replace(payload=None))
                return self._lost(envelope)
            return Drop(Reason.INVALID_PAYLOAD, self._stage, str(error))
        except EnvelopeError as error:
            return Drop(Reason.INVALID_PAYLOAD, self._stage, str(error))
        signals = self._definition.map(self._facts(envelope, context), payload, self._settings)
        if odd or unread:
            flight.notes.setdefault(_UNREADABLE, {})[index] = unread + odd
            signals = unreadable(signals, unread + odd)
        return self._finished(signals, envelope)

    def _context_of(self, packed: bytes) -> tuple[Mapping[str, object], tuple[str, ...]]:
        """The context, and what of it can't be read. Many events have the same: it is kept.

        Not where a mapping of the user's own might write into it.
        """
        found = self._contexts.get(packed)
        if found is None:
            found = read_context(unpack_map(packed))
            if self._built_in and len(packed) <= _LONGEST_CONTEXT_BYTES:
                if len(self._contexts) >= _MOST_CONTEXTS:
                    self._contexts.clear()
                self._contexts[packed] = found
        return found

    def _finished(self, signals: Signals, envelope: Envelope) -> Signals:
        """With what a mapping need not think of: marks, flags, limits."""
        if is_degraded(envelope):
            signals = degraded(signals)
        if self._settings.sampling_rate < 1.0:
            signals = flagged(signals, self._settings.sampling_rate)
        most_bytes = self._settings.attribute_bytes
        if self._built_in and surely_short(_size(envelope), most_bytes):
            return signals
        return limited(signals, most_bytes)

    def _facts(self, envelope: Envelope, context: Mapping[str, object]) -> EventFacts:
        return EventFacts(
            envelope.event_id,
            envelope.tenant_id,
            envelope.emitted_at,
            self._clock.now_ns(),
            context,
            is_degraded(envelope),
        )

    def _lost(self, envelope: Envelope) -> Signals:
        """Of an event whose payload did not come back: the diagnostic log, and nothing else."""
        facts = self._facts(envelope, {})
        return Signals(logs=(rehydration_failed(facts, envelope.case),))

    def deliver(self, flight: InFlight) -> bool:
        """Measurements first, whatever becomes of the records; then records to the sinks."""
        mapped = [
            (item, result)
            for item, result in zip(flight.batch, flight.results, strict=True)
            if type(result) is Signals
        ]
        self.once(flight, 0, lambda: self.end_dropped(flight))
        self.once(flight, 1, lambda: self._record(mapped, flight))
        self.once(flight, 2, lambda: self._open(mapped))
        for step, (kind, mailbox, sink) in enumerate(self._outlets, start=_FIRST_OUTLET):
            self.once(flight, step, partial(self._send, kind, mailbox, sink, mapped))
        self.once(flight, _FIRST_OUTLET + len(self._outlets), lambda: self._end_silent(mapped))
        return True

    def _record(self, mapped: list[tuple[Item, Signals]], flight: InFlight) -> None:
        self._count_unreadable(flight)
        # Those of a replay that was measured before are not recorded again.
        measurements = [
            m for item, signals in mapped if not item[0].measured for m in signals.measurements
        ]
        if measurements:
            # A gauge goes by emit time, so that a replay never stands before a newer value.
            at_ns = [
                envelope.emitted_at
                for (ticket, envelope), signals in mapped
                if not ticket.measured
                for _ in signals.measurements
            ]
            recorded, left_out = self._recorder.record(measurements, at_ns)
            self._books.count_measurements(len(measurements), recorded, left_out)

    def _count_unreadable(self, flight: InFlight) -> None:
        found = flight.notes.pop(_UNREADABLE, {}).items()
        # As with measurements: those of a replay were counted before.
        keys = [key for index, keys in found if not flight.batch[index][0].measured for key in keys]
        if keys:
            self._books.count_unreadable(str(self._definition.case), keys)

    def _open(self, mapped: list[tuple[Item, Signals]]) -> None:
        joins = [
            (item[0], len(signals.logs), len(signals.spans))
            for item, signals in mapped
            if (signals.logs or signals.spans) and item[1].payload is not None
        ]
        lost = [item[0] for item, _ in mapped if item[1].payload is None]
        if lost:
            self._books.open_lost(lost, _LOST)
        self._books.open(joins, sum(signals.spans_sampled_out for _, signals in mapped))

    def _send(
        self,
        kind: SignalKind,
        mailbox: Mailbox,
        sink: str,
        mapped: list[tuple[Item, Signals]],
    ) -> None:
        records: list[SinkItem] = []
        for (ticket, envelope), signals in mapped:
            made: Sequence[LogSignal | SpanSignal] = (
                signals.logs if kind is SignalKind.LOGS else signals.spans
            )
            records.extend((ticket, envelope, record, n) for n, record in enumerate(made))
        forward_records(kind, mailbox, records, self._books, self._stage, sink)

    def _end_silent(self, mapped: list[tuple[Item, Signals]]) -> None:
        """An event with neither log nor span is done once its measurements are recorded."""
        ends = [Ending(item) for item, s in mapped if not s.logs and not s.spans]
        if ends:
            self._books.end(ends)

    @classmethod
    def held(cls, place: Place, flight: InFlight) -> Iterator[Held]:
        """Beside the events: records that the books know, and that it still has to send."""
        yield from super().held(place, flight)
        for kind, _, records in _unsent(place, flight):
            for item, ordinal in records:
                yield kind, (item[0], item[1], None, ordinal)

    @classmethod
    def end_unsent(cls, left: Left) -> None:
        """Records that have gone to some sinks: end those for the others."""
        for kind, sink, records in _unsent(left.place, left.flight):
            ends = [RecordEnd((item[0], item[1]), ordinal, left.drop) for item, ordinal in records]
            left.books.report(kind, sink, ends)


def _unsent(
    place: Place, flight: InFlight
) -> Iterator[tuple[SignalKind, str, list[tuple[Item, int]]]]:
    """For a batch that nobody will finish: each sink that its records have not gone to.

    Joins are open from step 2 on, so from there every record needs an end. First come the log
    sinks and then the span sinks, in the order of the sinks.

    Yields:
        Signal kind, name of the sink, and the records: event and ordinal.
    """
    if flight.forwarded < _FIRST_OUTLET:
        return
    sinks = len(place.sinks)
    for outlet in range(flight.forwarded - _FIRST_OUTLET, 2 * sinks):
        kind = SignalKind.LOGS if outlet < sinks else SignalKind.SPANS
        records = [
            (item, ordinal)
            for item, result in zip(flight.batch, flight.results, strict=True)
            if type(result) is Signals
            for ordinal in range(len(result.logs if kind is SignalKind.LOGS else result.spans))
        ]
        yield kind, place.sinks[outlet % sinks], records


def _size(envelope: Envelope) -> int:
    """Of all that an attribute can be made of."""
    return len(envelope.payload or b"") + len(envelope.context) + len(envelope.event_id)
