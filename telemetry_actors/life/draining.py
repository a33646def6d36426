"""Draining: waiting until what is held has its outcome, and for no longer than allowed.

`flush` and `stop` are made of this. All of it may run in a signal handler that has interrupted
another call to the same gateway, so it takes no lock that such a call may hold, and where it
waits, it waits for a limited time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from supervisors import Ref
from supervisors.system.clock import Token, new_token, release
from supervisors.system.native import acquire
from supervisors.thread import is_want_of_threads
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.life.aside import Asked
from telemetry_actors.life.life import Life
from telemetry_actors.life.starting import FAILS, build, run_on_who_waits, say_why_not_up
from telemetry_actors.lifecycle.exit import is_ending
from telemetry_actors.sinks.metrics_actor import Collect, Collected

_FIRST_LOOK_S, _LAST_LOOK_S = 0.002, 0.05
_METRICS_SHARE = 0.25
"""Of the time to drain in; the metrics have it even if the events before them never end."""
_LAST_METRICS_S = 2.0
"""At the end a metric sink that does not answer is not worth a longer wait than this."""
_REFUSED_FOR_GOOD = 2
_STUCK_S = 1.0
"""Seconds without an outcome after which a stop leaves the rest of earlier processes' events."""
_LONG_WAIT_S = 0.25
"""A back-off that goes on for longer than this is cut short at the end."""


class Drained(NamedTuple):
    """What came of it."""

    empty: bool
    """Nothing is held any more."""
    metrics_exported: bool
    """A collection of all metrics was accepted."""
    measured: list[Ticket]
    """Durable events whose measurements that collection had in it, and whose records are still
    at a sink."""


def flush_life(life: Life, timeout_s: float, *, own: bool = False) -> bool:
    """See `TelemetryGateway.flush`."""
    until_s = life.clock.now_s() + timeout_s
    if life.phase.state == "new" and not life.places.gateway.user:
        return True
    if not await_tree(life, until_s):
        return False
    with _Hurry(life):
        if not own and not _wait(life, until_s, lambda: not _is_taking_over(life)):
            return False
        before = next(life.door.enqueuer.serials)
        if not _wait(life, until_s, lambda: not _holds_older_than(life, before, own)):
            return False
        return _collect(life, until_s)


def drain_life(life: Life, end_s: float, *, replays: bool = False) -> Drained:
    """Let all that is held get out, until *end_s* on the clock. There is a tree.

    With *replays*, what earlier processes left as well, as long as something gets out.

    The three signals get out at the same time: the metrics are collected as soon as every event
    is mapped, while logs and spans are still being sent.
    """
    clock = life.clock
    late_s = end_s - (end_s - clock.now_s()) * _METRICS_SHARE
    assert life.outlets.budget is not None
    life.outlets.budget.begin(end_s)
    metrics = _Collections(life)
    with _Hurry(life):
        stuck = _Stuck(life) if replays else None
        _wait(life, late_s, lambda: not (replays and _is_replaying(life)) or _is_stuck(stuck))
        mapped = _wait(life, late_s, lambda: not _holds_unmapped(life) or _is_stuck(stuck))
        metrics.begin()
        enough_s = min(end_s, clock.now_s() + _LAST_METRICS_S)
        _wait(
            life,
            end_s,
            lambda: (is_empty(life) or _is_stuck(stuck)) and metrics.over(enough_s),
            metrics.token,
        )
        if not mapped and is_empty(life):  # what was mapped after the collection is in none
            metrics.begin()
            _wait(life, end_s, lambda: metrics.over(end_s), metrics.token)
    return Drained(is_empty(life), metrics.accepted(), metrics.measured())


class _Stuck:
    """Whether nothing has got out for a while: earlier processes' events can wait on disk."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._seen, self._since_s = life.books.endings, life.clock.now_s()

    def look(self) -> bool:
        """True: it is not worth waiting any longer."""
        now_s, endings = self._life.clock.now_s(), self._life.books.endings
        if endings != self._seen:
            self._seen, self._since_s = endings, now_s
        return now_s - self._since_s > _STUCK_S


def _is_stuck(stuck: _Stuck | None) -> bool:
    """Whether the rest is left. None: it never is."""
    return stuck is not None and stuck.look()


def _is_taking_over(life: Life) -> bool:
    """Folders of ended processes are still to be found or read."""
    return life.stores.journal is not None and life.stores.journal.adopting


def _is_replaying(life: Life) -> bool:
    """Something that an earlier process left is still on disk alone."""
    return _is_taking_over(life) or (
        life.stores.journal is not None and life.stores.journal.replays > 0
    )


def is_empty(life: Life) -> bool:
    """Whether everything accepted has its outcome. What is replayed can as well wait on disk."""
    _cut_long_waits(life)
    return next(life.places.held(replays=False), None) is None


def held_count(life: Life) -> int:
    """About how many events are held, records at sinks counted one by one. Takes no copy."""
    if life.running.tree is None:
        return len(life.places.gateway.user)
    flights = [life.places.in_hand(place) for place in life.places]
    in_hand = sum(len(flight.batch) for flight in flights if flight is not None)
    return in_hand + sum(len(place.mailbox.user) for place in life.places)


def held_in_memory(life: Life) -> int:
    """How many events would be lost if the process ended now, each counted once. Takes no lock.

    What the journal holds is not: the next process sends it.
    """
    journal = life.stores.journal
    tickets = (item[0] for _, item in life.places.held(replays=False))
    return len({t.serial for t in tickets if journal is None or not journal.holds(t.place)})


def _holds_older_than(life: Life, serial: int, own: bool) -> bool:
    tickets = (item[0] for _, item in life.places.held(replays=not own))
    return any(t.serial < serial and not (own and _is_taken_over(t)) for t in tickets)


def _is_taken_over(ticket: Ticket) -> bool:
    """An earlier process accepted it, and left it in the journal."""
    if ticket.place is None:
        return False
    from telemetry_actors.stores.journal.segment import is_adopted  # there is a journal

    return is_adopted(ticket.place)


def _holds_unmapped(life: Life) -> bool:
    _cut_long_waits(life)
    return any(kind is None for kind, _ in life.places.held(replays=False))


def _cut_long_waits(life: Life) -> None:
    """A batch that waits to be sent again is sent now, if the end has come (g22).

    Looked at again and again, since a sink may have begun its wait while we began to stop.
    """
    if life.outlets.budget is None or not life.outlets.budget.begun:
        return
    now_s = life.clock.now_s()
    for place in life.places:
        flight = life.places.in_hand(place)
        due_s = flight.due_s if flight is not None else None
        if flight is not None and due_s is not None and due_s > now_s + _LONG_WAIT_S:
            flight.due_s = now_s
            place.mailbox.wake()


# -- a tree to drain into ---------------------------------------------------------------------


def await_tree(life: Life, until_s: float, *, for_the_last_time: bool = False) -> bool:
    """Have the tree built if it isn't, and wait for it until *until_s* on the clock.

    On a thread of its own: building has no time limit. Where there are no threads for it, nor ever
    will be (the life ends, or the interpreter, at whose end CPython 3.12 starts none), the tree is
    built and run on the calling thread; else it is tried again later.

    Returns:
        There is a tree.
    """
    if life.running.root is not None or life.phase.state == "stopped":
        return life.running.root is not None
    if life.running.given is not None:  # it may be bound to this very thread
        _try_to_build(life)
        return life.running.root is not None
    if _lacks_threads(life, until_s) and (for_the_last_time or is_ending()):
        _build_here(life, until_s)
    return life.running.root is not None


def _lacks_threads(life: Life, until_s: float) -> bool:
    """Build, and wait for it: whether it has failed for want of a thread."""
    asked = Asked(lambda: is_want_of_threads(_try_to_build(life)))
    try:
        asked.aside()
    except RuntimeError:
        return True

    def is_known() -> bool:
        return life.running.root is not None or asked.is_over or asked.never_came()

    _wait(life, until_s, is_known, asked.token)
    return asked.given == [True] or asked.never_came()


def _try_to_build(life: Life) -> BaseException | None:
    """Whoever asked goes by what there is. Why there is none is said: no other try may come."""
    try:
        build(life)
    except FAILS as error:
        if not is_want_of_threads(error):
            say_why_not_up(life, "the next one to wait for it tries again")
        return error
    return None


def _build_here(life: Life, until_s: float) -> None:
    """Whoever builds at this moment will fail, having no threads either, or has just done it."""
    left_s = max(0.0, until_s - life.clock.now_s())
    if not acquire(life.phase.building, left_s):
        return
    life.phase.building.release()
    if life.running.root is None:
        run_on_who_waits(life)
        _try_to_build(life)


# -- waiting ----------------------------------------------------------------------------------


class _Hurry:
    """Cuts lingers short for the duration of a block."""

    def __init__(self, life: Life) -> None:
        self._mailboxes = [place.mailbox for place in life.places]

    def __enter__(self) -> None:
        for mailbox in self._mailboxes:
            mailbox.hurry(True)

    def __exit__(self, *_error: object) -> None:
        for mailbox in self._mailboxes:
            mailbox.hurry(False)


def _wait(life: Life, until_s: float, done: Callable[[], bool], token: Token | None = None) -> bool:
    """Look now, and again at growing intervals, after bookings and when *token* is released.

    Returns:
        What *done* said at last; False when time is up.
    """
    token = token or new_token()
    unwatch = life.books.watch(lambda: release(token))
    pause_s = _FIRST_LOOK_S
    try:
        while not done():
            left_s = until_s - life.clock.now_s()
            if left_s <= 0 or life.phase.impatient:
                return False
            life.clock.wait(token, min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _LAST_LOOK_S)
        return True
    finally:
        unwatch()


# -- metrics ----------------------------------------------------------------------------------


def _collect(life: Life, until_s: float) -> bool:
    """One collection of each metric sink, tried again until it is accepted or time is up."""
    metrics = _Collections(life)
    metrics.begin()
    _wait(life, until_s, lambda: metrics.over(until_s), metrics.token)
    return metrics.accepted()


class _Collections:
    """A collection of each metric sink, all at the same time."""

    def __init__(self, life: Life) -> None:
        assert life.running.tree is not None
        self.token = new_token()
        self._life = life
        self._at_sinks: list[Ticket] = []
        slots = [life.places.slots.get(path) for path in life.running.tree.metrics]
        self._refs = [slot.ref for slot in slots if slot is not None]
        self._each: list[_Collection] = []

    def begin(self) -> None:
        """Ask for a new one of each."""
        self._at_sinks = _durable_at_sinks(self._life)
        self._each = [_Collection(ref, self.token) for ref in self._refs]
        self.over(0.0)

    def over(self, enough_s: float) -> bool:
        """Ask again where the last one failed; whether there is nothing left to wait for."""
        now_s = self._life.clock.now_s()
        for one in self._each:
            one.look(now_s)
        return now_s >= enough_s or all(one.accepted or one.hopeless for one in self._each)

    def accepted(self) -> bool:
        """All were."""
        return all(one.accepted for one in self._each)

    def measured(self) -> list[Ticket]:
        """See `Drained`. What came to a sink after they had been asked for may be in none."""
        return self._at_sinks if self.accepted() else []


def _durable_at_sinks(life: Life) -> list[Ticket]:
    """Their measurements have been recorded: that comes before their records go to a sink."""
    if life.stores.journal is None:
        return []
    at_sinks = (item[0] for kind, item in life.places.held(replays=False) if kind is not None)
    return [ticket for ticket in at_sinks if ticket.place is not None]


class _Collection:
    """Of one metric sink; asked for again, at growing intervals, until it is accepted.

    Or until it has been refused a second time (a wrong key, a wrong address): no third answer
    would be another.
    """

    def __init__(self, ref: Ref, token: Token) -> None:
        self._ref = ref
        self._token = token
        self._asked = False
        self._next_s = 0.0
        self._pause_s = 0.05
        self._refused = 0
        self.accepted = False

    @property
    def hopeless(self) -> bool:
        """It isn't worth waiting for."""
        return self._refused >= _REFUSED_FOR_GOOD

    def look(self, now_s: float) -> None:
        """Ask, if it is time to."""
        if self.accepted or self.hopeless or self._asked or now_s < self._next_s:
            return
        self._asked = True
        self._next_s = now_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, 1.0)
        self._ref.tell(Collect(self._done))

    def _done(self, became: Collected) -> None:
        """The sink's thread."""
        self.accepted = became is Collected.ACCEPTED
        self._refused += became is Collected.REFUSED
        self._asked = False
        release(self._token)
