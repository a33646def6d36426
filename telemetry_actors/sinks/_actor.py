"""RecordSinkActor: encodes records one by one, sends them in batches, reads the answer.

Last stage: ``handlers -> [log sink | span sink] -> receiver``. One request in flight, so
records arrive in the order in which they came. Its waits (a back-off, a ``Retry-After``)
are due times on the batch in hand, never sleeps: a stop is served at once.

What an answer means is the sink's to say (`ports.ExportResult`); what follows from it is
decided here: split on 400 and 413 down to the culprit, retry under one deadline, and an end
for each record in the books.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from supervisors import Clock, InFlight
from telemetry_actors._books import Books, Drop, RecordEnd
from telemetry_actors.batch_actor import BatchActor, SinkItem
from telemetry_actors.ledger import Reason
from telemetry_actors.ports import ExportResult, Sink, Verdict
from telemetry_actors.signals import SignalKind
from telemetry_actors.sinks._retry import RetryPlan, StopBudget

__all__ = ["RecordSinkActor", "ends_given_up"]

Chunk = list[int]
"""Indices into the batch, sent in one request."""


class _Sending:
    """How far the sending of a batch has come. Kept with the batch, over crashes."""

    def __init__(self, work: list[Chunk], ends: list[Drop | None]) -> None:
        self.work = work
        """Chunks still to be sent, the next one first."""
        self.ends = ends
        """By index: None = exported (once nothing is left to send)."""
        self.in_request = False
        """A request is on its way, or was when the incarnation ended."""
        self.crashes = 0
        self.plan: RetryPlan | None = None

    def maybe_received(self) -> bool:
        """An earlier attempt at the present chunk was sent in full and not answered."""
        return self.plan is not None and self.plan.unconfirmed


class RecordSinkActor(BatchActor):
    """One signal kind of one sink. Has a thread of its own.

    Args:
        kind: logs or spans.
        sink: who encodes and sends.
        books: the books.
        clock: the tree's clock.
        plan: makes a `RetryPlan` for a chunk.
        max_bytes: encoded bytes in one request.
        attempt_timeout_s: seconds for one request.
        budget: what is left of the time to stop in, once the tree is stopping.
        note: told of each answer that is not a success, for `status()`.
    """

    def __init__(
        self,
        kind: SignalKind,
        sink: Sink,
        books: Books,
        *,
        clock: Clock,
        plan: Any,
        max_bytes: int,
        attempt_timeout_s: float,
        budget: StopBudget,
        note: Any,
    ) -> None:
        super().__init__(f"sinks/{kind}", books)
        self._kind = kind
        self._sink = sink
        self._clock = clock
        self._plan = plan
        self._max_bytes = max_bytes
        self._attempt_timeout_s = attempt_timeout_s
        self._budget = budget
        self._note = note

    def handle(self, item: SinkItem, index: int, flight: InFlight) -> Any:
        """Encode one record; one that can't be encoded hurts only itself."""
        try:
            return self._sink.encode(self._kind, item[2])
        except Exception as error:  # noqa: BLE001 -- data that the wire can't carry, in whatever way it says so
            return Drop(Reason.ENCODE_ERROR, self._stage, f"{type(error).__name__}: {error}"[:300])

    # -- sending ----------------------------------------------------------------------------------

    def deliver(self, flight: InFlight) -> bool:
        """Send chunk after chunk; False while a retry is not due yet."""
        sending: _Sending | None = flight.notes.get("sending")
        if sending is None:
            sending = flight.notes["sending"] = self._first_chunks(flight.results)
        self._after_a_crash(sending)
        flight.due_s = None
        while sending.work:
            if not self._send_first(flight, sending):
                return False
        self.once(flight, 0, lambda: self._report(flight, sending))
        return True

    def _first_chunks(self, encoded: list[Any]) -> _Sending:
        """As few requests as the byte limit allows; one larger record travels alone."""
        ends: list[Drop | None] = [e if type(e) is Drop else None for e in encoded]
        work: list[Chunk] = []
        size = self._max_bytes + 1
        for index, record in enumerate(encoded):
            if type(record) is Drop:
                continue
            more = self._sink.size_of(record)
            if size + more > self._max_bytes:
                work.append([])
                size = 0
            work[-1].append(index)
            size += more
        return _Sending(work, ends)

    def _after_a_crash(self, sending: _Sending) -> None:
        """A request that crashed us is sent once more; then its records go one by one (g14)."""
        if not sending.in_request:
            return
        sending.in_request = False
        sending.crashes += 1
        chunk = sending.work[0]
        if sending.crashes < 2:
            return
        if len(chunk) > 1:
            sending.work[:1] = [[index] for index in chunk]
            return
        self._end(sending, chunk, Drop(Reason.STAGE_CRASH, self._stage, self._last_words()))

    def _send_first(self, flight: InFlight, sending: _Sending) -> bool:
        chunk = sending.work[0]
        if sending.plan is None:
            sending.plan = self._plan(self._clock.now_s())
        records = [flight.results[index] for index in chunk]
        sending.in_request = True
        with flight.whole_batch("request"):  # on the wire nothing is overdue
            result = self._export(records)
        self.check_revoked()
        sending.in_request = False
        return self._settle(flight, sending, chunk, result)

    def _export(self, records: Sequence[Any]) -> ExportResult:
        timeout_s = self._budget.limit(self._attempt_timeout_s)
        return self._sink.export(self._kind, records, timeout_s)

    def _settle(
        self, flight: InFlight, sending: _Sending, chunk: Chunk, result: ExportResult
    ) -> bool:
        """What the answer means for the chunk. False: wait, and send it again."""
        flight.progressed += 1
        self._note(self._sink.name, self._kind, result)
        if result.verdict is Verdict.ACCEPTED:
            self._accepted(sending, chunk, result)
        elif result.verdict is Verdict.SPLIT and len(chunk) > 1:
            half = len(chunk) // 2
            sending.work[:1] = [chunk[:half], chunk[half:]]
        elif result.verdict is Verdict.RETRY:
            return self._again_later(flight, sending, chunk, result)
        else:
            self._end(sending, chunk, Drop(Reason.REJECTED, self._stage, result.message))
        return True

    def _accepted(self, sending: _Sending, chunk: Chunk, result: ExportResult) -> None:
        """``partial_success`` names a number, not records: the last ones are assumed."""
        kept = len(chunk) - min(result.rejected, len(chunk))
        drop = Drop(Reason.REJECTED, self._stage, f"partial success (assumed): {result.message}")
        for index in chunk[kept:]:
            sending.ends[index] = drop
        self._end(sending, chunk[:kept], None)

    def _end(self, sending: _Sending, chunk: Chunk, drop: Drop | None) -> None:
        for index in chunk:
            sending.ends[index] = drop
        del sending.work[0]
        sending.plan = None
        sending.crashes = 0

    def _again_later(
        self, flight: InFlight, sending: _Sending, chunk: Chunk, result: ExportResult
    ) -> bool:
        assert sending.plan is not None
        now_s = self._clock.now_s()
        delay_s = sending.plan.next_delay_s(now_s, result)
        if delay_s is None:
            reason = Reason.UNCONFIRMED if sending.plan.unconfirmed else Reason.RETRY_EXHAUSTED
            self._end(sending, chunk, Drop(reason, self._stage, result.message))
            return True
        flight.due_s = now_s + self._budget.limit_wait(delay_s)
        return False

    def _report(self, flight: InFlight, sending: _Sending) -> None:
        if not self._books.seal(flight):
            return
        ends = [
            RecordEnd(item[:2], item[3], drop)
            for item, drop in zip(flight.batch, sending.ends, strict=True)
        ]
        self._books.report(self._kind, self._sink.name, ends)


def ends_given_up(flight: InFlight, drop: Drop) -> list[Drop | None]:
    """At shutdown: how the records of a batch that nobody will finish have ended.

    What was exported before stays so; what is in a request may still be received, and
    is ``unconfirmed``; the rest is *drop*.
    """
    sending: _Sending | None = flight.notes.get("sending")
    if sending is None:
        return [drop] * len(flight.batch)
    ends = list(sending.ends)
    for chunk in sending.work:
        for index in chunk:
            ends[index] = drop
    if sending.work and (sending.in_request or sending.maybe_received()):
        for index in sending.work[0]:
            ends[index] = Drop(Reason.UNCONFIRMED, drop.stage)
    return ends
