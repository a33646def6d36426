"""The supervisor actor: carries out what the pure core decides.

Events come in through its mailbox (a child is up, is down, a request, a timer, stop),
`SupervisorCore.handle` answers with effects, and this file executes them. It never
waits: starting and stopping a child are answered by later events, so one slow child
holds up nobody. All supervisors of a tree take turns on one shared control thread.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._envelope import Envelope

from supervisors import _protocol as to
from supervisors._actor import ShutDown, SupervisedActor
from supervisors._core import SupervisorCore
from supervisors._events import LifecycleEvent
from supervisors._exit import Exit
from supervisors._incarnation import Ignore, Incarnation
from supervisors._slot import TICK
from supervisors._spec import Shutdown, SupervisorSpec
from supervisors.errors import StartTimeout, TooManyAbandoned

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors._clock import Clock
    from supervisors._dispatcher import Dispatcher
    from supervisors._root import SupervisorRef
    from supervisors._runtime import Runtime
    from supervisors._slot import Slot

__all__ = ["CONTROL", "Supervisor"]

CONTROL = "supervisors"
"""Name of the shared thread that all supervisors of a tree take turns on."""


_seeds = count(1)


class Supervisor(SupervisedActor):
    """Starts, watches and restarts its children. Made by `Supervisor.start`."""

    reports_own_start: ClassVar[bool] = True

    def __init__(self, spec: SupervisorSpec, runtime: Runtime) -> None:
        super().__init__()
        self._core = SupervisorCore(spec, seed=next(_seeds))
        self._runtime = runtime
        self._slots: dict[str, Slot] = {}
        self._due: dict[Any, float] = {}
        self._heap: list[tuple[float, int, Any]] = []
        self._order = count()

    @classmethod
    def start(  # type: ignore[override]
        cls, spec: SupervisorSpec, *, clock: Clock | None = None, runtime: Runtime | None = None
    ) -> SupervisorRef:
        """Start a tree: its children in order, each when the one before is up.

        Blocks the calling thread until all are up.

        Args:
            spec: what to start.
            clock: the machine's by default.
            runtime: threads and mailboxes to use; a new one by default.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        from supervisors._root import start_tree

        return start_tree(cls, spec, clock, runtime)

    # -- events in ------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Boot the children; `ChildUp` is posted when they are up."""
        self._feed(to.Boot())

    def on_receive(self, message: Any) -> None:
        """Take one event. Control thread."""
        if message is TICK:
            self._fire()
        else:
            self._feed(message)

    def _shut_down(self, message: ShutDown) -> None:
        assert self._incarnation is not None
        if message.number == self._incarnation.number:
            self._feed(to.Stop())

    def _feed(self, event: to.Event) -> None:
        if isinstance(event, to.ChildDown):
            self._note_down(event)
        elif isinstance(event, to.ChildUp | to.ChildFailed | to.ChildIgnored):
            self._unset(("start", event.id, event.incarnation))
        for effect in self._core.handle(event, self._runtime.clock.now_s()):
            self._EFFECTS[type(effect)](self, effect)

    def _note_down(self, event: to.ChildDown) -> None:
        slot = self._slots.get(event.id)
        if slot is None or slot.current is None or slot.current.number != event.incarnation:
            return
        self._unset(("kill", event.id, event.incarnation))
        self._tell("down", slot.path, event.incarnation, str(event.exit))

    # -- effects out ----------------------------------------------------------------------------

    def _start_child(self, effect: to.StartChild) -> None:
        spec = effect.spec
        nested = isinstance(spec.start, SupervisorSpec)
        actor_class: Any = Supervisor if nested else spec.start
        path = (*self.slot.path, effect.id)
        slot = self._runtime.slot(path, spec, actor_class, self.slot.ref.tell)
        self._slots[effect.id] = slot
        incarnation = Incarnation(slot, effect.incarnation)
        if slot.current is not None:
            slot.restarts += 1
        slot.current = incarnation
        args = (spec.start, self._runtime) if nested else (*spec.args, *effect.extra_args)
        try:
            self._refuse_leaks(effect.id)
            actor_class.incarnate(incarnation, args, {} if nested else spec.kwargs)
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is reported
            incarnation.finished = True
            ignored = isinstance(error, Ignore)
            failed = to.ChildFailed(effect.id, effect.incarnation, error)
            slot.post(to.ChildIgnored(effect.id, effect.incarnation) if ignored else failed)
            return
        if spec.start_timeout_s is not None:
            self._set(("start", effect.id, effect.incarnation), spec.start_timeout_s)
        self._dispatcher_of(slot).launch(incarnation)
        self._tell("up", slot.path, effect.incarnation, "")

    def _refuse_leaks(self, id_: str) -> None:
        """Too many threads are stuck: one more child might be the next."""
        stuck = self._runtime.abandoned
        if stuck >= self._runtime.max_abandoned:
            raise TooManyAbandoned(id_, stuck)

    def _dispatcher_of(self, slot: Slot) -> Dispatcher:
        nested = slot.spec.type == "supervisor"
        return self._runtime.dispatcher(CONTROL if nested else slot.spec.dispatcher)

    def _stop_child(self, effect: to.StopChild) -> None:
        slot = self._slots[effect.id]
        incarnation = slot.current
        if incarnation is None or incarnation.finished:
            return
        if effect.shutdown_s is Shutdown.brutal_kill:
            self._abandon(slot, incarnation)
            return
        slot.mailbox.steer(Envelope(ShutDown(effect.incarnation)))
        if effect.shutdown_s is not Shutdown.infinity:
            self._set(("kill", effect.id, effect.incarnation), float(effect.shutdown_s))

    def _abandon(
        self, slot: Slot, incarnation: Incarnation, error: BaseException | None = None
    ) -> None:
        """Brutal kill, in so far as a thread can be killed: nobody listens to it any more."""
        self._end_below(slot)
        incarnation.lose(Exit.killed(), error)
        self._dispatcher_of(slot).abandon(incarnation)

    def _end_below(self, slot: Slot) -> None:
        """A supervisor that is abandoned leaves no orphan: all below it are abandoned, too."""
        if slot.spec.type == "worker":
            return
        depth = len(slot.path)
        for path, below in list(self._runtime.slots.items()):
            if len(path) > depth and path[:depth] == slot.path and below.current is not None:
                below.current.lose(Exit.killed())
                self._dispatcher_of(below).abandon(below.current)

    def _removed(self, effect: to.Removed) -> None:
        slot = self._slots.pop(effect.id, None)
        if slot is not None:
            self._runtime.forget(slot.path)

    def _reply(self, effect: to.Reply) -> None:
        if effect.error is not None:
            effect.token.set_exception((type(effect.error), effect.error, None))
        else:
            effect.token.set(effect.value)

    def _booted(self, _effect: to.Booted) -> None:
        assert self._incarnation is not None
        self.slot.post(to.ChildUp(self.slot.spec.id, self._incarnation.number))

    def _boot_failed(self, effect: to.BootFailed) -> None:
        assert self._incarnation is not None
        self._incarnation.finished = True
        self.actor_stopped.set()
        self.slot.post(to.ChildFailed(self.slot.spec.id, self._incarnation.number, effect.error))

    def _finished(self, effect: to.Finished) -> None:
        self._tell("finished", self.slot.path, 0, str(effect.exit))
        self.exit(effect.exit)

    def _parked(self, effect: to.Parked) -> None:
        self._mark_parked(True)
        self._tell("parked", self.slot.path, 0, str(effect.reason))

    def _unparked(self, _effect: to.Unparked) -> None:
        self._mark_parked(False)
        self._tell("unparked", self.slot.path, 0, "")

    def _mark_parked(self, parked: bool) -> None:
        here = self.slot.path
        for path, slot in list(self._runtime.slots.items()):
            if path[: len(here)] == here:
                slot.mailbox.parked = parked
                if parked:
                    for upstream in slot.mailbox.fed_by():
                        upstream.wake()

    def _restarting(self, effect: to.Restarting) -> None:
        self._tell("restarting", (*self.slot.path, effect.id), 0, f"in {effect.delay_s:g} s")

    def _ignore(self, _effect: Any) -> None:
        """Reports of the core say in OTP's words what the other records say already."""

    def _tell(self, kind: str, path: tuple[str, ...], incarnation: int, detail: str) -> None:
        self._runtime.journal.tell(
            LifecycleEvent(kind, "/".join(path[1:]), incarnation, detail[:500])
        )

    # -- timers: the core's, and the time that a child has to stop ------------------------------

    def _set_timer(self, effect: to.SetTimer) -> None:
        self._set(effect.key, effect.delay_s)

    def _cancel_timer(self, effect: to.CancelTimer) -> None:
        self._unset(effect.key)

    def _set(self, key: Any, delay_s: float) -> None:
        due_s = self._runtime.clock.now_s() + delay_s
        self._due[key] = due_s
        heapq.heappush(self._heap, (due_s, next(self._order), key))
        self._next_tick()

    def _unset(self, key: Any) -> None:
        self._due.pop(key, None)

    def _next_tick(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # cancelled, or set anew
        self.slot.due_s = self._heap[0][0] if self._heap else None

    def _fire(self) -> None:
        now_s = self._runtime.clock.now_s()
        while self._heap and self._heap[0][0] <= now_s:
            due_s, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due_s:
                del self._due[key]
                self._time_is_up(key)
        self._next_tick()

    def _time_is_up(self, key: Any) -> None:
        if key[0] not in ("kill", "start"):
            self._feed(to.Timer(key))
            return
        slot = self._slots.get(key[1])
        incarnation = slot.current if slot is not None else None
        if slot is None or incarnation is None or incarnation.number != key[2]:
            return
        if key[0] == "kill" and not incarnation.finished:
            self._abandon(slot, incarnation)
        elif key[0] == "start" and not (incarnation.started or incarnation.finished):
            timeout = StartTimeout(key[1], slot.spec.start_timeout_s or 0.0)
            self._abandon(slot, incarnation, timeout)

    _EFFECTS: ClassVar[dict[type, Callable[[Supervisor, Any], None]]] = {
        to.StartChild: _start_child,
        to.StopChild: _stop_child,
        to.Removed: _removed,
        to.Reply: _reply,
        to.SetTimer: _set_timer,
        to.CancelTimer: _cancel_timer,
        to.Booted: _booted,
        to.BootFailed: _boot_failed,
        to.Finished: _finished,
        to.Report: _ignore,
        to.Parked: _parked,
        to.Unparked: _unparked,
        to.Restarting: _restarting,
    }
