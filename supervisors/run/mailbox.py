"""The mailbox of a slot: bounded, two lanes, coalescing, and never lost with its actor.

In Pykka the inbox is an attribute of the actor, so a crash loses the backlog. Here
it belongs to the *slot* (ADR-0002); an incarnation gets a view of it (`run/_incarnation.py`).

Two lanes: what steers an actor (stop, questions, a supervisor's word) overtakes
the backlog and is never bounded. User items are bounded in count and in bytes;
the bounds are exact for one producer and may be overshot by one item per
producing thread, since producers take no lock.

`put`/`offer`/`extend` run on the sender's thread: one append, two compares, and a wake only
when the consumer asked for one (`wake_at`). They are re-entrant, for signal handlers. `poll`
runs on the consumer's thread and never blocks: it says what is next, or how long to wait.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat, starmap
from typing import Any

from pykka._envelope import Envelope

from supervisors.core.inflight import InFlight
from supervisors.core.spec import MailboxSpec
from supervisors.core.words import Overflow
from supervisors.errors import MailboxFull
from supervisors.run._back_pressure import BackPressure
from supervisors.run._linger import Batching, Dues, Linger, Wait
from supervisors.run._messages import answer, bare, emptied, first, own_size
from supervisors.system.clock import Clock
from supervisors.system.native import get_ident

_NEVER = sys.maxsize


_UNTIL_WOKEN = Wait(None)


class Mailbox:
    """Two lanes of messages, owned by a slot.

    Args:
        spec: bounds, and whether (and how) items are handed out in batches.
        size_of: charged bytes of a user item; by default the length of bytes and texts, or
            ``message.size_bytes``, else 0.
    """

    def __init__(self, spec: MailboxSpec, size_of: Callable[[Any], int] = own_size) -> None:
        self.spec = spec
        self.batching = (
            None
            if spec.batch_max_items is None
            else Batching(
                spec.linger_s,
                spec.batch_max_items,
                spec.batch_max_bytes or _NEVER,
                spec.linger_growth,
            )
        )
        self.max_items = spec.max_items or _NEVER
        self.max_bytes = spec.max_bytes or _NEVER
        self.system: deque[Any] = deque()
        self.user: deque[Any] = deque()
        self.queued_bytes = 0
        self.wake: Callable[[], None] = _asleep
        self.parked = False
        """Nobody will take from here for now; counts as having room."""
        self.refused = 0
        self.interrupted: set[int] = set()
        """Threads whose `append` put its item in, and was then broken off by Ctrl-C."""
        self._size_of = size_of
        self._weighs = (
            size_of is not own_size
            or spec.max_bytes is not None
            or spec.batch_max_bytes is not None
        )
        """Where nothing depends on bytes they aren't counted: it costs as much as the append."""
        self.bounded = spec.max_items is not None or self._weighs
        self.plain = self.batching is None and size_of is own_size
        """No batches, no feed: a message that is told is put in bare."""
        self._wake_at = _NEVER
        self._wake_at_bytes = _NEVER
        self._linger = Linger(spec.linger_s)
        self.back_pressure: BackPressure[Mailbox] = BackPressure()
        self.dues = Dues(self._linger)

    def __repr__(self) -> str:
        return f"<Mailbox {len(self.user)} items, {self.queued_bytes} B, {len(self.system)} system>"

    def __len__(self) -> int:
        return len(self.user)

    # -- wiring, before the tree runs ----------------------------------------------------------

    def feed(self, downstream: Iterable[Mailbox]) -> None:
        """Take a batch only while every mailbox of *downstream* has room (back-pressure)."""
        self.back_pressure.down = tuple(downstream)
        self.plain = False
        for mailbox in self.back_pressure.down:
            mailbox.plain = False
            mailbox.back_pressure.up.append(self)

    def fed_by(self) -> tuple[Mailbox, ...]:
        """The mailboxes whose consumers forward to this one."""
        return tuple(self.back_pressure.up)

    def is_parked(self) -> bool:
        """`parked`, read anew: it may change at any moment."""
        return self.parked

    # -- senders: any thread, re-entrant, no lock, no wait -------------------------------------

    def has_room(self, size: int = 0) -> bool:
        """Whether an item of *size* bytes fits now. True while parked."""
        if self.parked:
            return True
        return len(self.user) < self.max_items and self.queued_bytes + size <= self.max_bytes

    def steer(self, message: Any) -> None:
        """Put *message* into the system lane."""
        self.system.append(message)
        self.wake()

    def put_back(self, message: Any) -> None:
        """*message* was taken, and not begun with: it comes first. Any thread."""
        self.system.appendleft(message)
        self.wake()

    def offer(self, item: Any, clock: Clock, name: str) -> None:
        """Put one message of an ordinary sender; a full mailbox does what its spec says.

        Raises:
            MailboxFull: the policy is ``reject``; the message is in the error.
        """
        size = self._size_of(item) if self._weighs else 0
        if self.has_room(size):
            self.append(item, size)
            return
        policy = self.spec.overflow
        if policy is Overflow.block:
            self.back_pressure.wait(lambda: self.has_room(size), clock)
            self.append(item, size)
            return
        capacity = f"{self.spec.max_items} messages, {self.spec.max_bytes} bytes"
        full = MailboxFull(name, capacity=capacity, message=bare(item))
        if policy is Overflow.drop_oldest:
            self._drop_oldest(size, full)
            self.append(item, size)
            return
        self.refused += 1
        if policy is Overflow.reject:
            raise full
        answer(item, full)

    def _drop_oldest(self, size: int, full: MailboxFull) -> None:
        while self.user and not self.has_room(size):
            try:
                oldest = self.user.popleft()
            except IndexError:
                return
            self.refused += 1  # each: there may be several, if it was parked above its bound
            freed = self._size_of(oldest) if self._weighs else 0
            self.queued_bytes -= freed  # no call between load and store: others count, too
            answer(oldest, full)

    def append(self, item: Any, size: int = 0) -> None:
        """Put one user item, whatever the bounds say: ask `has_room` first.

        A signal handler that raises may break it off. Whether the item is in, `interrupted` says;
        bytes and wake-ups are right either way.
        """
        user = self.user
        try:
            user.append(item)
        except (MemoryError, RecursionError):  # its own; it has done nothing
            raise
        except BaseException:  # a handler's, which runs when a call is over, never before it
            self._break_off(size)
            raise
        self.queued_bytes += size
        if len(user) >= self._wake_at or self.queued_bytes >= self._wake_at_bytes:
            try:
                self._wake_consumer()
            except RecursionError:  # the sender is at its limit; the next one wakes
                self._wake_at = 1
            except BaseException:
                self._break_off(0)
                raise

    def _break_off(self, size: int) -> None:
        self.queued_bytes += size
        self._wake_at = 1  # the next one wakes
        self.interrupted.add(get_ident())

    def extend(self, items: list[Any], size: int = 0) -> None:
        """Put several user items at once, in order."""
        user = self.user
        user.extend(items)
        self.queued_bytes += size
        self.dues.came()
        if len(user) >= self._wake_at or self.queued_bytes >= self._wake_at_bytes:
            try:
                self._wake_consumer()
            except RecursionError:  # the sender is at its limit; the next one wakes
                self._wake_at = 1

    def _wake_consumer(self) -> None:
        self._wake_at = self._wake_at_bytes = _NEVER  # one wake is enough, and here it comes
        self.wake()

    def hurry(self, on: bool) -> None:
        """Cut lingers short while at least one caller wants it (flush, stop)."""
        self._linger.hurries += 1 if on else -1
        self.wake()

    # -- the consumer's thread ------------------------------------------------------------------

    def poll(self, now_s: float, in_flight: InFlight | None) -> Any:
        """The next message, or `Wait`.

        Args:
            now_s: the clock's time.
            in_flight: the slot's unfinished batch; it is handed out again, when due, before
                anything new is taken.

        Returns:
            A system message; *in_flight*; a user message; for a coalescing mailbox a number
            of items to `take`; or `Wait`.
        """
        self._wake_at = self._wake_at_bytes = _NEVER
        if self.system:
            return self.system.popleft()
        if in_flight is not None:
            return self._again(now_s, in_flight)
        if self.back_pressure.down and not self.back_pressure.has_room_below():
            return _UNTIL_WOKEN if not self.system else self.system.popleft()
        if self.batching is None:
            return self._next_one()
        return self._next_batch(now_s, self.batching)

    def _again(self, now_s: float, in_flight: InFlight) -> Any:
        due_s = in_flight.due_s
        if due_s is None or now_s >= due_s:
            return in_flight
        return Wait(due_s - now_s)

    def _next_one(self) -> Any:
        if not self.user:
            return self._wait(1, None)
        try:
            item = self.user.popleft()
        except IndexError:  # a sender has just dropped the oldest, and it was the only one
            return Wait(0.0)
        self.taken(item)
        return Envelope(item) if self.plain and type(item) is not Envelope else item

    def taken(self, item: Any) -> None:
        """*item* was taken out of the user lane: there is room."""
        if self._weighs or self.back_pressure.senders or self.back_pressure.up:
            self._made_room(self._size_of(item) if self._weighs else 0)

    def _next_batch(self, now_s: float, batching: Batching) -> Any:
        count = len(self.user)
        full = count >= batching.max_items or self.queued_bytes >= batching.max_bytes
        left_s = self._linger.left_s(batching, count, now_s, full=full)
        if left_s is None:
            return self._wait(1, None)
        return self._wait(batching.max_items, left_s) if left_s > 0 else count

    def _wait(self, wake_at: int, seconds: float | None) -> Wait:
        """Ask to be woken at *wake_at* items; what came meanwhile ends the wait at once."""
        hurry = self._linger.hurries
        self._wake_at = 1 if hurry else wake_at
        self._wake_at_bytes = self.batching.max_bytes if self.batching else _NEVER
        if len(self.user) >= wake_at or self.system or (hurry and self.user):
            return Wait(0.0)
        return Wait(seconds)

    def let_go(self, now_s: float) -> None:
        """The batch in hand is done with: what waits is due anew."""
        self.dues.due_s = math.inf  # first: what is put in from here on finds it so
        if self.user:
            self.dues.due_s = now_s + self._linger.present_s

    def held_back(self) -> bool:
        """Whether a mailbox downstream is full: its consumer isn't to take. Any thread."""
        return not all(m.has_room() for m in self.back_pressure.down)

    def take(self, count: int, into: list[Any], now_s: float) -> None:
        """Move up to *count* items (and at most a batch) to the end of *into*; see `move`."""
        assert self.batching is not None
        count = min(count, self.batching.max_items)
        if self.queued_bytes > self.batching.max_bytes:
            count = self._prefix_within(count, self.batching.max_bytes)
        self.move(count, into)
        self._linger.begin(self.batching, now_s, count)
        self._made_room(sum(map(self._size_of, into)) if self._weighs else 0)

    def move(self, count: int, into: list[Any]) -> None:
        """Move the first *count* user items to the end of *into*. One taker at a time.

        The move is one C call: there is no instant at which a crash finds an item in neither
        place.

        Raises:
            IndexError: there are fewer; those that were there have been moved.
        """
        into.extend(starmap(self.user.popleft, repeat((), count)))

    def _prefix_within(self, count: int, max_bytes: int) -> int:
        total = 0
        for n, item in enumerate(self.held(count)):
            total += self._size_of(item)
            if total > max_bytes:
                return max(n, 1)
        return count

    def wake_senders(self) -> None:
        """Let whoever waits for room (``block``) look again. Any thread."""
        self.back_pressure.wake_senders()

    def _made_room(self, size: int) -> None:
        self.queued_bytes -= size
        self.back_pressure.made_room()

    def room_below(self) -> None:
        """A mailbox that this one feeds has room: the consumer may have waited. Any thread."""
        if self.back_pressure.blocked:
            self.dues.got_room()
            self.wake()

    # -- observers ------------------------------------------------------------------------------

    def held(self, count: int = _NEVER) -> list[Any]:
        """A copy of the first *count* user items, or of all. Any thread."""
        return first(self.user, count)

    def oldest(self) -> Any:
        """The user item that is next; None: there is none. Any thread, re-entrant."""
        try:
            return self.user[0]
        except IndexError:  # it is empty, or has just become so
            return None

    def steering(self) -> list[Any]:
        """A copy of the system lane. Any thread."""
        return first(self.system, _NEVER)

    def drain_system(self) -> list[Any]:
        """Take all out of the system lane (the slot is gone). Any thread."""
        return emptied(self.system, [])

    def drain(self, into: list[Any] | None = None) -> list[Any]:
        """Take all user items out (the slot is parked or gone), into a list that others may see."""
        taken: list[Any] = [] if into is None else into
        while self.user:
            with suppress(IndexError):  # a sender dropped the oldest
                self.move(len(self.user), taken)
        self._made_room(sum(map(self._size_of, taken)) if self._weighs else 0)
        return taken


def _asleep() -> None:
    """The wake of a mailbox whose slot has no incarnation: the next one looks by itself."""
