"""The stable address of a slot: a `pykka.ActorRef` that survives restarts.

Pykka's own ref is bound to one inbox object and one stop event, so it dies with
its actor. A `Ref` is bound to a slot: what is told while the child is being
restarted waits in the slot's mailbox (supervision.md E1). After the slot has
ended, messages are counted as undelivered and never raise into the sender.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Any, cast

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from supervisors._slot import Slot

__all__ = ["Ref"]


class _Door:
    """The senders' side of a slot's mailbox, in the form of a Pykka inbox."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def put(self, envelope: Envelope[Any]) -> None:
        slot = self._slot
        if slot.ended:
            slot.undelivered += 1
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((pykka.ActorDeadError, _ended(slot), None))
            return
        mailbox = slot.mailbox
        if isinstance(envelope.message, _ActorStop):
            mailbox.steer(envelope)
        elif mailbox.batching is None:
            mailbox.append(envelope)
        elif envelope.reply_to is not None:
            mailbox.steer(envelope)  # a question to an actor that is handed batches
        else:
            mailbox.append(envelope.message)

    def get(self) -> Envelope[Any]:
        raise RuntimeError("an address has no consumer's side")

    def empty(self) -> bool:
        return not self._slot.mailbox.user


def _ended(slot: Slot) -> pykka.ActorDeadError:
    return pykka.ActorDeadError(f"{'/'.join(slot.path)} has ended")


class Ref(pykka.ActorRef[Any]):
    """Address of a supervised child; made by its supervisor, never by a user.

    ``tell``, ``ask``, ``proxy`` and ``stop`` are Pykka's. ``stop()`` ends the present
    incarnation normally; whether there is a next one is the restart type's business.
    """

    def __init__(self, slot: Slot, actor_class: type[Any]) -> None:
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
        self._actor_weakref = weakref.ref(actor)
        self._actor = actor  # what Pykka 4.4 goes by

    def tell(self, message: Any) -> None:
        """Send *message*; it waits if the child is being restarted. Never raises."""
        self.actor_inbox.put(Envelope(message))

    def is_alive(self) -> bool:
        """Whether the address still leads anywhere (also between two incarnations)."""
        return not self._slot.ended


def _nobody() -> None:
    """The weak reference of an address that nobody has filled yet."""
