"""What must be so after a storm: every message in one place, in order, nobody stranded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pykka

from supervisors import LifecycleEvent, Overflow, Runtime, Slot
from tests.chaos.actors import Books, Message

__all__ = ["Witness", "audit"]


class Witness:
    """Listens to the tree: keeps every slot that there ever was, and the order of lives."""

    def __init__(self, runtime: Runtime) -> None:
        self.slots: dict[int, Slot] = {}
        self.events: list[LifecycleEvent] = []
        self.wrongs: list[str] = []
        self._runtime = runtime
        self._up: dict[str, int] = {}
        self._last: dict[tuple[str, int], int] = {}
        runtime.journal.subscribe(self._take)

    def look(self) -> None:
        """Remember the slots of this moment."""
        for slot in list(self._runtime.slots.values()):
            self.slots[id(slot)] = slot

    def _take(self, event: LifecycleEvent) -> None:
        self.events.append(event)
        self.look()
        if event.kind == "up":
            self._came_up(event.path, event.incarnation)
        elif event.kind == "down":
            number = self._up.pop(event.path, event.incarnation)  # one may fall while it boots
            if number != event.incarnation:
                self.wrongs.append(f"{event.path}: #{event.incarnation} is down, up was {number}")
            for below in [path for path in self._up if path.startswith(f"{event.path}/")]:
                del self._up[below]  # with a supervisor goes all below it

    def _came_up(self, path: str, number: int) -> None:
        if path in self._up:
            self.wrongs.append(f"{path}: #{number} is up before #{self._up[path]} was down")
        slot = self._runtime.slots.get(("root", *path.split("/")))
        last = self._last.get((path, id(slot)), 0)  # a new slot counts anew
        if number <= last:
            self.wrongs.append(f"{path}: #{number} after #{last}")
        self._up[path] = self._last[path, id(slot)] = number


def audit(books: Books, witness: Witness, runtime: Runtime, *, threads: bool = False) -> list[str]:
    """All that is wrong; empty if nothing is. After the end of the tree.

    With threads a message may be taken from an actor that has just done with it: then it
    is handled and a culprit, or, with redelivery, handled twice, or a dead letter as well if
    the address ended before it was handed out again.
    """
    return [
        *books.wrongs,
        *witness.wrongs,
        *_order(books, twice=threads),
        *_places(books, witness, runtime, twice=threads),
        *_stranded(books),
        *_orphans(witness),
    ]


def _order(books: Books, *, twice: bool) -> list[str]:
    """Per sender, first in, first out."""
    return [
        f"{sender} -> {receiver}: {numbers}"
        for (sender, receiver), numbers in books.handled.items()
        if numbers != sorted(numbers) or (len(set(numbers)) < len(numbers) and not twice)
    ]


def _places(books: Books, witness: Witness, runtime: Runtime, *, twice: bool) -> list[str]:
    """Each message told is in exactly one place."""
    places: Counter[Any] = Counter()
    dropped = 0
    for slot in witness.slots.values():
        places.update(_keys([letter.message for letter in slot.quarantine.list()]))
        if slot.mailbox.spec.overflow is not Overflow.reject:
            dropped += slot.mailbox.refused
    places.update(books.lost_in_batch)
    places.update(_keys([letter.message for letter in runtime.dead_letters.list()]))
    taken = set(places)
    for (sender, _), numbers in books.handled.items():
        handled = {(sender, number) for number in numbers}
        places.update(handled - taken if twice else [(sender, number) for number in numbers])
    places.update(books.refused)
    told = set(books.told)
    found = [f"{key} is in {n} places" for key, n in places.items() if n > 1 and key in told]
    missing = sorted(told - set(places))
    dropped -= sum(_was_dropped(future) for future in books.asked.values())
    if len(missing) != dropped:
        lost = [f"{key} to {books.told[key]}" for key in missing]
        found.append(f"{dropped} dropped by policy, but missing: {lost}")
    return found


def _keys(messages: Any) -> list[Any]:
    return [message.key for message in messages if isinstance(message, Message)]


def _was_dropped(future: pykka.Future[Any]) -> bool:
    return type(getattr(future, "_error", None)).__name__ == "MailboxFull"


def _orphans(witness: Witness) -> list[str]:
    """No address outlives the tree, and no incarnation."""
    slots = list(witness.slots.values())
    open_ones = [f"the address of {slot} has not ended" for slot in slots if not slot.ended]
    lives = [slot.current for slot in slots if slot.current is not None]
    return open_ones + [f"{life} is an orphan" for life in lives if not life.finished]


def _stranded(books: Books) -> list[str]:
    waiting = [key for key, future in books.asked.items() if not getattr(future, "done", True)]
    return [f"nobody answers {key}, asked of {books.whom.get(key)}" for key in waiting]
