"""A patient producer: it waits for room, so that nothing is refused.

A web request must not wait, so ``emit()`` refuses when the mailbox is full. A replay has
all the time in the world: it asks for room first and keeps the recorded pace. Nobody
else fills the mailbox here, so room that was there stays there; should an event be
refused for want of room all the same (a larger one than the rest has), it is tried again.
"""

from __future__ import annotations

import _thread
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, TypeVar

from tenacity import Retrying, retry_if_result, wait_exponential

from telemetry_actors.books.ledger import Admission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisors import Clock
    from telemetry_actors.demo.event import MadeEvent

_T = TypeVar("_T")

_WANT_OF_ROOM: tuple[Admission, ...] = (
    Admission.MAILBOX_FULL,
    Admission.BYTES_FULL,
    Admission.PARKED,
)
_SHORTEST_WAIT_S = 0.002
_LONGEST_WAIT_S = 0.25
_LONGEST_SLEEP_S = 31_536_000.0
"""Of a pace that is asked for; a wait of more than the system can count to would raise."""


class _Gateway(Protocol):
    def has_room(self) -> bool: ...

    def emit(
        self,
        case: str,
        context: Mapping[str, object],
        payload: Mapping[str, object],
        *,
        event_id: str | None = None,
    ) -> Admission: ...


class PatientProducer:
    """Emits one event after another from one thread, each when there is room for it."""

    def __init__(
        self,
        gateway: _Gateway,
        clock: Clock,
        *,
        speed: float = 0.0,
        undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
        while_waiting: Callable[[], None] | None = None,
    ) -> None:
        """Use *gateway* alone.

        Args:
            gateway: started; nobody else emits into it.
            speed: 1 = the recorded pace, 2 = twice as fast, 0 = no waits.
            undisturbed: makes the block in which ``emit()`` is called; never a wait.
            while_waiting: called several times a second during a wait; what it raises ends it.
                None: each wait is one.
        """
        self._gateway = gateway
        self._clock = clock
        self._speed = speed
        self._undisturbed = undisturbed
        self._while_waiting = while_waiting
        self._began: tuple[float, int] | None = None
        self.made = 0
        """Events emitted so far."""

    def emit(self, event: MadeEvent) -> Admission:
        """Emit *event* when its time has come and there is room.

        Returns:
            ``accepted``, or a refusal that waiting does not cure.
        """
        if self._speed and event.at_ns is not None:
            self._keep_pace(event.at_ns)
        refusals = _WANT_OF_ROOM
        if event.enter is not None:
            refusals = _WANT_OF_ROOM[:2]  # what was dropped may be what parks its handler
        elif not self._gateway.has_room():
            self._patiently(self._gateway.has_room, lambda room: not room)
        admission = self._emit_once(event)
        if admission in refusals:
            admission = self._patiently(
                lambda: self._emit_once(event), lambda answer: answer in refusals
            )
        self.made += 1
        return admission

    def _emit_once(self, event: MadeEvent) -> Admission:
        with self._undisturbed():
            if event.enter is not None:
                return event.enter()
            return self._gateway.emit(
                event.case, event.context, event.payload, event_id=event.event_id
            )

    def _keep_pace(self, at_ns: int) -> None:
        now_s = self._clock.now_s()
        if self._began is None:
            self._began = (now_s, at_ns)
        began_s, first_ns = self._began
        self._sleep(began_s + (at_ns - first_ns) / 1e9 / self._speed - now_s)

    def _patiently(self, ask: Callable[[], _T], again: Callable[[_T], bool]) -> _T:
        retrying = Retrying(
            sleep=self._sleep,
            retry=retry_if_result(again),
            wait=wait_exponential(multiplier=_SHORTEST_WAIT_S, max=_LONGEST_WAIT_S),
        )
        return retrying(ask)

    def _sleep(self, seconds: float) -> None:
        until_s = self._clock.now_s() + min(seconds, _LONGEST_SLEEP_S)
        while (left_s := until_s - self._clock.now_s()) > 0:
            token = _thread.allocate_lock()
            token.acquire()
            if self._while_waiting is None:
                self._clock.wait(token, left_s)
                return
            self._clock.wait(token, min(left_s, _LONGEST_WAIT_S))
            self._while_waiting()
