"""The top of a tree: starts the root supervisor and stands in for its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar, cast, overload

from pykka._envelope import Envelope

from supervisors.core import protocol as to
from supervisors.core.protocol import OneLife
from supervisors.core.spec import ChildSpec, ExtraArgs, SupervisorSpec
from supervisors.errors import ChildStartError, NoSuchChild, NotRunning
from supervisors.exit import Exit
from supervisors.run._incarnation import Incarnation
from supervisors.run._witness import report_lost_tree
from supervisors.run.runtime import CONTROL, Runtime
from supervisors.run.words import Ignore, ShutDown
from supervisors.system.clock import Clock, new_token, release, wait_until
from supervisors.system.process import this_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors.run._answer import Answer
    from supervisors.run.actor import SupervisedActor
    from supervisors.run.events import Listener
    from supervisors.run.ref import Ref
    from supervisors.run.slot import Slot

A = TypeVar("A", bound="SupervisedActor")
_ROOT = "root"
_ANSWER_S = 30.0
_UNDO_S = 1.0
_LAST_WORDS_S = 1.0


class ChildInfo(NamedTuple):
    """One child of a supervisor, as `SupervisorRef.which_children` lists it."""

    id: str
    ref: Ref[Any] | None
    """Its address; None if it is of a reload, and has never been started."""
    state: Literal["running", "restarting", "stopped"]
    kind: Literal["worker", "supervisor"]
    incarnation: int
    """Number of its last start attempt, as in events and letters; 0 before the first."""
    starts: int
    """How many of its starts have succeeded."""

    @property
    def life(self) -> OneLife:
        """Names this incarnation and no other, as an Erlang pid does."""
        return OneLife(self.id, self.incarnation)


class SupervisorRef:
    """A supervisor, from outside: any thread but the tree's own.

    Requests are served between restart attempts and during back-offs, as in OTP. They raise
    `ChildError` with OTP's reasons, and `NotRunning` once the supervisor has ended.
    """

    def __init__(self, runtime: Runtime, path: tuple[str, ...], parent: _Parent) -> None:
        self._runtime = runtime
        self._path = path
        self._parent = parent

    def __repr__(self) -> str:
        return f"<SupervisorRef {'/'.join(self._path)}>"

    @property
    def runtime(self) -> Runtime:
        """What the tree runs on."""
        return self._runtime

    @property
    def exit(self) -> Exit | None:
        """How the whole tree ended, or None while it runs. ``lost`` in the child of a fork."""
        this_process()  # a fork may not have been noticed yet
        return self._parent.exit

    def is_alive(self) -> bool:
        """Whether the tree still runs, in this process (parked counts as running)."""
        return self.exit is None and self._path in self._runtime.slots

    # -- looking ----------------------------------------------------------------------------------

    def which_children(self) -> list[ChildInfo]:
        """The children in OTP's order: reverse start order."""
        return [self._info(view) for view in self._ask("which_children", None)]

    def which_child(self, id_: str) -> ChildInfo:
        """One child; under simple_one_for_one by its label.

        Raises:
            ChildError: ``not_found``.
        """
        return self._ask_info("which_child", id_)

    def count_children(self) -> to.ChildCounts:
        """How many specs, living children, supervisors and workers."""
        return cast("to.ChildCounts", self._ask("count_children", None))

    def get_child_spec(self, id_: str) -> ChildSpec:
        """The spec of a child, with all defaults."""
        return cast("ChildSpec", self._ask("get_child_spec", id_))

    @overload
    def child(self, id_: str) -> Ref[Any]: ...

    @overload
    def child(self, id_: str, of: type[A]) -> Ref[A]: ...

    def child(self, id_: str, of: type[object] | None = None) -> Ref[Any]:
        """The address of a child; it stays the same over restarts.

        Args:
            id_: of the child.
            of: the class of its actors, or a base of it, so that type checkers know it, too.

        Raises:
            NoSuchChild: there is none of that id, or it has been deleted. A `KeyError`, too.
            NotRunning: the supervisor has ended, and all addresses with it.
            TypeError: its actors are not *of* that class.
        """
        this_process()  # a fork may not have been noticed yet
        here = self._runtime.slots.get(self._path)
        if here is None:
            raise self._not_running(None)
        return here.child(id_, of)

    def supervisor(self, id_: str) -> SupervisorRef:
        """A child that is a supervisor, from outside.

        Raises:
            NoSuchChild: as for `child`, or it is a worker.
            NotRunning: as for `child`.
        """
        slot = self.child(id_)._slot
        if slot.spec.type != "supervisor":
            raise NoSuchChild("/".join(self._path), id_, [], "supervisor")
        return SupervisorRef(self._runtime, slot.path, self._parent)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each `LifecycleEvent` from now on; the answer unsubscribes it."""
        return self._runtime.journal.subscribe(listener)

    # -- changing ---------------------------------------------------------------------------------

    def start_child(self, spec: ChildSpec | ExtraArgs) -> ChildInfo:
        """Add a child and start it; it comes last in the start order.

        Args:
            spec: a `ChildSpec`; under simple_one_for_one `ExtraArgs` for the template.

        Raises:
            ChildError: ``already_present`` or ``already_started``.
            ChildStartError: it did not start, and nothing was stored.
        """
        return self._ask_info("start_child", spec)

    def terminate_child(self, child: str | OneLife) -> None:
        """Stop a child and keep its spec (a temporary one's goes); also cancels a restart.

        Args:
            child: its id; or one incarnation of it (`ChildInfo.life`), to leave alone
                whatever has taken its place meanwhile.

        Raises:
            ChildError: ``not_found``; ``simple_one_for_one`` for the template's id.
        """
        self._ask("terminate_child", child)

    def restart_child(self, id_: str) -> ChildInfo:
        """Start a child that was stopped.

        Raises:
            ChildError: ``running``, ``restarting`` or ``not_found``.
            ChildStartError: it did not start; its spec is kept.
        """
        return self._ask_info("restart_child", id_)

    def delete_child(self, id_: str) -> None:
        """Forget the spec of a child that was stopped; its address ends.

        Raises:
            ChildError: ``running``, ``restarting`` or ``not_found``.
        """
        self._ask("delete_child", id_)

    def reload(self, spec: SupervisorSpec) -> None:
        """Go by *spec* from now on (OTP's ``code_change``): flags at once, children as they are.

        Children keep running; new ones are not started, and those that are missing in *spec*
        are kept.
        """
        self._ask("reload", spec)

    # -- its end ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Itself; at the end of the ``with`` block the whole tree is stopped."""
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the whole tree has ended; `exit` then says how. Not from one of its actors.

        Ctrl-C ends the wait, in the main thread, and not the tree: stop it, or leave its ``with``.

        Args:
            timeout_s: seconds to wait; None is for ever.

        Returns:
            Whether it has ended. In the child of a fork, where none of it runs: True, at once.
        """
        this_process()  # a fork may not have been noticed yet
        until_s = None if timeout_s is None else self._runtime.clock.now_s() + timeout_s
        if not self._parent.wait_for_exit(until_s):
            return False
        self._runtime.reporter.flush(_LAST_WORDS_S)  # the program may end with it
        return True

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Stop the whole tree, in reverse start order, and its threads.

        Returns:
            True if all ended within *timeout_s* seconds. Threads that are stuck are left
            behind; they are daemons, and nobody listens to them any more. In the child of a
            fork, where none of it runs: True, at once.
        """
        if self._runtime.is_elsewhere():
            return True
        clock, root = self._runtime.clock, (_ROOT,)
        until_s = clock.now_s() + timeout_s
        slot = self._runtime.slots.get(root)
        if self.exit is None:
            self._parent.is_stopping = True
        if slot is not None and slot.current is not None:
            slot.mailbox.steer(Envelope(ShutDown(slot.current.number)))
        ended = self._parent.wait_for_exit(until_s)
        self._runtime.close(max(0.0, until_s - clock.now_s()) if ended else 0.0)
        self._runtime.forget(root)
        return ended

    def _ask_info(self, op: to.Operation, argument: object) -> ChildInfo:
        answer = self._request(op, argument)
        view = answer.get(timeout=_ANSWER_S)
        return self._info(view, answer.address)  # it may have ended meanwhile

    def _info(self, view: to.ChildView, ref: Ref | None = None) -> ChildInfo:
        slot = self._runtime.slots.get((*self._path, view.id))
        ref = ref or (slot.ref if slot is not None else None)
        return ChildInfo(view.id, ref, view.state, view.type, view.incarnation, view.starts)

    def _ask(self, op: to.Operation, argument: object) -> Any:
        return self._request(op, argument).get(timeout=_ANSWER_S)

    def _request(self, op: to.Operation, argument: object = None) -> Answer[object]:
        this_process()  # a fork may not have been noticed yet
        slot = self._runtime.slots.get(self._path)
        if slot is None or _is_down(slot):
            raise self._not_running(slot)
        answer: Answer[object] = self._runtime.new_future()
        slot.ref.tell(to.Request(answer, op, argument))
        if _is_down(slot):  # meanwhile: perhaps nobody will ever look
            answer.set_exception((NotRunning, self._not_running(slot), None))
        return answer

    def _not_running(self, slot: Slot | None) -> NotRunning:
        what, parent = "/".join(self._path), self._parent
        if parent.exit is None:
            return NotRunning(what, self.exit if slot is None else slot.last_exit)
        return NotRunning(what, parent.exit, whole_tree=True, cause=parent.cause)


def _is_down(slot: Slot) -> bool:
    return slot.ended or slot.current is None or slot.current.finished


class _Parent:
    """The root's parent: keeps what it reports, and wakes who waits for it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._clock = runtime.clock
        self._token = new_token()
        runtime.owner.on_lost = self.lose
        self.up = False
        self.error: BaseException | str | None = None
        self.exit: Exit | None = None
        self.cause = ""  # what went wrong last, of a tree that has ended by itself
        self.is_stopping = False  # its owner has asked for the end

    def post(self, event: object) -> None:
        """Take an event of the root. Control thread."""
        if isinstance(event, to.ChildUp):
            self.up = True
        elif isinstance(event, to.ChildFailed):
            self.error = event.error
        elif isinstance(event, to.ChildIgnored):
            self.error = Ignore()
        elif isinstance(event, to.ChildDown):
            if not self.is_stopping:
                report_lost_tree(self._runtime, event.exit)
            self.exit = event.exit
            self._bury()
        release(self._token)

    def lose(self) -> None:
        """This is the child of a fork: the tree is the parent's."""
        self.exit = Exit.lost()
        release(self._token)

    def refused(self, error: BaseException) -> None:
        """A thread is gone that can't be replaced: a start does not wait for it. Any thread."""
        if not self.up:
            self.error = self.error or error
            release(self._token)

    def _bury(self) -> None:
        """There is no next life of a root: nobody below it is left, and all addresses end."""
        slot = self._runtime.slots.get((_ROOT,))
        if slot is not None:
            if slot.last_fault is not None and not self.is_stopping:
                self.cause = str(slot.last_fault)
            self._runtime.give_up_below(slot)
            self._runtime.forget(slot.path)

    def wait_for_start(self) -> None:
        """Block until the tree is up or has failed to come up."""
        wait_until(lambda: self.up or self._is_over(), self._clock, self._token)

    def wait_for_exit(self, until_s: float | None) -> bool:
        """Block until the tree has ended; False if that takes too long."""
        try:
            return wait_until(self._is_over, self._clock, self._token, until_s)
        finally:  # also if Ctrl-C comes in between
            release(self._token)  # for whoever else waits

    def _is_over(self) -> bool:
        return self.exit is not None or self.error is not None


def start_tree(
    cls: type[SupervisedActor], spec: SupervisorSpec, clock: Clock | None, runtime: Runtime | None
) -> SupervisorRef:
    """See `Supervisor.start`: it says what is started, so this file need know no supervisor."""
    runtime = runtime or Runtime(clock)
    parent = _Parent(runtime)
    path = (_ROOT,)
    root = ChildSpec(_ROOT, spec, type="supervisor")
    slot = runtime.slot(path, root, cls, parent.post)
    slot.current = life = Incarnation(slot, 1)
    runtime.owner.on_refused = parent.refused
    runtime.owner.is_starting = True
    try:
        cls.incarnate(life, (spec, runtime), {})
        runtime.start()
        runtime.dispatcher(CONTROL).launch(life)
    except Exception as error:  # it can't be made, or there is no thread for it
        _undo(runtime, slot)
        raise ChildStartError(_ROOT, error) from error
    parent.wait_for_start()
    if not parent.up:
        _undo(runtime, slot)
        raise _start_error(parent.error or parent.exit)
    runtime.owner.is_starting = False
    return SupervisorRef(runtime, path, parent)


def _undo(runtime: Runtime, root: Slot) -> None:
    """Leave nothing of a start that failed: no actor, no thread that isn't stuck, no address.

    Where the control thread is gone, nobody else stops the children that had started.
    """
    runtime.give_up(root, Exit.killed())
    runtime.close(_UNDO_S)
    runtime.forget(root.path)


def _start_error(error: BaseException | str | Exit | None) -> ChildStartError:
    if isinstance(error, ChildStartError):
        return error
    if error is None or isinstance(error, str | BaseException):
        return ChildStartError(_ROOT, error or "it ended while starting")
    return ChildStartError(_ROOT, error.error or str(error))
