"""What a tree runs on: clock, threads, slots.

A `Runtime` is made once per tree and outlives every incarnation in it, supervisors
included: slots are kept here by path, so an escalation that replaces a whole
supervisor leaves the mailboxes of its children where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supervisors._clock import Clock, SystemClock
from supervisors._dispatcher import Dispatcher, OwnThreads, SharedThread
from supervisors._events import Journal
from supervisors._slot import Slot
from supervisors._watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors._mailbox import Mailbox
    from supervisors._spec import ChildSpec

__all__ = ["Runtime"]

Path = tuple[str, ...]


class Runtime:
    """Threads and slots of one tree.

    Args:
        clock: the machine's by default.
        sweep_interval_s: how often, while anything is going on, to look for threads that
            are gone. An idle tree is not looked at, and wakes no one.
    """

    def __init__(self, clock: Clock | None = None, *, sweep_interval_s: float = 0.25) -> None:
        self.clock: Clock = clock or SystemClock()
        self.journal = Journal()
        self.slots: dict[Path, Slot] = {}
        self._mailboxes: dict[Path, Mailbox] = {}
        self._watch = Watch(self, sweep_interval_s)
        self.own = OwnThreads(self.clock, self._watch.poke)
        self.shared: dict[str, SharedThread] = {}

    def adopt(self, path: Path, mailbox: Mailbox) -> None:
        """Use *mailbox* for the child at *path* instead of making one. Before the start."""
        self._mailboxes[path] = mailbox

    def dispatcher(self, name: str) -> Dispatcher:
        """``own`` = a thread for each; any other name = the shared thread of that name."""
        if name == "own":
            return self.own
        if name not in self.shared:
            self.shared[name] = SharedThread(name, self.clock, self._watch.poke)
        return self.shared[name]

    def dispatchers(self) -> list[Dispatcher]:
        """All that there are."""
        return [self.own, *self.shared.values()]

    def slot(
        self, path: Path, spec: ChildSpec, actor_class: type[Any], post: Callable[[Any], None]
    ) -> Slot:
        """The slot at *path*: the old one if there is one, bound to its present supervisor."""
        slot = self.slots.get(path)
        if slot is None:
            slot = Slot(path, spec, actor_class, self.clock, post, self._mailboxes.get(path))
            self.slots[path] = slot
        slot.spec = spec
        slot.post = post
        return slot

    def forget(self, path: Path) -> None:
        """The child at *path* and all below it have ended for good."""
        for known in [p for p in self.slots if p[: len(path)] == path]:
            slot = self.slots.pop(known)
            slot.ended = True
            slot.ref.actor_stopped.set()

    def start(self) -> None:
        """Start what looks for lost threads."""
        self._watch.start()

    def close(self, timeout_s: float) -> None:
        """End the threads; those that are stuck are left behind (they are daemons)."""
        self._watch.stop()
        for dispatcher in self.dispatchers():
            dispatcher.close(timeout_s)
