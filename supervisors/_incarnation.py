"""One life of an actor in a slot: its view of the mailbox, its start and its end.

To Pykka it is the actor's inbox (``put``, ``get``, ``empty`` and nothing else), and
that is the whole trick: ``get`` runs in the actor's thread outside Pykka's own
``try``, so it can leave the loop (supervision.md A1, E7). ``empty`` always says
True, so that a dying actor does not throw its slot's backlog away.

Whoever runs it (`_dispatcher.py`) calls `take_turn` until it returns True; exactly one
`ChildUp`, `ChildIgnored` or `ChildFailed`, and after an up one `ChildDown`, is posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope

from supervisors._exit import Exit
from supervisors._mailbox import Wait
from supervisors._protocol import ChildDown, ChildFailed, ChildIgnored, ChildUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors._actor import SupervisedActor
    from supervisors._slot import Slot

__all__ = ["Ignore", "Incarnation", "Left", "Vanished", "Yielded"]


class Ignore(Exception):
    """Raise it in ``on_start``: the child chooses not to run (OTP's ``ignore``). No failure."""


class Left(BaseException):
    """The incarnation was revoked: leave the loop, post nothing."""


class Vanished(BaseException):
    """Testing: the thread goes, and nobody is told (`supervisors.testing.end_thread`)."""


class Yielded(BaseException):
    """Nothing to do, or the turn is over: give the shared thread back."""


class Incarnation:
    """One life. ``number`` is the start attempt that made it."""

    def __init__(self, slot: Slot, number: int) -> None:
        self.slot = slot
        self.number = number
        self.actor: SupervisedActor | None = None
        self.pause: Callable[[float | None], None] = _no_host
        self.handling: Envelope[Any] | None = None
        self.busy_since_s = slot.clock.now_s()
        """When it was handed its present message, or began to start."""
        self.revoked = False
        self.started = False
        self.finished = False
        self.handled = 0
        self.last = ""
        """Type of the last message, for traces."""
        self.started_s = 0.0
        self.messages_a_turn: int | None = None
        """Messages before a shared thread is somebody else's; None = its own thread."""
        self._left_in_turn = 0

    def __repr__(self) -> str:
        return f"<Incarnation {self.number} of {self.slot.name}>"

    # -- Pykka's inbox ----------------------------------------------------------------------------

    def put(self, envelope: Envelope[Any]) -> None:
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
            if self.revoked:
                raise Left
            now_s = slot.clock.now_s()
            found = slot.next_envelope(now_s)
            if not isinstance(found, Wait):
                self.busy_since_s = now_s
                self.handling = found
                self.last = type(found.message).__name__
                return found
            self.pause(found.seconds)

    def _done(self) -> None:
        """The message before is handled; on a shared thread the turn may be over."""
        if self.handling is not None:
            self.handled += 1
            self.slot.handled(self.handling)
            self.handling = None
            self._left_in_turn -= 1
        if self.messages_a_turn is not None and self._left_in_turn <= 0:
            self._left_in_turn = self.messages_a_turn
            if self.handled:
                self.pause(0.0)

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
        if self.revoked or self.finished:
            return False  # it took too long: its supervisor has given it up
        error = actor._start_error
        if error is not None:
            self.finished = True
            ignored = isinstance(error, Ignore)
            self.slot.post(
                ChildIgnored(id_, self.number) if ignored else ChildFailed(id_, self.number, error)
            )
            return False
        self.started = True
        self.started_s = self.slot.clock.now_s()
        if not actor.reports_own_start:
            self.slot.post(ChildUp(id_, self.number))
        return True

    def _run(self) -> bool:
        """Pykka's loop, until the actor ends (True) or gives a shared thread back (False)."""
        actor = self._actor()
        try:
            actor._actor_loop_running()
        except Yielded:
            return False
        except Left:
            return True
        except BaseException as error:  # noqa: BLE001 -- escaped from Pykka's loop, or a hook
            self._end(Exit.crash(error))
            return True
        if actor._vanished:
            raise Vanished
        self._end(actor._exit or Exit.normal())
        return True

    def lose(self, exit_: Exit, error: BaseException | None = None) -> None:
        """End it from outside: its thread is gone, or it hangs. Any thread but its own.

        One that had not started yet has failed to (*error* says why, if it isn't the exit).

        It is revoked before its end is posted; what it still does, should it come back,
        reaches neither the slot nor the supervisor.
        """
        slot = self.slot
        with slot.fence:
            if self.revoked or self.finished:
                return
            self.revoked = True
            flight = slot.in_flight
            if flight is not None:
                slot.in_flight = flight.fresh()
        if self.started:
            self._end(exit_)
            return
        self.finished = True
        slot.post(ChildFailed(slot.spec.id, self.number, error or str(exit_)))

    def _end(self, exit_: Exit) -> None:
        slot = self.slot
        with slot.fence:
            if self.finished or (self.revoked and slot.current is not self):
                return
            self.finished = True
            self._charge(exit_)
            slot.last_exit = exit_
        progressed = self.handled > 0 or self._gained()
        uptime_s = slot.clock.now_s() - self.started_s
        slot.post(ChildDown(slot.spec.id, self.number, exit_, progressed, uptime_s))

    def _charge(self, exit_: Exit) -> None:
        """What was in hand pays for the crash: its item, or the message itself."""
        envelope, flight = self.handling, self.slot.in_flight
        if envelope is None or not exit_.abnormal:
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

    def _actor(self) -> SupervisedActor:
        assert self.actor is not None
        return self.actor


def _no_host(_seconds: float | None) -> None:
    raise AssertionError("nobody runs this incarnation")
