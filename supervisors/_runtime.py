"""What a tree runs on: clock, threads, slots.

A `Runtime` is made once per tree and outlives every incarnation in it, supervisors
included: slots are kept here by path, so an escalation that replaces a whole
supervisor leaves the mailboxes of its children where they are.
"""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from supervisors._answer import Answer
from supervisors._clock import Clock, SystemClock
from supervisors._dispatcher import Dispatcher, OwnThreads, SharedThread
from supervisors._events import Journal
from supervisors._exit import Exit
from supervisors._letters import Letters
from supervisors._slot import Slot
from supervisors._watch import Watch
from supervisors._zombies import leave_behind

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors._mailbox import Mailbox
    from supervisors._native import Thread
    from supervisors._spec import ChildSpec

__all__ = ["CONTROL", "Runtime"]

CONTROL = "supervisors"
"""Name of the shared thread that all supervisors of a tree take turns on."""

Path = tuple[str, ...]


class Runtime:
    """Threads and slots of one tree.

    Args:
        clock: the machine's by default.
        sweep_interval_s: how often, while anything is going on, to look for threads that
            are gone or hang. An idle tree is not looked at, and wakes no one.
        max_abandoned: threads that may be left behind stuck at one time; while there are so
            many, nothing is started in the place of another one.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        sweep_interval_s: float = 0.25,
        max_abandoned: int = 16,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.journal = Journal()
        self.dead_letters = Letters()
        self.slots: dict[Path, Slot] = {}
        self.max_abandoned = max_abandoned
        self.abandoned_in_all = 0
        self._abandoned: list[Thread] = []
        self._mailboxes: dict[Path, Mailbox] = {}
        self._seeds = count(int.from_bytes(os.urandom(4)))
        self._watch = Watch(self, sweep_interval_s)
        self.poke = self._watch.poke
        self.own = OwnThreads(self)
        self.shared: dict[str, SharedThread] = {}

    def adopt(self, path: Path, mailbox: Mailbox) -> None:
        """Use *mailbox* for the child at *path* instead of making one. Before the start."""
        self._mailboxes[path] = mailbox

    def dispatcher(self, name: str) -> Dispatcher:
        """``own`` = a thread for each; any other name = the shared thread of that name."""
        if name == "own":
            return self.own
        if name not in self.shared:
            self.shared[name] = SharedThread(name, self)
        return self.shared[name]

    def dispatcher_of(self, slot: Slot) -> Dispatcher:
        """Who runs *slot*."""
        nested = slot.spec.type == "supervisor"
        return self.dispatcher(CONTROL if nested else slot.spec.dispatcher)

    def dispatchers(self) -> list[Dispatcher]:
        """All that there are."""
        return [self.own, *list(self.shared.values())]

    def new_seed(self) -> int:
        """Of the jitter of one life of one supervisor."""
        return next(self._seeds)

    def new_future(self) -> Answer[Any]:
        """A future whose wait goes by this runtime's clock."""
        return Answer(self.clock)

    def slot(
        self, path: Path, spec: ChildSpec, actor_class: type[Any], post: Callable[[Any], None]
    ) -> Slot:
        """The slot at *path*: the old one if there is one, bound to its present supervisor."""
        slot = self.slots.get(path)
        if slot is None:
            slot = Slot(path, spec, actor_class, self, post, self._mailboxes.get(path))
            self.slots[path] = slot
            if path[:-1] in self.slots:
                self.slots[path[:-1]].below[path[-1]] = slot
        slot.spec = spec
        slot.post = post
        return slot

    def forget(self, path: Path) -> None:
        """The child at *path* and all below it have ended for good."""
        slot = self.slots.pop(path, None)
        if slot is None:
            return
        above = self.slots.get(path[:-1])
        if above is not None:
            above.below.pop(path[-1], None)
        for ended in (slot, *slot.all_below()):
            self.slots.pop(ended.path, None)
            ended.ref.end()

    def give_up(self, slot: Slot, exit_: Exit, error: BaseException | None = None) -> None:
        """Kill, in so far as a thread can be killed: nobody listens to it any more."""
        self.give_up_below(slot)
        life = slot.current
        if life is not None and life.lose(exit_, error):
            self.dispatcher_of(slot).abandon(life)

    def give_up_below(self, slot: Slot) -> None:
        """A supervisor that is no more leaves no orphan, whatever it ended of."""
        for orphan in reversed(slot.all_below()):
            life = orphan.current
            if life is not None and life.lose(Exit.killed()):
                self.dispatcher_of(orphan).abandon(life)

    # -- threads that were left behind ------------------------------------------------------------

    def count_abandoned(self, thread: Thread | None) -> None:
        """Remember that *thread* was left behind stuck. Any thread of the tree."""
        self.abandoned_in_all += 1
        if thread is not None:
            self._abandoned.append(thread)
            leave_behind(thread)

    @property
    def abandoned(self) -> int:
        """Threads that were left behind and are still stuck."""
        for thread in list(self._abandoned):
            if not thread.is_alive():
                with suppress(ValueError):  # another thread was as quick
                    self._abandoned.remove(thread)
        return len(self._abandoned)

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start what looks for lost threads, and see to it that a fork's child knows."""
        self._watch.start()
        if hasattr(os, "register_at_fork"):
            mine = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _disown(mine()))

    def close(self, timeout_s: float) -> None:
        """End the threads; those that are stuck are left behind (they are daemons)."""
        self._watch.stop(timeout_s)
        until_s = self.clock.now_s() + timeout_s
        for dispatcher in self.dispatchers():
            dispatcher.close(max(0.0, until_s - self.clock.now_s()))


def _disown(runtime: Runtime | None) -> None:
    """In the child of a fork: the tree is the parent's. No thread of it is here.

    Addresses end, so that a tell is a dead letter and a question fails at once, where it
    would wait for ever; what was queued is the parent's to handle.
    """
    if runtime is None:
        return
    for slot in runtime.slots.values():
        slot.ended = True
        slot.mailbox.wake = _nothing


def _nothing() -> None:
    """The wake of a mailbox in the child of a fork."""
