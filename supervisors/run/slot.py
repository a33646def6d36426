"""A slot: one place in the tree, with all that outlives the actor in it.

An *address* (`Ref`) names a slot; an *incarnation* is one life of the actor that
fills it. Mailbox, batch in hand, timer and counters are the slot's, so a restart
loses none of them (semantics.md g17, ADR-0002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka
from pykka._envelope import Envelope

from supervisors.core.inflight import InFlight
from supervisors.exit import Exit
from supervisors.run._branch import Branch
from supervisors.run._letters import Letter, Letters
from supervisors.run._linger import Wait
from supervisors.run.mailbox import Mailbox
from supervisors.run.ref import Ref
from supervisors.run.tick import TICK
from supervisors.system.native import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors.core.spec import ChildSpec
    from supervisors.run._ports import Host, Lived
    from supervisors.run.reports import Fault


class Slot:
    """The lasting part of a child: mailbox, address, batch in hand, counters.

    Args:
        path: where it stands, such as ``("root", "handlers", "app_created")``.
        actor_class: whose incarnations fill it.
        post: hands an event to the supervisor; any thread, never blocks.
        mailbox: given when the mailbox was made before the tree.
    """

    def __init__(
        self,
        path: tuple[str, ...],
        spec: ChildSpec,
        actor_class: type[object],
        runtime: Host,
        post: Callable[[object], None],
        mailbox: Mailbox | None = None,
    ) -> None:
        self.branch: Branch[Slot] = Branch(path)
        self.spec = spec
        self.runtime = runtime
        self.clock = runtime.clock
        self.post = post
        self.mailbox = mailbox if mailbox is not None else Mailbox(spec.mailbox)
        self.mailbox_is_lent = mailbox is not None
        """Made before the tree: what is left in it at the end is its owner's to count."""
        self.mailbox.dues.now_s = runtime.clock.now_s
        self.ref: Ref = Ref(self, actor_class)
        self.in_flight: InFlight | None = None
        self.current: Lived | None = None
        self.due_s: float | None = None
        self.last_exit: Exit | None = None
        self.last_fault: Fault | None = None
        """If a supervisor is in it: what went wrong last with a child of it."""
        self.restarts = 0
        self.ended = False
        self.has_parked = False
        """The supervisor in it has parked, and has not come back."""
        self.fence = Lock()
        """Held for the moment in which an incarnation changes what is the slot's, and while
        one is revoked. Never by a sender."""
        self.quarantine = Letters()
        self.sabotage: Callable[[], None] | None = None
        """Testing: given to the next batch in hand."""
        self._again: tuple[Envelope[object], int] | None = None

    def __repr__(self) -> str:
        return f"<Slot {self.name}>"

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands, root first."""
        return self.branch.path

    @property
    def name(self) -> str:
        """See `Branch`."""
        return self.branch.name

    def child(self, id_: str, of: type[object] | None = None) -> Ref[Any]:
        """The address of a child of the supervisor in this slot. Any thread.

        Raises:
            NoSuchChild: there is none.
            TypeError: its actors are not *of* that class.
        """
        found = self.branch.child(id_)
        if of is not None and not issubclass(found.ref.actor_class, of):
            raise TypeError(f"{found.ref} is no {of.__qualname__}")
        return found.ref

    def all_below(self) -> list[Slot]:
        """The slots below this one, a child before its own children. Any thread."""
        found = [self]
        for slot in found:  # it grows meanwhile
            found.extend(list(slot.branch.below.values()))
        return found[1:]

    def next_envelope(self, now_s: float, life: Lived) -> Envelope[Any] | Wait:
        """What *life* is to do next, or how long it may wait. Consumer's thread."""
        if self.due_s is not None and now_s >= self.due_s and not self.mailbox.system:
            self.due_s = None
            return Envelope(TICK)
        if self._again is not None and not self.mailbox.system:
            return self._again[0]
        found = self.mailbox.poll(now_s, self.in_flight)
        if type(found) is Wait:
            return self._until_due(now_s, found)
        if type(found) is int:  # so many items wait in a coalescing mailbox
            return self._take(found, now_s, life)
        return found if type(found) is Envelope else Envelope(found)

    def _take(self, count: int, now_s: float, life: Lived) -> Envelope[object] | Wait:
        """A batch; none for a life that was given up meanwhile (it would be nobody's)."""
        with self.fence:
            if life.revoked:
                return Wait(0.0)
            flight = self.in_flight = InFlight()
            flight.taken_s = now_s
            flight.sabotage, self.sabotage = self.sabotage, None
            self.mailbox.take(count, flight.batch, now_s)
            return Envelope(flight)

    def _until_due(self, now_s: float, wait: Wait) -> Wait:
        if self.due_s is None:
            return wait
        left_s = max(self.due_s - now_s, 0.0)
        return Wait(left_s if wait.seconds is None else min(left_s, wait.seconds))

    def hands_out_again(self) -> bool:
        """Whether a message that an actor did not survive is next."""
        return self._again is not None

    def handled(self, envelope: Envelope[object]) -> None:
        """The actor has survived *envelope*. Its own thread."""
        if self._again is not None and self._again[0] is envelope:
            self._again = None

    def charge(self, envelope: Envelope[object], exit_: Exit, incarnation: int) -> None:
        """The actor has not survived *envelope*: hand it out again, or quarantine it.

        A question is answered once; one that has its answer is not handed out again.
        """
        attempts = self._again[1] if self._again and self._again[0] is envelope else 0
        answered = getattr(envelope.reply_to, "done", False)
        if attempts < self.spec.redeliver and not answered:
            self._again = (envelope, attempts + 1)
            return
        self._again = None
        self._set_aside(envelope, exit_, incarnation)

    def _set_aside(self, envelope: Envelope[object], exit_: Exit, incarnation: int) -> None:
        self.quarantine.keep(Letter(self.name, envelope.message, str(exit_), incarnation))
        if envelope.reply_to is not None:
            error = pykka.ActorDeadError(f"{self.name} did not survive the question: {exit_}")
            envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))

    def put_back(self, envelope: Envelope[object], life: Lived) -> None:
        """*life* was given up as it took *envelope*. Its thread, under the fence.

        It goes before all that waits. If another life is at work already it may have taken what
        came after; then the order of its sender's messages would be broken, and it is set aside.
        """
        again = self._again is not None and self._again[0] is envelope
        if again or isinstance(envelope.message, InFlight):
            return  # it never left the slot
        if envelope.message is TICK:
            self.due_s = self.clock.now_s() if self.due_s is None else self.due_s
        elif self.current is life:
            self.mailbox.put_back(envelope)
        else:
            self._set_aside(envelope, Exit.killed(), life.number)

    def take_again(self) -> list[Envelope[Any]]:
        """What was still to be handed out again: the slot ends."""
        again, self._again = self._again, None
        return [] if again is None else [again[0]]

    def take_in_hand(self) -> list[Any]:
        """What is left of the batch in hand: the slot ends, and nobody will go on with it."""
        flight, self.in_flight = self.in_flight, None
        return [] if flight is None else flight.remaining()

    def idle(self) -> bool:
        """Nothing waits, nothing is in hand, and nobody is starting."""
        return (
            not self.mailbox.user
            and not self.mailbox.system
            and self.in_flight is None
            and (self.current is None or not self.current.is_at_work())
        )
