"""Looking for threads that are gone, and for actors that hang.

A crash is reported by the thread it happens on. A thread that simply is no more (a C
extension that ended it, an interpreter fault) reports nothing, and an actor stuck in a call
reports nothing either; their mailboxes would fill for ever. So while anything is going on in
a tree, one timer looks at every thread; after two looks that find all quiet it stops, and the
next wake-up starts it again (``poke``), so that an idle tree costs no wake-ups.

**A hang is never judged by wall time alone**, since a starved thread looks the same (g16).
Past its deadline an actor hangs if its thread has moved since (it runs, and does not come
back), or after ten deadlines whatever it does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from supervisors.exit import Exit
from supervisors.run.events import LifecycleEvent
from supervisors.run.reports import places_of_thread
from supervisors.system.clock import new_token, release, thread_cpu
from supervisors.system.native import get_ident
from supervisors.thread import Thread, new_thread

if TYPE_CHECKING:
    from supervisors.run._ports import Dispatcher, Host, Lived

HANG_FACTOR = 10
"""After so many deadlines an actor hangs, moved or not."""

_FRAMES = 12


class Watch:
    """The sweep of one runtime, on a thread of its own."""

    def __init__(self, runtime: Host, interval_s: float) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._token = new_token()
        self._armed = False
        self._stopped = False
        self._thread: Thread | None = None
        self._suspects: dict[Lived, tuple[float, object]] = {}

    def poke(self) -> None:
        """Something was sent. Any thread, re-entrant; costs one look at a flag."""
        if not self._armed:
            self._armed = True
            release(self._token)

    def start(self) -> None:
        """Start looking. Supervisor's start.

        Raises:
            ThreadRefused: there is no thread for it.
        """
        thread = new_thread(self._look, "supervisors-watch")
        thread.start()
        self._thread = thread  # only what has begun can be waited for

    def stop(self, timeout_s: float) -> None:
        """End the thread."""
        self._stopped = True
        release(self._token)
        if self._thread is not None and self._thread.ident != get_ident():
            self._thread.join(timeout_s)

    def _look(self) -> None:
        runtime = self._runtime
        while not self._stopped:
            runtime.clock.wait(self._token, None)
            busy = True
            while self._armed and not self._stopped:
                runtime.clock.wait(self._token, self._interval_s)
                self._armed = False  # before the look: what comes during it must count
                for dispatcher in runtime.dispatchers():
                    dispatcher.sweep()
                    self.look_for_hangs(dispatcher)
                self._suspects = {i: s for i, s in self._suspects.items() if not i.finished}
                was_busy, busy = busy, any(not slot.idle() for slot in list(runtime.slots.values()))
                # Quiet twice: one who takes a message looks idle, too. A thread that could not be
                # had is tried for again at the next look, and no sooner: no release here.
                if busy or was_busy or runtime.lacks_a_thread():
                    self._armed = True

    # -- hangs ------------------------------------------------------------------------------------

    def look_for_hangs(self, dispatcher: Dispatcher) -> None:
        """Give up each actor of *dispatcher* that hangs."""
        now_s = self._runtime.clock.now_s()
        for slot in list(self._runtime.slots.values()):
            incarnation, deadline_s = slot.current, slot.spec.hang_after_s
            if incarnation is None or deadline_s is None:
                continue
            thread = dispatcher.thread_of(incarnation)
            if thread is None or incarnation.handling is None or not incarnation.started:
                continue
            over_s = now_s - incarnation.busy_since_s
            if over_s >= deadline_s and self._hangs(incarnation, thread, over_s / deadline_s):
                self._give_up(dispatcher, incarnation, over_s)

    def _hangs(self, incarnation: Lived, thread: Thread, deadlines: float) -> bool:
        if deadlines >= HANG_FACTOR:
            return True
        seen = incarnation.busy_since_s, _position(thread)
        before = self._suspects.get(incarnation)
        self._suspects[incarnation] = seen
        return before is not None and before[0] == seen[0] and before[1] != seen[1]

    def _give_up(self, dispatcher: Dispatcher, incarnation: Lived, over_s: float) -> None:
        self._suspects.pop(incarnation, None)
        name = incarnation.slot.name
        detail = f"no return after {over_s:.3g} s"
        incarnation.left_at = places_of_thread(dispatcher.thread_of(incarnation))
        if not incarnation.lose(Exit.hung()):
            return  # it has just ended by itself
        dispatcher.abandon(incarnation)
        self._runtime.journal.tell(LifecycleEvent("hung", name, incarnation.number, detail))


def _position(thread: Thread) -> object:
    """Where *thread* stands: CPU time spent, and the instructions on its stack."""
    frame = sys._current_frames().get(thread.ident or 0)
    stack: list[tuple[object, int]] = []
    while frame is not None and len(stack) < _FRAMES:
        stack.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return thread_cpu(thread.native_id), tuple(stack)
