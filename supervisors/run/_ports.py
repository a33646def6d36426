"""What the parts of a running tree are to one another, so that none has to know who knows it.

A slot holds an incarnation, the incarnation its actor, a dispatcher runs it, and the runtime has
them all. Each takes the next by one of these Protocols, and only `run/runtime.py`,
`run/supervisor.py` and `run/root.py` put the real ones together. Nothing is run here: the names
are for type checkers and readers, and cost nothing on the way of a message.
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
    from supervisors.run._letters import Letters
    from supervisors.run.events import Journal
    from supervisors.run.mailbox import Mailbox
    from supervisors.run.reports import Place, Teller
    from supervisors.system.clock import Clock
    from supervisors.thread import Thread


class Flag(Protocol):
    """Set once, and looked at from any thread: a `threading.Event`, as Pykka's actors have."""

    def is_set(self) -> bool:
        """Whether it has been set."""


class Body(Protocol):
    """What an actor is to its incarnation: Pykka's loop, and how it came to its end.

    All of it is called on the thread that runs the actor, but for `_answer_waiters` (any).
    """

    reports_own_start: ClassVar[bool]
    _start_error: BaseException | None
    _exit: Exit | None
    _vanished: bool

    @property
    def actor_stopped(self) -> Flag:
        """Set when the actor is to handle nothing more."""

    def on_receive(self, message: Any) -> Any:
        """Handle one message; what it raises is a crash."""

    def is_chargeable(self, message: Any) -> bool:
        """Whether *message* is one that a crash is charged to, and not a word of the tree."""

    def _actor_loop_setup(self) -> None: ...

    def _actor_loop_running(self) -> None: ...

    def _answer_waiters(self, exit: Exit) -> None: ...


class Home(Protocol):
    """What a slot is to its address and to those who run and watch what lives in it.

    To be read from any thread; it changes only in the ways that `Slot` itself describes.
    """

    name: str
    path: tuple[str, ...]
    spec: ChildSpec
    clock: Clock
    mailbox: Mailbox
    mailbox_is_lent: bool
    ended: bool
    last_exit: Exit | None
    sabotage: Callable[[], None] | None

    @property
    def runtime(self) -> Host:
        """What its tree runs on."""

    @property
    def ref(self) -> pykka.ActorRef[Any]:
        """Its address."""

    @property
    def current(self) -> Lived | None:
        """The life that fills it at present, or the last one that did."""

    def idle(self) -> bool:
        """Nothing waits, nothing is in hand, and nobody is starting."""

    def take_again(self) -> list[Envelope[Any]]:
        """What was still to be handed out again: the slot ends."""

    def take_in_hand(self) -> list[Any]:
        """What is left of the batch in hand: the slot ends, and nobody will go on with it."""


class Lived(Protocol):
    """What an incarnation is to its slot, its dispatcher and the watch.

    Its own thread runs it by `take_turn`; any other may look at it, wake it, or `lose` it.
    """

    number: int
    handling: Envelope[Any] | None
    busy_since_s: float
    revoked: bool
    started: bool
    finished: bool
    last: str
    left_at: tuple[Place, ...]

    @property
    def slot(self) -> Home:
        """Where it lives."""

    @property
    def actor(self) -> Body | None:
        """Who lives; None before it is made."""

    @property
    def wake(self) -> Callable[[], None]:
        """Ends its pause. Any thread."""

    def run_by(
        self,
        pause: Callable[[float | None], None],
        wake: Callable[[], None],
        messages_a_turn: int | None = None,
    ) -> None:
        """Take a dispatcher's way to wait and to be woken, before the first turn."""

    def take_turn(self) -> bool:
        """Boot if that is still to be done, then run. True: it has ended."""

    def is_at_work(self) -> bool:
        """It starts, or has a message in hand, and has not ended."""

    def is_over(self) -> bool:
        """`finished`, read anew: it may change at any moment."""

    def lose(self, exit_: Exit, error: BaseException | None = None) -> bool:
        """End it from outside; False if it has ended before."""


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
    on_refused: Callable[[BaseException], None]
    poke: Callable[[], None]

    @property
    def slots(self) -> Mapping[tuple[str, ...], Home]:
        """Every slot of the tree by its path."""

    def dispatchers(self) -> Sequence[Dispatcher]:
        """All who run incarnations here."""

    def lacks_a_thread(self) -> bool:
        """Some actors live on a shared thread that is gone, and could not be replaced so far."""

    def new_future(self) -> Answer[Any]:
        """A future whose wait goes by this tree's clock."""

    def count_abandoned(self, thread: Thread | None) -> None:
        """Remember that *thread* was left behind stuck. Any thread of the tree."""
