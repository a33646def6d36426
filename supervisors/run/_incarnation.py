"""One life of an actor in a slot: its view of the mailbox, its start and its end.

To Pykka it is the actor's inbox (``put``, ``get``, ``empty`` and nothing else), and
that is the whole trick: ``get`` runs in the actor's thread outside Pykka's own
``try``, so it can leave the loop. ``empty`` always says
True, so that a dying actor does not throw its slot's backlog away.

Messages that were told, and are nothing special, never reach Pykka's loop: ``get`` hands
them to ``on_receive`` itself and comes back with what is not so simple. That is the usual
case at half the price (benchmarks, supervise).

Whoever runs it (`run/_dispatcher.py`) calls `take_turn` until it returns True; exactly one
`ChildUp`, `ChildIgnored` or `ChildFailed`, and after an up one `ChildDown`, is posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope

from supervisors.core.protocol import ChildDown, ChildFailed, ChildIgnored, ChildUp
from supervisors.exit import Exit
from supervisors.run._linger import Wait
from supervisors.run._stops import answer_stops
from supervisors.run.tick import TICK
from supervisors.run.words import Crash, Ignore, Left, Stopped, Vanished, Yielded

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors.run._ports import Body
    from supervisors.run.reports import Place
    from supervisors.run.slot import Slot

_NO_END = 1 << 60
_NOTHING = object()
"""In place of a message that was told, and is done with."""


class Incarnation:
    """One life. ``number`` is the start attempt that made it."""

    def __init__(self, slot: Slot, number: int) -> None:
        self.slot = slot
        self.number = number
        self.actor: Body | None = None
        self.pause: Callable[[float | None], None] = _no_host
        self.wake: Callable[[], None] = _nobody_waits
        """Ends its pause, also when the mailbox wakes another one by now. Any thread."""
        self.handling: Envelope[object] | None = None
        self._now_s = slot.clock.now_s
        self.busy_since_s = self._now_s()
        """When it was handed its present message, or began to start."""
        self.revoked = False
        self.started = False
        self.finished = False
        self._booked = False
        """Whoever gave it up saw what it had in hand, and has booked it."""
        self.handled = 0
        self.last = ""
        """Type of the last message, for traces."""
        self.left_at: tuple[Place, ...] = ()
        """Where its thread stood when it was left behind, innermost first."""
        self.started_s = 0.0
        self.messages_a_turn = _NO_END
        """Messages before a shared thread is somebody else's."""
        self._left_in_turn = 0
        self._bare: Envelope[object] = Envelope(_NOTHING)
        """Of each message that was told, in turn."""

    def __repr__(self) -> str:
        return f"<Incarnation {self.number} of {self.slot.name}>"

    def run_by(
        self,
        pause: Callable[[float | None], None],
        wake: Callable[[], None],
        messages_a_turn: int | None = None,
    ) -> None:
        """Take a dispatcher's way to wait and to be woken, before the first turn.

        Args:
            pause: waits so many seconds, or for ever; or leaves by `Yielded`.
            wake: ends that; any thread. From now on a message in the mailbox calls it, too.
            messages_a_turn: after so many a shared thread is somebody else's; None is no bound.
        """
        self.pause = pause
        self.wake = self.slot.mailbox.wake = wake
        if messages_a_turn is not None:
            self.messages_a_turn = messages_a_turn

    def is_over(self) -> bool:
        """`finished`, read anew: it may change at any moment. Any thread."""
        return self.finished

    def is_at_work(self) -> bool:
        """It starts, or has a message in hand, and has not ended. Any thread."""
        return not self.finished and (self.handling is not None or not self.started)

    # -- Pykka's inbox ----------------------------------------------------------------------------

    def put(self, envelope: Envelope[object]) -> None:
        """What the actor sends to itself."""
        self.slot.ref.actor_inbox.put(envelope)

    def empty(self) -> bool:
        """Always True: the backlog is the slot's."""
        return True

    def get(self) -> Envelope[Any]:
        """The next message for the actor; waits, or leaves the loop by an exception."""
        self._done()
        slot = self.slot
        while True:
            left = self._handle_told()
            if left is not None:
                return left
            if self.revoked or slot.ended:  # given up; or its whole tree was, while it was busy
                raise Left
            now_s = self._now_s()
            found = slot.next_envelope(now_s, self)
            if not isinstance(found, Wait):
                self.busy_since_s = now_s
                self.handling = found
                self.last = type(found.message).__name__
                if self.revoked:  # after `handling`: see `_give_back`
                    raise self._give_back(found)
                return found
            self.pause(found.seconds)

    def _give_back(self, envelope: Envelope[object]) -> Left:
        """Given up in the instant in which it took *envelope*, it does not begin with it.

        `lose` revokes and then looks at what is in hand; this thread takes in hand and then
        looks whether it is revoked. So one of the two sees the other, and under the fence they
        agree on who books the message. What was given back comes first in the next life.
        """
        slot = self.slot
        with slot.fence:
            self.handling = None
            if not self._booked:
                slot.put_back(envelope, self)
        if slot.ended:  # meanwhile: nobody will come for it
            slot.ref.bounce_rest()
        return Left()

    def _done(self) -> None:
        """The message before is handled; on a shared thread the turn may be over."""
        if self.handling is not None:
            self.handled += self.handling.message is not TICK  # a clock's word is no progress
            self.slot.handled(self.handling)
            self.handling = None
            self._left_in_turn -= 1
        self._mind_the_turn()

    def _mind_the_turn(self) -> None:
        if self._left_in_turn <= 0:
            self._left_in_turn = self.messages_a_turn
            if self.handled:
                self.pause(0.0)

    def _handle_told(self) -> Envelope[object] | None:  # noqa: C901 -- each message's way: one piece
        """Handle messages that were told, until something else is due.

        What makes it stop and leave the next one to `Slot.next_envelope`: a word of the
        supervisor, a timer, a message to be handed out again, the end of the turn or of the
        actor. In a deterministic runtime each step is to be seen, so it handles none.

        Returns:
            What Pykka's loop is to do: a question; or to raise what a message has raised, which
            is still the one in hand.
        """
        slot, mailbox, bare = self.slot, self.slot.mailbox, self._bare
        user, system = mailbox.user, mailbox.system
        if not (user and mailbox.plain) or self.messages_a_turn == 1 or slot.hands_out_again():
            return None
        actor, now_s, bounded = self._actor(), self._now_s, mailbox.bounded
        stopped, last = actor.actor_stopped.is_set, self.handled + self._left_in_turn
        question = None
        while (
            user
            and not (system or self.revoked or slot.ended or stopped())
            and slot.due_s is None
            and self.handled < last
        ):
            try:
                message = user.popleft()
            except IndexError:  # a sender dropped the oldest, or the slot has ended
                break
            if bounded:
                mailbox.taken(message)
            self.busy_since_s = now_s()
            if type(message) is Envelope:
                question = message
                break
            bare.message = message
            self.handling = bare
            if self.revoked:  # after `handling`: see `_give_back`
                raise self._give_back(Envelope(message))
            try:
                actor.on_receive(message)
            except BaseException as error:  # noqa: BLE001 -- Pykka's loop is to raise it
                return Envelope(Crash(error))
            bare.message = _NOTHING  # before the look at `revoked`: it is not taken for the next
            self.handled += 1
        self.handling = question
        if question is not None and self.revoked:
            raise self._give_back(question)
        self._left_in_turn = last - self.handled
        if question is None:
            if stopped():
                raise Stopped
            self._mind_the_turn()
        return question

    # -- life -------------------------------------------------------------------------------------

    def take_turn(self) -> bool:
        """Boot if that is still to be done, then run. True: it has ended.

        Raises:
            Vanished: the thread is to go without a word.
        """
        if not self.started and not self._boot():
            return True
        return self._run()

    def _boot(self) -> bool:
        """Run ``on_start`` and say how it went. False: there is nothing to run."""
        actor, id_ = self._actor(), self.slot.spec.id
        actor._actor_loop_setup()
        error = actor._start_error
        with self.slot.fence:
            if self.revoked or self.finished:
                return False  # it took too long: its supervisor has given it up
            self.started_s = self.slot.clock.now_s()
            self.started, self.finished = error is None, error is not None
        if error is not None:
            self.fail_to_start(error)
            return False
        if not actor.reports_own_start:
            self.slot.post(ChildUp(id_, self.number))
        return True

    def fail_to_start(self, error: BaseException | str) -> None:
        """It did not start, or chose not to. Supervisor's thread while it is made, else its own."""
        self.finished = True
        id_ = self.slot.spec.id
        ignored = isinstance(error, Ignore)
        self.slot.post(
            ChildIgnored(id_, self.number) if ignored else ChildFailed(id_, self.number, error)
        )
        answer_stops(self.slot, self.number)

    def _run(self) -> bool:
        """Pykka's loop, until the actor ends (True) or gives a shared thread back (False)."""
        actor = self._actor()
        try:
            actor._actor_loop_running()
        except Yielded:
            return False
        except Left:
            return True
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 -- escaped from Pykka's loop, or a hook
            self._end(Exit.crash(error))
            return True
        if actor._vanished:
            raise Vanished
        self._end(actor._exit or Exit.normal())
        return True

    def lose(self, exit_: Exit, error: BaseException | None = None) -> bool:
        """End it from outside: its thread is gone, or it hangs. Any thread but its own.

        One that had not started yet has failed to (*error* says why, if it isn't the exit).

        It is revoked before its end is posted; what it still does, should it come back,
        reaches neither the slot nor the supervisor.

        Returns:
            False: it has ended before, and its own thread says so: nobody is to be left behind.
        """
        slot = self.slot
        with slot.fence:
            if self.revoked or self.finished:
                return False
            self.revoked = True
            started, self.finished = self.started, not self.started
            flight = slot.in_flight
            if flight is not None:
                slot.in_flight = flight.fresh()
        if started:
            self._end(exit_)
        else:
            self.fail_to_start(error or str(exit_))
        return True

    def _end(self, exit_: Exit) -> None:
        slot = self.slot
        with slot.fence:
            if self.finished or (self.revoked and slot.current is not self):
                return
            self.finished = True
            self._charge(exit_)
            slot.last_exit = exit_
        self._actor()._answer_waiters(exit_)
        progressed = slot.spec.type == "worker" and (self.handled > 0 or self._gained())
        uptime_s = slot.clock.now_s() - self.started_s
        slot.post(ChildDown(slot.spec.id, self.number, exit_, progressed, uptime_s))
        answer_stops(slot, self.number, self.handling)

    def _charge(self, exit_: Exit) -> None:
        """What was in hand pays for the crash: its item, or the message itself."""
        envelope, flight = self.handling, self.slot.in_flight
        if envelope is self._bare:
            envelope = Envelope(envelope.message)
        if envelope is None or envelope.message is _NOTHING:
            return
        self._booked = True
        if not exit_.abnormal:
            return
        if flight is not None and type(envelope.message) is type(flight):
            flight.interrupted = True
        elif self._actor().is_chargeable(envelope.message):
            self.slot.charge(envelope, exit_, self.number)

    def _gained(self) -> bool:
        flight = self.slot.in_flight
        if flight is None:
            return False
        gained, flight.progressed = flight.progressed > 0, 0
        return gained

    def _actor(self) -> Body:
        assert self.actor is not None
        return self.actor


def _no_host(_seconds: float | None) -> None:
    raise AssertionError("nobody runs this incarnation")


def _nobody_waits() -> None:
    """The wake of an incarnation that was not launched, or shares its thread."""
