"""The door: everything that `emit()` does, on the caller's thread.

First step of an event's way: ``[flags -> gate -> pack -> room] -> gateway mailbox``. No
I/O, no lock, no system call, no log line, and nothing is raised (g01, g02). What the
settings decide for a case is decided once, when the gateway is made; an event costs a few
dictionary look-ups, one packing, and one append.

Budgets are checked before the append and without a lock (`enqueuer.py`), so they may be overshot
by one event per producing thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from supervisors import Clock
from supervisors.system.native import get_ident
from telemetry_actors.base.inside import THREADS, is_inside
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.mistakes import TOLD
from telemetry_actors.books.shards import Shards
from telemetry_actors.door._packing import pack_event
from telemetry_actors.door.enqueuer import Enqueuer
from telemetry_actors.door.entries import UNKNOWN_CASE, Entry
from telemetry_actors.door.trace_providers import TraceProviders
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.decoding import MAX_VALUES, has_too_many
from telemetry_actors.event.envelope import OVERHEAD_BYTES, Envelope
from telemetry_actors.event.ids import SURELY_SHORT, bounded_id, event_ids
from telemetry_actors.event.sanitise import sanitise, text

_LOOK_EVERY_NS = 20_000_000
_OVERHEAD_WITH_ID_BYTES = OVERHEAD_BYTES + len("00000000-0000-4000-8000-000000000000")
_new_event_id = event_ids.new


class Limits(NamedTuple):
    """What each event is checked against."""

    max_event_bytes: int
    max_context_bytes: int
    look: Callable[[], None] | None = None
    """Called after an event, at most each 20 ms: may give way (`batch/lateness.py`)."""
    refused: Callable[[Any, Admission, Any, Any], None] | None = None
    """Given case, why, context and payload where that is told of: has it said
    (`books/mistakes.py`)."""


_ACCEPTED = Admission.ACCEPTED
_NUMBER = {admission: number for number, admission in enumerate(Admission)}
_IS_TOLD = [admission in TOLD for admission in Admission]


class Intake:
    """The caller's side of a gateway.

    Args:
        entries: by case name.
        limits: of sizes, and what is told of an event.
        enqueuer: takes what may come in, if there is room.
        shards: where events are counted.
        clock: for the emit time.
        give: hands ``(trace manager, task name, envelope)`` to the providers' actor, for
            events that the settings refuse; False: full. Re-entrant, never waits.
        providers: who besides a trace manager is given trace tasks.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        limits: Limits,
        enqueuer: Enqueuer,
        shards: Shards,
        clock: Clock,
        give: Callable[[Any, str, Envelope], bool],
        providers: TraceProviders,
    ) -> None:
        self.shards = shards
        self._by_thread = shards.by_thread
        self.closed = False
        self._looked_ns = 0
        self._look_now = False
        self.out_of_memory = 0
        """Events that were refused as ``invalid`` because memory ran out; about how many."""
        self._entries = dict(entries)
        self._unknown = self._entries.pop(UNKNOWN_CASE)
        # From the 30th attribute on CPython looks up each of them in a slower way.
        self._limits, self._look = limits, limits.look
        # What is smaller needs no second look: it can't have too many values either.
        self._large_bytes = min(limits.max_event_bytes, MAX_VALUES)
        self._large_context_bytes = min(limits.max_context_bytes, MAX_VALUES)
        self._enqueuer, self._enter = enqueuer, enqueuer.enter
        self._interrupted = enqueuer.interrupted
        self._now_ns = clock.now_ns
        self._give = give
        self._providers = providers

    def emit(  # noqa: C901 -- the way of every event: a call costs more than a branch
        self, case: Any, context: Any, payload: Any, manager: Any, event_id: Any
    ) -> Admission:
        """Admit or refuse one event; count both."""
        shard = self._by_thread.get(get_ident()) or self.shards.mine()
        kind = type(case)
        if kind is str or kind is TelemetryCase:
            entry = self._entries.get(case, self._unknown)
        else:
            entry = self._entry(case)
        shard.emitted[entry.row] += 1
        verdict = Admission.INVALID
        try:
            verdict = self._admit(entry, context, payload, manager, event_id)
        except MemoryError:
            verdict = self._broken_off() if self._interrupted else Admission.INVALID
            if verdict is not _ACCEPTED:
                self.out_of_memory += 1
        except Exception:  # noqa: BLE001 -- a host at its recursion limit: refused, not raised
            verdict = self._broken_off() if self._interrupted else Admission.INVALID
        except BaseException:  # the host's own, out of a signal handler: not ours to keep
            verdict = self._broken_off() if self._interrupted else Admission.INVALID
            raise
        finally:
            if verdict is _ACCEPTED:  # one step, into a page that outlives us if there is one
                shard.accepted[entry.row] += 1
            else:
                number = _NUMBER[verdict]
                shard.refused[entry.columns[number]] += 1
                if _IS_TOLD[number]:
                    self._tell(case, verdict, context, payload)
        if self._look_now:  # when all is counted: it may be broken off
            self._look_now = False
            self._look_after()
        return verdict

    def _look_after(self) -> None:
        if self._look is not None:
            with suppress(Exception):  # a host at its recursion limit: another time
                self._look()

    def _tell(self, case: Any, why: Admission, context: Any, payload: Any) -> None:
        if self._limits.refused is not None:
            with suppress(Exception):  # as above
                self._limits.refused(case, why, context, payload)

    def _broken_off(self) -> Admission:
        """What has become of this thread's event, when something was raised in the middle."""
        interrupted, me = self._interrupted, get_ident()
        if me not in interrupted:
            return Admission.INVALID
        interrupted.discard(me)
        return Admission.ACCEPTED

    def _entry(self, case: Any) -> Entry:
        if not issubclass(type(case), str):
            return self._unknown
        return self._entries.get(str.__str__(case), self._unknown)

    def _admit(  # noqa: PLR0911 -- the decisions in their order, one line each
        self, entry: Entry, context: Any, payload: Any, manager: Any, event_id: Any
    ) -> Admission:
        if self.closed:
            return Admission.STOPPING
        if entry.refusal is not None and not (
            entry.gives and (manager is not None or self._providers)
        ):
            return entry.refusal
        if THREADS and is_inside():
            return Admission.NOT_ELIGIBLE  # our own records never re-enter the tree (g03)
        event = pack_event(entry, context, payload)
        if event is None:
            return Admission.INVALID if entry.refusal is None else entry.refusal
        packed_context, tenant_id, packed = event
        if (
            len(packed) > self._large_bytes or len(packed_context) > self._large_context_bytes
        ) and self._too_large(packed, packed_context):
            return Admission.TOO_LARGE if entry.refusal is None else entry.refusal
        now_ns = self._now_ns()
        if not 0 <= now_ns - self._looked_ns < _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            self._look_now = True
        identity = _new_event_id() if event_id is None else _given_id(event_id)
        if entry.refusal is not None:
            fields = entry.name, tenant_id, identity, now_ns, packed_context, packed
            return self._only_give(entry, manager, Envelope(*fields))
        beside = _OVERHEAD_WITH_ID_BYTES if event_id is None else OVERHEAD_BYTES + len(identity)
        charged = len(packed) + len(packed_context) + beside  # `charge_of`, in place
        return self._enter(
            entry, manager, charged, tenant_id, identity, now_ns, packed_context, packed
        )

    def _too_large(self, packed: bytes, packed_context: bytes) -> bool:
        if (
            len(packed) > self._limits.max_event_bytes
            or len(packed_context) > self._limits.max_context_bytes
        ):
            return True
        return has_too_many(packed) or has_too_many(packed_context)

    def _only_give(self, entry: Entry, manager: Any, envelope: Envelope) -> Admission:
        """Legacy route without a sink: manager and providers get their calls, the tree nothing."""
        assert entry.refusal is not None
        if self._enqueuer.wakes():
            given = self.shards.mine().given
            for companion in ([] if manager is None else [manager]) + self._providers.now():
                given[0] += 1
                if not self._give(companion, entry.route.task_name or "", envelope):
                    given[1] += 1
        return entry.refusal


def _given_id(event_id: Any) -> str:
    if type(event_id) is str:
        cleaned = text(event_id) or _new_event_id()
        return cleaned if len(cleaned) <= SURELY_SHORT else bounded_id(cleaned)
    cleaned = str(sanitise(event_id))
    # A mark is no id: two events with the same would be taken for one.
    return _new_event_id() if cleaned[:1] in ("", "<") else bounded_id(cleaned)
