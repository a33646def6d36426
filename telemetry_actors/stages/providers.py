"""TraceProviderActor: calls the host's trace manager and providers, on a thread of its own.

Beside the way: ``router -> [trace providers]``. A live object can't ride in an envelope, so
the router hands it over here with the packed payload. Whatever it does (raise, hang) is
counted and changes nothing of the event (architecture.md, Router).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from supervisors import InFlight, Revoked
from supervisors.system.native import call_host
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.batch.actor import BatchActor
from telemetry_actors.batch.crashes import tell_raised
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope, unpack_map

ProviderCall = tuple[Any, str, Envelope]
"""Companion (the trace manager), task name, and the event as packed."""


class TraceProviderActor(BatchActor):
    """Makes the calls, one after the other, each at most once."""

    takes_events = False

    def __init__(self, books: Books) -> None:
        super().__init__("sinks/providers", books)

    def handle(self, item: ProviderCall, index: int, flight: InFlight) -> str:
        """One call: ``called``, ``raised`` or ``absent``.

        Raises:
            Revoked: this incarnation hung in an earlier call and was given up; the next one
                makes the calls behind it, each once.
        """
        if self.slot.in_flight is not flight:
            raise Revoked
        companion, task_name, envelope = item
        try:
            call = getattr(companion, "add_trace_task", companion)
            if not callable(call):
                return "absent"
            payload, context = envelope.payload or b"\x80", envelope.context
            call_host(lambda: _call(call, task_name, unpack_map(payload), unpack_map(context)))
        except BaseException as error:  # noqa: BLE001 -- the host's code; its fault is counted, never ours
            who = f"{type(companion).__name__}.add_trace_task"
            tell_raised(f"trace manager {who}", error, "that task is lost to it, and no event is")
            return "raised"  # SystemExit as well: a restart for each would cost the sinks theirs
        return "called"

    def deliver(self, flight: InFlight) -> bool:
        """Count."""
        self.once(flight, 0, lambda: self._count(flight.results))
        return True

    def _count(self, results: Sequence[Any]) -> None:
        for result in results:
            self._books.count_provider(result if isinstance(result, str) else _ended(result))


def _call(call: Callable[..., object], *task: object) -> None:
    with inside_the_tree():  # in a greenlet of the host's, too
        call(*task)


def _ended(drop: Drop) -> str:
    """A call that the actor did not survive: it hung, or was crashed on purpose."""
    return "hung" if drop.reason is Reason.ABANDONED else "raised"
