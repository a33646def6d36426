"""The supervisor actor: carries out what the pure core decides.

Events come in through its mailbox (a child is up, is down, a request, a timer, stop),
`SupervisorCore.handle` answers with effects, and this file executes them. It never
waits: starting and stopping a child are answered by later events, so one slow child
holds up nobody. All supervisors of a tree take turns on one shared control thread.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from pykka._envelope import Envelope

from supervisors.core import check as _check
from supervisors.core import protocol as to
from supervisors.core.core import SupervisorCore
from supervisors.core.spec import ChildSpec, SupervisorSpec
from supervisors.core.words import Restart, Shutdown
from supervisors.errors import NotRunning, StartTimeout, TooManyAbandoned
from supervisors.exit import Exit, ExitKind, shown
from supervisors.run._incarnation import Incarnation
from supervisors.run._stops import answer_stops
from supervisors.run._witness import Witness
from supervisors.run.actor import SupervisedActor
from supervisors.run.events import LifecycleEvent
from supervisors.run.ref import turn_away
from supervisors.run.root import SupervisorRef, start_tree
from supervisors.run.tick import TICK
from supervisors.run.words import ShutDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors.run.runtime import Runtime
    from supervisors.run.slot import Slot
    from supervisors.system.clock import Clock

_EVENTS = get_args(to.Event)
_STARTS = {to.ChildUp: "up", to.ChildFailed: "failed", to.ChildIgnored: "ignored"}


class Supervisor(SupervisedActor):
    """Starts, watches and restarts its children. Made by `Supervisor.start`."""

    reports_own_start: ClassVar[bool] = True

    def __init__(self, spec: SupervisorSpec, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._spec = spec
        self._core = SupervisorCore(spec, seed=runtime.new_seed(), count_from=self._last_number())
        self._witness = Witness(runtime, self.slot, self._core)
        self._slots: dict[str, Slot] = {}
        self._asked: dict[Any, None] = {}
        self._due: dict[object, float] = {}
        self._heap: list[tuple[float, int, object]] = []
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
        return start_tree(cls, spec, clock, runtime)

    def _last_number(self) -> int:
        """Numbers go on over lives of a supervisor: what is late can't be taken for what is new."""
        below = list(self.slot.branch.below.values())
        return max((slot.current.number for slot in below if slot.current), default=0)

    # -- events in ------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Boot the children; `ChildUp` is posted when they are up.

        All have their addresses before the first is made: it may ask for that of a later one.
        """
        if self._spec.template is None:
            for spec in self._spec.children:
                self._slot_for(spec)
        self._feed(to.Boot())

    def on_receive(self, message: Any) -> None:
        """Take one event. Control thread."""
        if message is TICK:
            self._fire()
        elif isinstance(message, _EVENTS):
            self._feed(message)
        else:  # as OTP, which logs it
            self._tell("stray", self.slot.path, 0, type(message).__name__)

    def _shut_down(self, message: ShutDown) -> None:
        assert self._incarnation is not None
        if message.number == self._incarnation.number:
            self._feed(to.Stop(message.exit))

    def _answer_waiters(self, exit: Exit) -> None:
        for token in list(self._asked):
            token.set_exception((NotRunning, NotRunning(self.slot.name, exit), None))

    def _feed(self, event: to.Event) -> None:
        if isinstance(event, to.ChildDown):
            self._note_down(event)
        elif isinstance(event, to.ChildUp | to.ChildFailed | to.ChildIgnored):
            self._note_start(event)
        elif isinstance(event, to.Request):
            if event.token.done:
                return  # whoever asked was told that there is nobody
            self._asked[event.token] = None
        effects = self._core.handle(event, self._runtime.clock.now_s())
        for number, effect in enumerate(effects, start=1):
            if isinstance(effect, to.Report):
                self._witness.saw(effect, self._slots.get(effect.id), effects[number:])
            else:
                self._EFFECTS[type(effect)](self, effect)

    def _slot_of(self, id_: str, incarnation: int) -> Slot | None:
        """The slot of a child, if that is the present incarnation in it."""
        slot = self._slots.get(id_)
        current = slot.current if slot is not None else None
        return slot if current is not None and current.number == incarnation else None

    def _note_start(self, event: to.ChildUp | to.ChildFailed | to.ChildIgnored) -> None:
        slot = self._slot_of(event.id, event.incarnation)
        if slot is None:
            return
        self._unset(("start", event.id, event.incarnation))
        if slot.spec.type == "supervisor" and not isinstance(event, to.ChildUp):
            turn_away(slot)  # it reads no more
        detail = shown(event.error) if isinstance(event, to.ChildFailed) else ""
        self._tell(_STARTS[type(event)], slot.path, event.incarnation, detail)

    def _note_down(self, event: to.ChildDown) -> None:
        slot = self._slot_of(event.id, event.incarnation)
        if slot is None:
            return
        self._unset(("kill", event.id, event.incarnation))
        if slot.spec.type == "supervisor":
            self._runtime.give_up_below(slot)  # nobody, if it ended in good order
            turn_away(slot)
        self._tell("down", slot.path, event.incarnation, str(event.exit))

    # -- effects out ----------------------------------------------------------------------------

    def _start_child(self, effect: to.StartChild) -> None:
        spec = effect.spec
        slot = self._slot_for(spec)
        nested, actor_class = spec.type == "supervisor", slot.ref.actor_class
        incarnation = Incarnation(slot, effect.incarnation)
        if slot.current is not None:
            slot.restarts += 1
        with slot.fence:  # whoever was given up there finds itself present or not (`put_back`)
            slot.current = incarnation
        args = (spec.start, self._runtime) if nested else (*spec.args, *effect.extra_args)
        try:
            self._refuse_leaks(effect.id)
            _check.supervised(f"{effect.id}.start", actor_class)
            actor_class.incarnate(incarnation, args, {} if nested else spec.kwargs)
            if spec.restart is Restart.temporary:
                slot.spec = spec.without_arguments()  # nothing will be started from them again
            if spec.start_timeout_s is not None:
                self._set(("start", effect.id, effect.incarnation), spec.start_timeout_s)
            self._runtime.dispatcher_of(slot).launch(incarnation)  # there may be no thread
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is reported
            incarnation.fail_to_start(error)

    def _slot_for(self, spec: ChildSpec) -> Slot:
        """The slot of a child that is to be started from *spec*."""
        actor_class: Any = Supervisor if isinstance(spec.start, SupervisorSpec) else spec.start
        path = (*self.slot.path, spec.id)
        slot = self._runtime.slot(path, spec, actor_class, self.slot.ref.post)
        slot.ref.actor_class = actor_class
        self._slots[spec.id] = slot
        return slot

    def _refuse_leaks(self, id_: str) -> None:
        """Too many threads are stuck: one more child might be the next."""
        stuck = self._runtime.left_behind.now()
        if stuck >= self._runtime.left_behind.most:
            raise TooManyAbandoned(id_, stuck)

    def _stop_child(self, effect: to.StopChild) -> None:
        slot = self._slots[effect.id]
        incarnation = slot.current
        if incarnation is None or incarnation.finished:
            return
        if effect.shutdown_s is Shutdown.brutal_kill:
            self._runtime.give_up(slot, Exit.killed())
            return
        slot.mailbox.steer(Envelope(ShutDown(effect.incarnation)))
        if incarnation.is_over():  # meanwhile: it reads no more
            answer_stops(slot, incarnation.number)
        if effect.shutdown_s is not Shutdown.infinity:
            self._set(("kill", effect.id, effect.incarnation), float(effect.shutdown_s))

    def _removed(self, effect: to.Removed) -> None:
        slot = self._slots.pop(effect.id, None)
        if slot is not None:
            self._runtime.forget(slot.path)

    def _reply(self, effect: to.Reply) -> None:
        self._asked.pop(effect.token, None)
        if isinstance(effect.value, to.ChildView) and effect.value.state == "running":
            effect.token.address = self._slots[effect.value.id].ref
        if effect.error is not None:
            effect.token.set_exception((type(effect.error), effect.error, None))
        elif effect.counted:
            ended = sum(not self._is_up(*child) for child in effect.counted)
            effect.token.set(replace(effect.value, active=effect.value.active - ended))
        else:
            effect.token.set(effect.value)

    def _is_up(self, id_: str, incarnation: int) -> bool:
        """It itself is asked: the news of its end may still be in our mailbox."""
        slot = self._slot_of(id_, incarnation)
        return slot is not None and slot.current is not None and not slot.current.finished

    def _booted(self, _effect: to.Booted) -> None:
        assert self._incarnation is not None
        for id_, slot in list(self.slot.branch.below.items()):
            if id_ not in self._slots:
                self._runtime.forget(slot.path)  # added to an earlier life: it won't come back
        if self.slot.has_parked:  # an earlier life was stopped while it was parked
            self._come_back()
        self.slot.post(to.ChildUp(self.slot.spec.id, self._incarnation.number))

    def _boot_failed(self, effect: to.BootFailed) -> None:
        assert self._incarnation is not None
        self.actor_stopped.set()
        self._incarnation.fail_to_start(effect.error)

    def _finished(self, effect: to.Finished) -> None:
        self._witness.finished(effect)
        self._tell("finished", self.slot.path, 0, f"{effect.cause}: {effect.exit}")
        self.exit(effect.exit)

    def _parked(self, effect: to.Parked) -> None:
        self.slot.has_parked = True
        self._mark_parked(True)
        self._tell("parked", self.slot.path, 0, str(effect.reason))
        self._witness.parked(effect)

    def _unparked(self, _effect: to.Unparked) -> None:
        self._come_back()

    def _come_back(self) -> None:
        self.slot.has_parked = False
        self._mark_parked(False)
        self._tell("unparked", self.slot.path, 0, "")
        self._witness.came_back()

    def _mark_parked(self, parked: bool) -> None:
        here = self.slot.path
        for path, slot in list(self._runtime.slots.items()):
            if path[: len(here)] == here:
                slot.mailbox.parked = parked
                if parked:
                    slot.mailbox.wake_senders()
                    for upstream in slot.mailbox.fed_by():
                        upstream.wake()

    def _restarting(self, effect: to.Restarting) -> None:
        self._tell("restarting", (*self.slot.path, effect.id), 0, f"in {effect.delay_s:g} s")

    def _tell(self, kind: str, path: tuple[str, ...], incarnation: int, detail: str) -> None:
        self._runtime.journal.tell(
            LifecycleEvent(kind, "/".join(path[1:]), incarnation, " ".join(detail[:500].split()))
        )

    # -- timers: the core's, and the time that a child has to stop ------------------------------

    def _set_timer(self, effect: to.SetTimer) -> None:
        self._set(effect.key, effect.delay_s)

    def _cancel_timer(self, effect: to.CancelTimer) -> None:
        self._unset(effect.key)

    def _set(self, key: object, delay_s: float) -> None:
        due_s = self._runtime.clock.now_s() + delay_s
        self._due[key] = due_s
        heapq.heappush(self._heap, (due_s, next(self._order), key))
        self._next_tick()

    def _unset(self, key: object) -> None:
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
        if incarnation.finished:
            return
        if key[0] == "kill":
            self._runtime.give_up(slot, Exit.killed())
        elif not incarnation.started or slot.spec.type == "supervisor":
            timeout = StartTimeout(key[1], slot.spec.start_timeout_s or 0.0)
            self._runtime.give_up(slot, Exit(ExitKind.killed, error=timeout), timeout)

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
        to.Parked: _parked,
        to.Unparked: _unparked,
        to.Restarting: _restarting,
    }
