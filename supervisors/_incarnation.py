"""One life of an actor in a slot: its view of the mailbox, its start and its end.

To Pykka it is the actor's inbox (``put``, ``get``, ``empty`` and nothing else), and
that is the whole trick: ``get`` runs in the actor's thread outside Pykka's own
``try``, so it can leave the loop (supervision.md A1, E7). ``empty`` always says
True, so that a dying actor does not throw its slot's backlog away.

Whoever runs it (`_dispatcher.py`) calls `boot` once and `run` until it returns
True; exactly one `ChildUp`/`ChildFailed` and one `ChildDown` are posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supervisors._exit import Exit
from supervisors._mailbox import Wait
from supervisors._protocol import ChildDown, ChildFailed, ChildUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._envelope import Envelope

    from supervisors._actor import SupervisedActor
    from supervisors._slot import Slot

__all__ = ["Incarnation", "Left", "Vanished", "Yielded"]

_MESSAGES_A_TURN = 16


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
        self.handling: Any = None
        self.revoked = False
        self.started = False
        self.finished = False
        self.asked_to_stop = False
        self.handled = 0
        self.started_s = 0.0
        self.shares_thread = False
        self._left_in_turn = _MESSAGES_A_TURN

    def __repr__(self) -> str:
        return f"<Incarnation {self.number} of {'/'.join(self.slot.path)}>"

    # -- Pykka's inbox --------------------------------------------------------------------------

    def put(self, envelope: Envelope[Any]) -> None:
        """What the actor sends to itself."""
        self.slot.ref.actor_inbox.put(envelope)

    def empty(self) -> bool:
        """Always True: the backlog is the slot's."""
        return True

    def get(self) -> Envelope[Any]:
        """The next message for the actor; waits, or leaves the loop by an exception."""
        if self.handling is not None:
            self.handled += 1
            self.handling = None
            if self.shares_thread and self._turn_is_over():
                self.pause(0.0)
        slot = self.slot
        while True:
            if self.revoked:
                raise Left
            found = slot.next_envelope(slot.clock.now_s())
            if not isinstance(found, Wait):
                self.handling = found.message
                return found
            self.pause(found.seconds)

    def _turn_is_over(self) -> bool:
        self._left_in_turn -= 1
        if self._left_in_turn > 0:
            return False
        self._left_in_turn = _MESSAGES_A_TURN
        return True

    # -- life -----------------------------------------------------------------------------------

    def boot(self) -> bool:
        """Run ``on_start`` and say how it went. False: it failed, and there is nothing to run."""
        actor = self._actor()
        actor._actor_loop_setup()
        error = actor._start_error
        if error is not None:
            self.finished = True
            self.slot.post(ChildFailed(self.slot.spec.id, self.number, error))
            return False
        self.started = True
        self.started_s = self.slot.clock.now_s()
        if not actor.reports_own_start:
            self.slot.post(ChildUp(self.slot.spec.id, self.number))
        return True

    def run(self) -> bool:
        """Pykka's loop, until the actor ends (True) or gives a shared thread back (False).

        Raises:
            Vanished: the thread is to go without a word.
        """
        actor = self._actor()
        try:
            actor._actor_loop_running()
        except Yielded:
            return False
        except Left:
            return True
        except Vanished:
            raise
        except BaseException as error:  # noqa: BLE001 -- escaped from Pykka's loop itself, or from a hook
            self._end(Exit.crash(error))
            return True
        if actor._vanished:
            raise Vanished
        self._end(actor._exit or Exit.normal())
        return True

    def lose(self, exit: Exit) -> None:
        """End it from outside: the thread is gone or hangs. Supervisor's thread."""
        self._end(exit)
        self.revoked = True

    def _end(self, exit: Exit) -> None:
        if self.revoked or self.finished:
            return
        self.finished = True
        slot = self.slot
        if self.handling is not None and self.handling is slot.in_flight:
            slot.in_flight.interrupted = True
        progressed = self.handled > 0 or (slot.in_flight is not None and self._gained())
        slot.last_exit = exit
        uptime_s = slot.clock.now_s() - self.started_s
        slot.post(ChildDown(slot.spec.id, self.number, exit, progressed, uptime_s))

    def _gained(self) -> bool:
        flight = self.slot.in_flight
        assert flight is not None
        gained, flight.progressed = flight.progressed > 0, 0
        return gained

    def _actor(self) -> SupervisedActor:
        assert self.actor is not None
        return self.actor


def _no_host(_seconds: float | None) -> None:
    raise AssertionError("nobody runs this incarnation")
