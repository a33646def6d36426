"""What a tree runs on: clock, threads, slots.

A `Runtime` is made once per tree and outlives every incarnation in it, supervisors
included: slots are kept here by path, so an escalation that replaces a whole
supervisor leaves the mailboxes of its children where they are.
"""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from supervisors.exit import Exit
from supervisors.run._answer import Answer
from supervisors.run._dispatcher import OwnThreads, SharedThread
from supervisors.run._left_behind import LeftBehind
from supervisors.run._letters import Letters
from supervisors.run._owner import Owner
from supervisors.run._reporter import Reporter
from supervisors.run._watch import Watch
from supervisors.run.events import Journal
from supervisors.run.reports import Teller, log_report, places_of_thread
from supervisors.run.slot import Slot
from supervisors.system.clock import Clock, SystemClock
from supervisors.system.process import Process, this_process, when_forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from supervisors.core.spec import ChildSpec
    from supervisors.run._ports import Dispatcher, Home, Lived
    from supervisors.run.mailbox import Mailbox

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
        report: told of each crash, hang and the like (`Report`), a few of a kind a minute; on a
            thread of the tree's that does nothing else. To the logger ``supervisors`` by default.
    """

    is_threaded: ClassVar[bool] = True
    """It may have threads of its own."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        sweep_interval_s: float = 0.25,
        max_abandoned: int = 16,
        report: Teller = log_report,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.report = report
        self.reports_at_once = 5
        """Of one place, in a minute; then they are counted."""
        self.journal = Journal()
        self.dead_letters = Letters()
        self.slots: dict[Path, Slot] = {}
        self.left_behind = LeftBehind(max_abandoned)
        self._mailboxes: dict[Path, Mailbox] = {}
        self._seeds = count(int.from_bytes(os.urandom(4)))
        self._sweep_interval_s = sweep_interval_s
        self._closed = False
        self._take_threads()
        self.owner = Owner()
        self._process = this_process()
        self._forked = False

    def _take_threads(self) -> None:
        """New ones, for the first tree and for each that is started after `close`."""
        self._watch = Watch(self, self._sweep_interval_s)
        self.poke = self._watch.poke
        self.own = OwnThreads(self)
        self.reporter = Reporter(self, threaded=self.is_threaded)
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

    def dispatcher_of(self, slot: Home) -> Dispatcher:
        """Who runs *slot*."""
        nested = slot.spec.type == "supervisor"
        return self.dispatcher(CONTROL if nested else slot.spec.dispatcher)

    def dispatchers(self) -> list[Dispatcher]:
        """All that there are."""
        return [self.own, *list(self.shared.values())]

    def lacks_a_thread(self) -> bool:
        """Some actors live on a shared thread that is gone, and could not be replaced so far."""
        return any(shared.is_lacking() for shared in list(self.shared.values()))

    def new_seed(self) -> int:
        """Of the jitter of one life of one supervisor."""
        return next(self._seeds)

    def new_future(self) -> Answer[Any]:
        """A future whose wait goes by this runtime's clock."""
        return Answer(self.clock)

    def slot(
        self, path: Path, spec: ChildSpec, actor_class: type[object], post: Callable[[object], None]
    ) -> Slot:
        """The slot at *path*: the old one if there is one, bound to its present supervisor."""
        slot = self.slots.get(path)
        if slot is None:
            slot = Slot(path, spec, actor_class, self, post, self._mailboxes.get(path))
            self.slots[path] = slot
            above = slot.branch.above = self.slots.get(path[:-1])
            if above is not None:
                above.branch.below[path[-1]] = slot
        elif slot.current is None:  # its address was there before; slots stand in start order
            self.slots[path] = self.slots.pop(path)
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
            above.branch.below.pop(path[-1], None)
        for ended in (slot, *slot.all_below()):
            self.slots.pop(ended.path, None)
            ended.ref.end()

    def give_up(self, slot: Slot, exit_: Exit, error: BaseException | None = None) -> None:
        """Kill, in so far as a thread can be killed: nobody listens to it any more."""
        self.give_up_below(slot)
        life, dispatcher = slot.current, self.dispatcher_of(slot)
        if life is not None:
            life.left_at = places_of_thread(dispatcher.thread_of(life))
        if life is not None and life.lose(exit_, error):
            dispatcher.abandon(life)

    def give_up_below(self, slot: Slot) -> None:
        """A supervisor that is no more leaves no orphan, whatever it ended of."""
        for orphan in reversed(slot.all_below()):
            life = orphan.current
            if life is not None and life.lose(Exit.killed()):
                self.dispatcher_of(orphan).abandon(life)

    # -- threads that were left behind ------------------------------------------------------------

    @property
    def abandoned(self) -> int:
        """Threads that were left behind and are still stuck."""
        return self.left_behind.now()

    def threads_left(self, lives: Iterable[Lived]) -> int:
        """Threads that are stuck: on one of *lives* at this moment, or left behind before.

        An actor that waits for a message holds up nobody; of those that share a thread one has it.
        """
        at_work = [life for life in lives if life.is_at_work()]
        threads = [self.dispatcher_of(life.slot).thread_of(life) for life in at_work]
        return self.left_behind.with_others(thread for thread in threads if thread is not None)

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start what looks for lost threads, and see to it that a fork's child knows.

        Raises:
            ThreadRefused: there is no thread for it.
        """
        if self._closed:  # the start before has failed: what it has closed takes nobody any more
            self._closed = False
            self._take_threads()
        self._process, self._forked = this_process(), False
        when_forked(self, hook=True)
        self._watch.start()

    def close(self, timeout_s: float) -> None:
        """End the threads; those that are stuck are left behind (they are daemons)."""
        if self.is_elsewhere():
            return  # they are the parent's, whatever `Thread.is_alive` says here
        self._closed = True
        until_s = self.clock.now_s() + timeout_s
        self._watch.stop(timeout_s)
        for dispatcher in self.dispatchers():
            dispatcher.close(max(0.0, until_s - self.clock.now_s()))
        self.reporter.close(max(0.0, until_s - self.clock.now_s()))

    def is_elsewhere(self) -> bool:
        """Whether this is the child of a fork, and the tree that was started is its parent's."""
        this_process()  # nobody may have looked yet
        return self._forked

    def _after_fork(self, process: Process) -> None:
        """In the child of a fork: the tree is the parent's. No thread of it is here.

        Addresses end, so that a tell is a dead letter and a question fails at once, where it
        would wait for ever; what was queued is the parent's to handle. No lock: who held it is
        not here.
        """
        if self._process is process:
            return
        self._forked = True
        self.reporter = Reporter(self, threaded=self.is_threaded)
        slots, self.slots = self.slots, {}
        for slot in slots.values():
            slot.ended = True
            slot.last_exit = Exit.lost()
            slot.mailbox.wake = _nothing
        self.owner.on_lost()
        self._process = process


def _nothing() -> None:
    """The wake of a mailbox in the child of a fork."""
