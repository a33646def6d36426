"""What the parts of a running tree are to one another, so that none has to know who knows it.

A slot holds an incarnation, the incarnation its actor, a dispatcher runs it, and the runtime has
them all. Each takes the next by one of these Protocols, and only `run/runtime.py`,
`run/supervisor.py` and `run/root.py` put the real ones together. Nothing is run here: the names
are for type checkers and readers, and cost nothing on the way of a message. What each does is said
where it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pykka
    from pykka._envelope import Envelope

    from supervisors.core.spec import ChildSpec
    from supervisors.exit import Exit
    from supervisors.run._answer import Answer
    from supervisors.run._left_behind import LeftBehind
    from supervisors.run._letters import Letters
    from supervisors.run._owner import Owner
    from supervisors.run.events import Journal
    from supervisors.run.mailbox import Mailbox
    from supervisors.run.reports import Place, Teller
    from supervisors.system.clock import Clock
    from supervisors.thread import Thread


class Flag(Protocol):
    """Set once, and looked at from any thread: a `threading.Event`, as Pykka's actors have."""

    def is_set(self) -> bool: ...


class Body(Protocol):
    """What an actor is to its incarnation: Pykka's loop, and how it came to its end.

    All of it is called on the thread that runs the actor, but for `_answer_waiters` (any).
    """

    reports_own_start: ClassVar[bool]
    _start_error: BaseException | None
    _exit: Exit | None
    _vanished: bool

    @property
    def actor_stopped(self) -> Flag: ...
    def on_receive(self, message: Any) -> Any: ...
    def is_chargeable(self, message: Any) -> bool: ...
    def _actor_loop_setup(self) -> None: ...
    def _actor_loop_running(self) -> None: ...
    def _answer_waiters(self, exit: Exit) -> None: ...


class Home(Protocol):
    """What a slot is to its address and to those who run and watch what lives in it.

    To be read from any thread; it changes only in the ways that `Slot` itself describes.
    """

    spec: ChildSpec
    clock: Clock
    mailbox: Mailbox
    mailbox_is_lent: bool
    ended: bool
    last_exit: Exit | None
    sabotage: Callable[[], None] | None

    @property
    def path(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> str: ...
    @property
    def runtime(self) -> Host: ...
    @property
    def ref(self) -> pykka.ActorRef[Any]: ...
    @property
    def current(self) -> Lived | None: ...
    def idle(self) -> bool: ...
    def take_again(self) -> list[Envelope[Any]]: ...
    def take_in_hand(self) -> list[Any]: ...


class Lived(Protocol):
    """What an incarnation is to its slot, its dispatcher and the watch.

    Its own thread runs it by `take_turn`; any other may look at it, wake it, or `lose` it.
    """

    number: int
    handling: Envelope[object] | None
    busy_since_s: float
    revoked: bool
    started: bool
    finished: bool
    last: str
    left_at: tuple[Place, ...]

    @property
    def slot(self) -> Home: ...
    @property
    def actor(self) -> Body | None: ...
    @property
    def wake(self) -> Callable[[], None]: ...
    def run_by(
        self,
        pause: Callable[[float | None], None],
        wake: Callable[[], None],
        messages_a_turn: int | None = None,
    ) -> None: ...
    def take_turn(self) -> bool: ...
    def is_at_work(self) -> bool: ...
    def is_over(self) -> bool: ...
    def lose(self, exit_: Exit, error: BaseException | None = None) -> bool: ...


class Dispatcher(Protocol):
    """Runs incarnations, and can say which have lost their thread."""

    def launch(self, incarnation: Lived) -> None:
        """Start *incarnation* soon, and give it turns until it has ended.

        Raises:
            ThreadRefused: it needs a thread, and none can be started. It is not run.
        """

    def sweep(self) -> None:
        """End with `Exit.lost` whatever was on a thread that is gone; go on without it."""

    def abandon(self, incarnation: Lived) -> None:
        """It does not stop, or hangs: leave it behind, and let others go on without it."""

    def thread_of(self, incarnation: Lived) -> Thread | None:
        """The thread that is running *incarnation* at this moment, if one is."""

    def close(self, timeout_s: float) -> None:
        """Wait for threads that have nothing left to run."""


class Host(Protocol):
    """What a runtime is to slots, dispatchers, the watch and the reporter: they never start it.

    Each of them takes it by its constructor and keeps it for as long as the tree stands.
    """

    clock: Clock
    report: Teller
    reports_at_once: int
    journal: Journal
    dead_letters: Letters
    owner: Owner
    left_behind: LeftBehind
    poke: Callable[[], None]

    @property
    def slots(self) -> Mapping[tuple[str, ...], Home]: ...
    def dispatchers(self) -> Sequence[Dispatcher]: ...
    def lacks_a_thread(self) -> bool: ...
    def new_future(self) -> Answer[Any]: ...
