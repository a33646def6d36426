"""The stable address of a slot: a `pykka.ActorRef` that survives restarts.

Pykka's own ref is bound to one inbox object and one stop event, so it dies with
its actor. A `Ref` is bound to a slot: what is told while the child is being
restarted waits in the slot's mailbox. After the slot has
ended, messages are counted as undelivered and never raise into the sender.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Any, cast

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervisors.core import protocol as to
from supervisors.core.words import Restart
from supervisors.errors import NotRunning
from supervisors.exit import Exit
from supervisors.run._letters import Letter
from supervisors.run._messages import is_question
from supervisors.run._stops import answer_stops
from supervisors.run._zombies import LEFT_BEHIND, is_left_behind
from supervisors.run.words import Crash, Revoked, ShutDown
from supervisors.system.process import SAME, notice_fork

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from supervisors.run._ports import Home

    A = TypeVar("A", bound=pykka.Actor, default=Any)  # `Ref` alone is a `Ref[Any]`
else:
    from typing import TypeVar

    A = TypeVar("A")

_NEEDS_AN_ENVELOPE = frozenset((_ActorStop, ProxyCall, ProxyGetAttr, ProxySetAttr, Envelope))
"""Pykka's own messages, all that `pykka.messages` has: its loop is to see them."""
_NO_MORE = "stopped before handling the message"
"""As Pykka says it; and of what came later that there is nobody to be found."""
_WORDS_OF_OURS = (Crash, ShutDown, to.ChildUp, to.ChildIgnored, to.ChildFailed, to.ChildDown)
"""What the tree says to itself: nobody's letter when it comes too late."""


class _Door:
    """The senders' side of a slot's mailbox, in the form of a Pykka inbox."""

    def __init__(self, slot: Home) -> None:
        self._slot = slot

    def put(self, envelope: Envelope[Any]) -> None:
        slot = self._slot
        if _has_ended(slot):
            _bounce(slot, envelope)
            return
        mailbox = slot.mailbox
        if isinstance(envelope.message, _ActorStop):
            _stop_present(slot, envelope)
        elif mailbox.batching is None:
            mailbox.offer(envelope, slot.clock, slot.name)
        elif envelope.reply_to is not None:
            mailbox.steer(envelope)  # a question to an actor that is handed batches
        else:
            mailbox.offer(envelope.message, slot.clock, slot.name)
        if slot.ended:  # meanwhile: nobody will come for it
            _bounce_rest(slot)

    def get(self) -> Envelope[Any]:
        raise RuntimeError("an address has no consumer's side")

    def empty(self) -> bool:
        return not self._slot.mailbox.user


def _stop_present(slot: Home, envelope: Envelope[Any]) -> None:
    """Pykka's stop, for the present incarnation: the next one must not find it (ADR-0002)."""
    life = slot.current
    if life is not None and not life.finished:
        slot.mailbox.steer(Envelope(ShutDown(life.number, Exit.normal()), envelope.reply_to))
        if life.is_over():  # meanwhile: it reads no more
            answer_stops(slot, life.number)
    elif envelope.reply_to is not None:
        envelope.reply_to.set(None)


def _bounce(slot: Home, envelope: Envelope[Any], why: str = "not found") -> None:
    """A message to an address that has ended: a dead letter, and an error to who asked."""
    if envelope.reply_to is not None:
        envelope.reply_to.set_exception((pykka.ActorDeadError, _dead(slot, why), None))
    asked = getattr(envelope.message, "token", None)  # a request to a supervisor
    if isinstance(asked, pykka.Future):
        asked.set_exception((NotRunning, NotRunning(slot.name, slot.last_exit), None))
    elif not isinstance(envelope.message, (_ActorStop, *_WORDS_OF_OURS)):
        slot.runtime.dead_letters.keep(Letter(slot.name, envelope.message, "ended", 0))


def _dead(slot: Home, why: str) -> pykka.ActorDeadError:
    return pykka.ActorDeadError(f"{slot.ref} {why}")


def _refuse(slot: Home, message: Any) -> None:
    """*message* is the word of a ghost (`run/_zombies.py`)."""
    if not isinstance(message, (_ActorStop, *_WORDS_OF_OURS)):
        slot.runtime.dead_letters.keep(Letter(slot.name, message, "sender was given up", 0))
    raise Revoked


def _bounce_rest(slot: Home) -> None:
    """Empty the lanes of a slot that has ended; each message is bounced once.

    What is left in a mailbox that was lent is its owner's; who asked there is answered.
    """
    mailbox = slot.mailbox
    rest = slot.take_again() + mailbox.drain_system()
    if slot.mailbox_is_lent:
        for question in filter(is_question, mailbox.held()):
            question.reply_to.set_exception((pykka.ActorDeadError, _dead(slot, _NO_MORE), None))
    else:
        rest += slot.take_in_hand() + mailbox.drain()
    for found in rest:
        _bounce(slot, found if type(found) is Envelope else Envelope(found), _NO_MORE)


def turn_away(slot: Home) -> None:
    """A supervisor is down: who waits for an answer hears so; all else is for its next life."""
    for item in slot.mailbox.drain():
        envelope = item if type(item) is Envelope else Envelope(item)
        if isinstance(envelope.message, to.Request):
            _bounce(slot, envelope)
        else:
            slot.mailbox.append(item)


class Ref(pykka.ActorRef[A]):
    """Address of a supervised child; made by its supervisor, never by a user.

    ``tell``, ``ask``, ``proxy`` and ``stop`` are Pykka's. ``stop()`` ends the present
    incarnation normally; whether there is a next one is the restart type's business.
    """

    def __init__(self, slot: Home, actor_class: type[A]) -> None:
        # not Pykka's __init__: it would bind us to one incarnation's inbox and stop event
        self.actor_class = actor_class
        self.actor_urn = uuid.uuid4().urn
        self.actor_inbox = _Door(slot)
        self.actor_stopped = threading.Event()
        self._actor_weakref = cast("weakref.ref[Any]", _nobody)
        self._slot = slot

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({'/'.join(self._slot.path)})"

    def bind(self, actor: pykka.Actor) -> None:
        """Point proxies at the present incarnation. Supervisor's thread."""
        self._actor_weakref = weakref.ref(cast("A", actor))
        self._actor = actor  # what Pykka 4.4 goes by

    def tell(self, message: Any) -> None:
        """Send *message*; it waits if the child is being restarted, and raises nothing if it ended.

        Raises:
            MailboxFull: the mailbox is full, and its ``overflow`` is ``reject``.
            Revoked: the sender is an actor that was given up, on the thread that was left
                behind with it. *message* is a dead letter.
        """
        if not SAME[0]:
            notice_fork()
        if LEFT_BEHIND and is_left_behind():
            _refuse(self._slot, message)
        slot = self._slot
        mailbox = slot.mailbox
        if slot.ended or not mailbox.plain or type(message) in _NEEDS_AN_ENVELOPE:
            self.actor_inbox.put(Envelope(message))
            return
        if mailbox.bounded:
            mailbox.offer(message, slot.clock, slot.name)
        else:
            mailbox.append(message)
        if self._slot.ended:  # it ended in between: nobody will come for it
            _bounce_rest(slot)

    def post(self, event: Any) -> None:
        """A word of the tree to a supervisor: taken whatever its bounds, and whoever says it.

        An incarnation that is given up in the middle of its end still has to tell of it.
        """
        self._slot.mailbox.append(event)
        if self._slot.ended:
            _bounce_rest(self._slot)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a question; see `pykka.ActorRef.ask`. While the child is restarted it waits.

        Raises:
            pykka.ActorDeadError: the address has ended, or ends before the answer.
            pykka.Timeout: no answer within *timeout* seconds.
            Revoked: as `tell`.
        """
        if not SAME[0]:
            notice_fork()
        if LEFT_BEHIND and is_left_behind():
            _refuse(self._slot, message)
        future: pykka.Future[Any] = self._slot.runtime.new_future()
        self.actor_inbox.put(Envelope(message, reply_to=future))
        return future.get(timeout=timeout) if block else future

    def end(self) -> None:
        """Nothing will fill the slot again: bounce what still waits. Supervisor's thread."""
        self._slot.ended = True
        self.actor_stopped.set()
        _bounce_rest(self._slot)
        self._slot.mailbox.wake()  # whoever still waits there may go

    def bounce_rest(self) -> None:
        """Something was put into the mailbox after `end`. Any thread of the tree."""
        _bounce_rest(self._slot)

    def is_alive(self) -> bool:
        """Whether the address still leads anywhere (also between two incarnations).

        A temporary child has one life only: its address is as good as ended with that.
        """
        if not SAME[0]:
            notice_fork()
        return not _has_ended(self._slot)


def _has_ended(slot: Home) -> bool:
    """Nobody will come for what is sent there: it has ended, or is about to. Any thread.

    The address of a temporary child ends when its supervisor hears that its only life is over.
    Who knows of that already, since a stop was answered, needn't wait for it.
    """
    life = slot.current
    if slot.ended or slot.spec.restart is not Restart.temporary or life is None:
        return slot.ended
    # An actor is there before its ``__init__`` has run: then it has no such mark yet.
    stopped = getattr(life.actor, "actor_stopped", None)
    return life.finished or (stopped is not None and stopped.is_set())


def _nobody() -> None:
    """The weak reference of an address that nobody has filled yet."""
