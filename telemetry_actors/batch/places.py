"""Every place in which an event can be before it has its outcome, and how all of them are walked.

**An event that moves on is in two places for a moment, and never in none**: whoever forwards it
puts it down before letting go. So whoever walks from upstream to downstream meets it once or
twice. The books lean on it (`observe/reading.py`), and so do `flush` and `stop`: what is found
nowhere has ended.

Any thread; takes no lock. Nothing here ends an event: see `life/ending.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from supervisors import InFlight, Mailbox, Ref, Slot
from supervisors.errors import NoSuchChild
from telemetry_actors.books.books import Books
from telemetry_actors.books.ends import Drop
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.event.ticket import Ticket

Kind = SignalKind | None
Path = tuple[str, ...]
Held = tuple[Kind, Any]
"""Kind of record (None: an event), and the item, which begins with its ticket."""


class Holder(Protocol):
    """A class of actors, as far as a walk asks it what a batch of theirs still holds."""

    def held(self, place: Place, flight: InFlight) -> Iterator[Held]:
        """What of *flight* has no end yet and is found nowhere else."""

    def give_up(self, left: Left) -> list[Any]:
        """End the rest of a batch that nobody will go on with; the items that are spared."""


class Place(NamedTuple):
    """A mailbox of the tree, and the actor that takes batches out of it."""

    path: Path
    mailbox: Mailbox
    kind: Kind
    """For a sink: of its records. None: it holds events."""
    actor: Holder
    sinks: tuple[str, ...] = ()
    """Names of the sinks that its records go to, in their order; of a sink's place, its own."""


class Left(NamedTuple):
    """A batch that nobody will go on with, and what has to be known to end it."""

    place: Place
    slot: Slot
    flight: InFlight
    drop: Drop
    """How that ends which has not been decided."""
    books: Books
    spares: Callable[[Ticket], bool]
    """Whether an event goes on in the next process instead of ending here."""
    elsewhere: Callable[[], Container[int]]
    """Serials of the events that are found in other places."""


class OnDisk(Protocol):
    """The journal, as far as it is a place."""

    def pending(self, *, replays: bool) -> Iterable[Ticket]:
        """Events that are there alone. *replays*: those of an earlier process, too."""

    def holds(self, place: int | None) -> bool:
        """Whether it has the event whose ticket says *place*."""


class Places:
    """The places of one gateway, upstream to downstream.

    It knows where events are, and nothing of what becomes of them. Before the tree is built there
    is one place, the gateway's mailbox. Built by the constructor's thread; `know` is called once by
    the thread that starts the tree, all else by any thread.

    Args:
        gateway: the mailbox that `emit()` puts events into.
    """

    def __init__(self, gateway: Mailbox) -> None:
        self.gateway = gateway
        self.on_disk: OnDisk | None = None
        self.slots: Mapping[Path, Slot] = {}
        self._known: Sequence[Place] = ()
        self._taken_out: list[tuple[Kind, list[object]]] = []

    def know(self, places: Sequence[Place], slots: Mapping[Path, Slot]) -> None:
        """These are the places of the tree, which is about to run."""
        self._known, self.slots = places, slots

    def __iter__(self) -> Iterator[Place]:
        return iter(self._known)

    def below(self, path: str) -> Iterator[Place]:
        """Those of the part at *path*, such as ``handlers/app_created``; "" is the whole tree."""
        start = ("root", *path.split("/")) if path else ("root",)
        return (place for place in self._known if place.path[: len(start)] == start)

    def in_hand(self, place: Place) -> InFlight | None:
        """The batch that the actor at *place* has taken."""
        slot = self.slots.get(place.path)
        return slot.in_flight if slot is not None else None

    def held(self, besides: InFlight | None = None, *, replays: bool = True) -> Iterator[Held]:
        """Each item that is in a mailbox or in hand, with its kind of record.

        The mailbox comes before the batch, since that is the way between them, and what is taken
        out to be ended comes last.

        Args:
            besides: a batch that is left out.
            replays: those of an earlier process that are still on disk, too.
        """
        if not self._known:
            for item in self.gateway.held():
                yield None, item
        for number, place in enumerate(self._known):
            yield from self._at(place, besides)
            if number == 0 and self.on_disk is not None:  # what leaves the gateway may go there
                for ticket in self.on_disk.pending(replays=replays):
                    yield None, (ticket, None)
        for kind, items in list(self._taken_out):
            for item in list(items):
                yield kind, item

    def _at(self, place: Place, besides: InFlight | None) -> Iterator[Held]:
        for item in place.mailbox.held():
            yield place.kind, item
        flight = self.in_hand(place)
        if flight is not None and flight is not besides:
            yield from place.actor.held(place, flight)

    @contextmanager
    def taken_out(self, mailbox: Mailbox, kind: Kind = None) -> Iterator[list[Any]]:
        """All of *mailbox*, to be booked or put down elsewhere within the block; held until then.

        (A hundred thousand take a while on a starved host, and somebody may look meanwhile.)
        """
        items: list[object] = []
        self._taken_out.append((kind, items))
        try:
            mailbox.drain(items)
            yield items
        finally:
            self._taken_out[:] = [entry for entry in self._taken_out if entry[1] is not items]

    def steer(self, path: Path, message: str) -> None:
        """Hand *message* to the actor at *path*, ahead of its batches. Never waits."""
        for place in self._known:
            if place.path == path:
                place.mailbox.steer(message)

    def ref(self, path: str) -> Ref:
        """The address of an actor by its path, such as ``handlers/app_created``.

        Raises:
            NoSuchChild: there is none; a `KeyError`, too.
        """
        full = ("root", *path.split("/"))
        slot = self.slots.get((*full, "handler")) or self.slots.get(full)
        if slot is None:
            raise NoSuchChild("root", path, sorted("/".join(p[1:]) for p in self.slots if p[1:]))
        return slot.ref
