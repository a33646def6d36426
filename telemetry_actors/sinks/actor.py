"""RecordSinkActor: encodes records one by one, sends them in batches, reads the answer.

Last stage: ``handlers -> [log sink | span sink] -> receiver``. One request in flight, so
records arrive in the order in which they came. Its waits (a back-off, a ``Retry-After``)
are due times on the batch in hand, never sleeps: a stop is served at once.

What an answer means is the sink's to say (`ports.ExportResult`); what follows from it is
decided here: split on 400 and 413 down to the culprit, retry under one deadline, hold what
stands behind an open circuit breaker, and an end for each record in the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from supervisors import Clock, InFlight
from telemetry_actors.base.breaker import Breaker
from telemetry_actors.base.misfit import Misfit
from telemetry_actors.base.unseen import unseen
from telemetry_actors.batch.actor import BatchActor, SinkItem
from telemetry_actors.batch.crashes import tell_raised
from telemetry_actors.batch.places import Held, Left, Place
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import Among
from telemetry_actors.books.ends import Drop, RecordEnd
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Sink, Verdict
from telemetry_actors.redaction.redaction import words_of
from telemetry_actors.sinks._answer_of import answer_of, size_of
from telemetry_actors.sinks._sending import Chunk, Sending, ends_given_up
from telemetry_actors.sinks.retry import RetryPlan, StopBudget

_TOO_LARGE = 413
"""It says that half of it may pass, whatever became of the batch before."""


class RecordSinkActor(BatchActor):
    """One signal kind of one sink. Has a thread of its own.

    Args:
        kind: logs or spans.
        plan: makes a `RetryPlan` for a chunk, from the time on that it is given.
        breaker: of the endpoint; it outlives this actor, and others share it.
        max_bytes: encoded bytes in one request.
        attempt_timeout_s: seconds for one request.
        budget: what is left of the time to stop in, once the tree is stopping.
        note: told of each answer, for `status()`: sink, kind, answer, seconds, 0.
        note_export: told of each chunk's end: sink, kind, last answer, seconds since the first try.
        holds: whether the journal holds the event at a place. As long as it does, its export is
            tried again.
    """

    def __init__(
        self,
        kind: SignalKind,
        sink: Sink,
        books: Books,
        *,
        clock: Clock,
        plan: Any,
        breaker: Breaker,
        max_bytes: int,
        attempt_timeout_s: float,
        budget: StopBudget,
        note: Any,
        note_export: Any = lambda *_what: None,
        holds: Callable[[int | None], bool] | None = None,
    ) -> None:
        super().__init__(f"sinks/{kind}", books)
        self._kind = kind
        self._sink = sink
        self._clock = clock
        self._plan = plan
        self._breaker = breaker
        self._max_bytes = max_bytes
        self._attempt_timeout_s = attempt_timeout_s
        self._budget = budget
        self._note, self._note_export = note, note_export
        self._takes_nothing = False  # of the last batch not one record was taken, not even alone
        self._holds = holds

    def handle(self, item: SinkItem, index: int, flight: InFlight) -> Any:
        """Encode one record; one that can't be encoded hurts only itself."""
        try:
            return self._sink.encode(self._kind, item[2])
        except BaseException as error:  # noqa: BLE001 -- data that the wire can't carry, in whatever way it says so
            return self._unfit("encoding of", error)

    def _unfit(self, what: str, error: BaseException) -> Drop:
        """SystemExit as well: raised again and again it would cost everybody the tree."""
        who = f"{what} {self._kind} for sink {self._sink.name}"
        tell_raised(who, error, "the record is dropped (encode_error)")
        words = str(error) if isinstance(error, Misfit) else words_of(error)
        return Drop(Reason.ENCODE_ERROR, self._stage, words[:300])

    # -- sending ----------------------------------------------------------------------------------

    def deliver(self, flight: InFlight) -> bool:
        """Send chunk after chunk; False while a retry is not due yet."""
        sending: Sending | None = flight.notes.get("sending")
        if sending is None:
            sending = flight.notes["sending"] = self._first_chunks(flight.results)
        self._after_a_crash(sending)
        flight.due_s = None
        while sending.work:
            if not self._send_first(flight, sending):
                return False
        self.once(flight, 0, lambda: self._report(flight, sending))
        return True

    def _first_chunks(self, encoded: list[Any]) -> Sending:
        """As few requests as the byte limit allows; one larger record travels alone."""
        sizes: list[Any] = [e if type(e) is Drop else self._size_of(e) for e in encoded]
        ends = [size if type(size) is Drop else None for size in sizes]
        work, size = list[Chunk](), self._max_bytes + 1
        for index, more in [(i, size) for i, size in enumerate(sizes) if ends[i] is None]:
            if size + more > self._max_bytes:
                work.append([])
                size = 0
            work[-1].append(index)
            size += more
        return Sending(work, ends)

    def _size_of(self, record: Any) -> object:
        """Bytes on the wire. A `Drop`: a user's sink raises, or that is no size; this one pays."""
        try:
            return size_of(self._sink, record)
        except BaseException as error:  # noqa: BLE001 -- whatever a sink of a user's raises
            return self._unfit("size_of() of", error)

    def _after_a_crash(self, sending: Sending) -> None:
        """A request that crashed us is sent once more; then its records go one by one (g14)."""
        if not sending.in_request() or sending.is_answered():
            return
        sending.on_wire = None
        sending.crashes += 1
        chunk = sending.work[0]
        if sending.crashes < 2:
            return
        if len(chunk) > 1:
            sending.work[:1] = [[index] for index in chunk]
            return
        self._drop(sending, Reason.STAGE_CRASH, self._last_words())

    def _send_first(self, flight: InFlight, sending: Sending) -> bool:
        chunk, now_s = sending.work[0], self._clock.now_s()
        if sending.is_answered():
            return self._settle(flight, sending)
        if sending.plan is None:
            sending.plan = self._plan(now_s - self._waited_s(flight, chunk, now_s))
        wait_s = self._budget.wait_s()
        if wait_s is None:
            wait_s = self._breaker.ask(now_s, self._kind, hurry=self._budget.begun)
        if wait_s is not None:
            return self._hold(flight, sending, sending.plan, wait_s)
        records = [flight.results[index] for index in chunk]
        sending.on_wire = chunk
        sending.first_s = now_s if sending.first_s is None else sending.first_s
        self.check_revoked()  # whoever gives us up after this finds it there
        with flight.whole_batch("request"):  # on the wire nothing is overdue
            result = self._export(records)
        self.check_revoked()
        sending.answer, sending.last = (chunk, result), result
        self._note(self._sink.name, self._kind, result, self._clock.now_s() - now_s, 0)
        return self._settle(flight, sending)

    def _waited_s(self, flight: InFlight, chunk: Chunk, now_s: float) -> float:
        """Of the time before this first attempt, what the endpoint was down for.

        It counts for the deadline: what came while nobody answered would else wait the whole
        of it again, batch after batch. By the youngest record, so none gets less.
        """
        down_s = self._breaker.down_s(now_s)
        if not down_s:
            return 0.0
        youngest_ns: int = max(flight.batch[index][1].emitted_at for index in chunk)
        age_s = (self._clock.now_ns() - youngest_ns) / 1e9
        return min(max(age_s, 0.0), down_s)  # a wall clock that jumps can't do more than that

    def _hold(self, flight: InFlight, sending: Sending, plan: RetryPlan, wait_s: float) -> bool:
        """Behind the open breaker: wait for it, but not beyond the deadline."""
        now_s = self._clock.now_s()
        if self._is_kept(flight, sending):
            self._due_in(flight, wait_s)
            return False
        if now_s >= plan.until_s:
            self._give_up(sending, "the circuit breaker of the endpoint is open")
            return True
        self._due_in(flight, min(wait_s, plan.until_s - now_s))
        return False

    def _is_kept(self, flight: InFlight, sending: Sending) -> bool:
        """The journal holds an event of the present chunk: its caps say when to give up."""
        return self._holds is not None and any(
            self._holds(flight.batch[index][0].place) for index in sending.work[0]
        )

    def _due_in(self, flight: InFlight, wait_s: float) -> None:
        """Take *flight* up again after so long, or sooner while stopping."""
        now_s = self._clock.now_s()
        flight.due_s = now_s + self._budget.limit_wait(wait_s)
        if self._budget.begun:  # since we asked: whoever ended all waits came too early
            flight.due_s = now_s + self._budget.limit_wait(wait_s)

    def _export(self, records: Sequence[object]) -> ExportResult:
        timeout_s, send = self._budget.limit(self._attempt_timeout_s), self._sink.export
        with unseen():
            return answer_of(self._sink, send, send(self._kind, records, timeout_s))

    def _settle(self, flight: InFlight, sending: Sending) -> bool:
        """What the answer means for its chunk. False: wait, and send it again."""
        assert sending.answer is not None
        goes_on = self._follow(flight, sending, *sending.answer)
        sending.on_wire = sending.answer = None
        return goes_on

    def _follow(
        self, flight: InFlight, sending: Sending, chunk: Chunk, result: ExportResult
    ) -> bool:
        flight.progressed += 1
        if result.unconfirmed:
            sending.unheard |= frozenset(chunk)
        self._breaker.told(
            self._clock.now_s(),
            self._kind,
            failed=result.verdict is Verdict.RETRY,
            retry_after_s=result.retry_after_s,
        )
        if result.verdict is Verdict.ACCEPTED:
            self._accepted(flight, sending, chunk, result)
        elif result.verdict is Verdict.SPLIT and len(chunk) > 1:
            self._split(sending, chunk, result)
        elif result.verdict is Verdict.RETRY:
            return self._again_later(flight, sending, result)
        else:
            self._drop(sending, Reason.REJECTED, result.message)
        return True

    def _split(self, sending: Sending, chunk: Chunk, result: ExportResult) -> None:
        """Halve the chunk, down to the culprits.

        A receiver that says 400 to everything would be asked twice for each record, batch after
        batch. If of the last batch nothing could be taken, two records of this one are tried
        alone, and only if one of them passes is the rest worth looking through.
        """
        self._over(sending)
        if not self._takes_nothing or result.status_code == _TOO_LARGE:
            half = len(chunk) // 2
            sending.work[:1] = [chunk[:half], chunk[half:]]
        elif not sending.probed:
            sending.probed = True
            parts = [chunk[:1], chunk[-1:], chunk[1:-1]]
            sending.work[:1] = [part for part in parts if part]
        else:
            self._drop(sending, Reason.REJECTED, result.message)

    def _accepted(
        self, flight: InFlight, sending: Sending, chunk: Chunk, result: ExportResult
    ) -> None:
        """``partial_success`` names a number, not records: the last ones are assumed."""
        sending.accepted, self._takes_nothing = True, False
        kept = len(chunk) - min(result.rejected, len(chunk))
        if kept < len(chunk):
            reason = sending.unless_received(Reason.REJECTED)
            drop = self._assumed(flight, chunk, len(chunk) - kept, reason, result.message)
            for index in chunk[kept:]:
                sending.ends[index] = drop
        self._end(sending, chunk[:kept], None)

    def _assumed(
        self, flight: InFlight, chunk: Chunk, rejected: int, reason: Reason, message: str
    ) -> Drop:
        ids = dict.fromkeys(flight.batch[index][1].event_id for index in chunk)
        error = f"partial success (assumed): {message}"
        return Drop(reason, self._stage, error, Among.of(list(ids), rejected))

    def _end(self, sending: Sending, chunk: Chunk, drop: Drop | None) -> None:
        self._over(sending)
        for index in chunk:
            sending.ends[index] = drop
        del sending.work[0]
        sending.plan = None
        sending.crashes = 0

    def _over(self, sending: Sending) -> None:
        """Of the present chunk as it is: that is the end of an export."""
        if sending.first_s is not None and sending.last is not None:
            took_s = self._clock.now_s() - sending.first_s
            self._note_export(self._sink.name, self._kind, sending.last, took_s)
        sending.first_s = sending.last = None

    def _again_later(self, flight: InFlight, sending: Sending, result: ExportResult) -> bool:
        assert sending.plan is not None
        now_s = self._clock.now_s()
        behind_s, patient = self._breaker.wait_s(now_s), self._is_kept(flight, sending)
        delay_s = sending.plan.next_delay_s(now_s, result, behind_s, patient=patient)
        if delay_s is None:
            self._give_up(sending, result.message)
            return True
        self._due_in(flight, delay_s)
        return False

    def _give_up(self, sending: Sending, why: str) -> None:
        self._drop(sending, Reason.RETRY_EXHAUSTED, why)

    def _drop(self, sending: Sending, reason: Reason, why: str) -> None:
        """The present chunk ends as *reason*, unless it may have been received."""
        drop = Drop(sending.unless_received(reason), self._stage, why)
        self._end(sending, sending.work[0], drop)

    def _report(self, flight: InFlight, sending: Sending) -> None:
        refused = [end for end in sending.ends if end and end.reason is Reason.REJECTED]
        self._takes_nothing = not sending.accepted and len(refused) > 1
        if not self._books.seal(flight):
            return
        if not any(sending.ends):
            self._books.report_exported(self._kind, self._sink.name, flight.batch)
            return
        ends = [
            RecordEnd(item[:2], item[3], drop)
            for item, drop in zip(flight.batch, sending.ends, strict=True)
        ]
        self._books.report(self._kind, self._sink.name, ends)

    # -- what nobody will finish ------------------------------------------------------------------

    @classmethod
    def held(cls, place: Place, flight: InFlight) -> Iterator[Held]:
        """Every record: they end all at once."""
        for item in list(flight.batch):
            yield place.kind, item

    @classmethod
    def give_up(cls, left: Left) -> list[Any]:
        """End each record as far as it had come; those whose event is spared come back."""
        if left.place.kind is None or not left.books.seal(left.flight):
            return []
        maybe = Drop(Reason.UNCONFIRMED, left.drop.stage)
        kept: list[object] = []
        ends: list[RecordEnd] = []
        how = ends_given_up(left.flight, left.drop, maybe)
        for item, end in zip(left.flight.batch, how, strict=True):
            if (end is left.drop or end is maybe) and left.spares(item[0]):
                kept.append(item)
            else:
                ends.append(RecordEnd((item[0], item[1]), item[3], end))
        left.books.report(left.place.kind, left.place.sinks[0], ends)
        return kept
