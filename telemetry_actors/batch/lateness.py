"""How late the tree is, and giving way to it: the one exception to "emit() never waits" (g02).

A host that makes a short system call every millisecond takes the GIL back before any
other thread has it: our threads then wait for ever, and nothing that they do
themselves helps (performance.md, "Starvation"). Who emits can: it lets go for 50 µs.

*Overdue* is what a thread of ours should have done by now and has not: a batch that its
consumer should have taken, or is still at work on. Time in a linger, on the wire, in a back-off
or behind a full mailbox is not. What it is measured by was written by whoever put the
batch in, since a starved consumer can't. ADR-0015.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from supervisors import Clock, InFlight, Mailbox, Slot
from supervisors.system.clock import give_way
from supervisors.system.native import get_ident, has_greenlets

if TYPE_CHECKING:
    from telemetry_actors.tree.whole import Holder

__all__ = ["Lateness", "Pauses", "in_signal_handler", "may_give_way"]

LATE_S: Final = 0.25
PAUSE_S: Final = 50e-6
_DEEPEST: Final = 200
_VARARGS: Final = 0x04


class Lateness:
    """Looks at each place where events can be. Any thread, no lock; a look costs microseconds.

    Args:
        clock: the tree's.
        linger_s: of the gateway mailbox.
    """

    def __init__(self, clock: Clock, linger_s: float) -> None:
        self._clock = clock
        self._linger_s = linger_s
        self._places: tuple[tuple[Mailbox, Slot], ...] = ()
        self._door: Mailbox | None = None

    def watch(self, holders: Sequence[Holder], slots: Mapping[tuple[str, ...], Slot]) -> None:
        """The tree runs. The first of *holders* is where `emit()` puts events."""
        self._door = holders[0].mailbox
        self._places = tuple((h.mailbox, slots[h.path]) for h in holders if h.path in slots)

    def overdue_s(self) -> float:
        """The most that anything is overdue, in seconds; 0.0 = all is in time."""
        return max(
            (self.overdue_at_s(mailbox, slot) for mailbox, slot in self._places), default=0.0
        )

    def overdue_at_s(self, mailbox: Mailbox, slot: Slot) -> float:
        """What waits in *mailbox*, or is in the hands of its actor."""
        if mailbox.parked or slot.ended:
            return 0.0
        now_s, flight = self._clock.now_s(), slot.in_flight
        if flight is not None:
            return _in_hand_s(flight, now_s)
        late_s = self._at_the_door_s() if mailbox is self._door else now_s - mailbox.due_s
        late_s = min(late_s, now_s - mailbox.room_s)
        return late_s if late_s > 0 and not mailbox.held_back() else 0.0

    def _at_the_door_s(self) -> float:
        """`emit()` writes no due time but the event's own."""
        emitted_at = _emitted_at(self._door.user) if self._door is not None else None
        if emitted_at is None:
            return 0.0
        return (self._clock.now_ns() - emitted_at) / 1e9 - self._linger_s


def _in_hand_s(flight: InFlight, now_s: float) -> float:
    if flight.step:
        return 0.0  # on the wire, or on a round trip
    since_s = flight.taken_s if flight.due_s is None else flight.due_s
    return max(0.0, now_s - since_s)


def _emitted_at(items: Any) -> int | None:
    try:
        emitted_at: int = items[0][1].emitted_at
    except IndexError:  # it is empty, or has just become so
        return None
    return emitted_at


class Pauses:
    """Gives way while the tree is starved. The caller of `emit()`'s thread."""

    def __init__(self, lateness: Lateness) -> None:
        self.lateness = lateness
        self.count = 0

    def look(self) -> None:
        """Give way for 50 µs if something is 0.25 s overdue, and this is a place to wait in."""
        if self.lateness.overdue_s() > LATE_S and may_give_way():
            self.count += 1
            give_way(PAUSE_S)


def may_give_way() -> bool:
    """Whether the calling thread may wait: not on a hub, in an event loop, in a signal handler."""
    modules = sys.modules
    if has_greenlets():
        return False
    for module, running in (("asyncio", "get_running_loop"), ("trio.lowlevel", "current_task")):
        if module in modules and _runs(getattr(modules[module], running)):
            return False
    threading = modules.get("threading")
    if threading is not None and get_ident() != threading.main_thread().ident:
        return True  # signal handlers run on the main thread alone
    return not in_signal_handler(sys._getframe())


def _runs(ask: Any) -> bool:
    try:
        ask()
    except RuntimeError:
        return False
    return True


def in_signal_handler(frame: FrameType | None) -> bool:
    """Whether *frame* is called by a signal handler: one that was handed the frame it interrupts.

    Python marks it by nothing else. True as well where the stack is too deep to tell.
    """
    for _ in range(_DEEPEST):
        if frame is None:
            return False
        back = frame.f_back
        if back is not None and _was_handed(frame, back):
            return True
        frame = back
    return True


def _was_handed(frame: FrameType, back: FrameType) -> bool:
    code = frame.f_code
    starred = bool(code.co_flags & _VARARGS)
    if code.co_argcount < 2 and not starred:
        return False
    values, names = frame.f_locals, code.co_varnames
    if any(values.get(name) is back for name in names[: code.co_argcount]):
        return True
    more = values.get(names[code.co_argcount + code.co_kwonlyargcount]) if starred else ()
    return type(more) is tuple and any(value is back for value in more)
