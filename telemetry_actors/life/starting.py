"""Building and starting the tree of a life, once; and undoing it where nobody waited for it.

Any thread but the tree's; two that come at once are one after the other (`Phase.building`).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import tenacity

from supervisors import Runtime, Supervisor, SystemClock
from supervisors.system.fork import LONGEST_IMPORT_S, whole
from supervisors.thread import is_want_of_threads
from telemetry_actors.base.log import warn
from telemetry_actors.batch.crashes import tell, why_not_up
from telemetry_actors.books.ledger import Reason
from telemetry_actors.life.aside import Asked
from telemetry_actors.life.ending import end_held, end_unbuilt
from telemetry_actors.life.life import ENDING, Life
from telemetry_actors.life.parking import on_lifecycle, say_who_is_back
from telemetry_actors.lifecycle.exit import is_ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_actors.tree.blueprint import Tree

FAILS: Final = (Exception, SystemExit)
"""What a failed start raises: a sink of the user's may raise anything, and its exit is not ours."""
_UNDO_S: Final = 5.0


def build(life: Life) -> None:
    """Build and start the tree, once. Blocks.

    Raises:
        ChildStartError: a child did not start. It may be tried again.
    """
    with life.phase.building:
        if life.running.root is not None or life.phase.state in ENDING:
            return
        try:
            _build(life)
        except FAILS as error:
            if not is_want_of_threads(error, at_exit=True):
                life.phase.why_not_up = why_not_up(error)
                if life.phase.fails_since_s is None:
                    life.phase.fails_since_s = life.clock.now_s()
            raise
    if life.phase.given_up:  # looked at with the lock free: until then nobody could know
        _undo(life)


def build_aside(life: Life) -> None:
    """`build`, on a thread of its own while the caller waits.

    A signal handler that interrupts the caller may need the tree (`stop` does).

    Raises:
        ChildStartError: a child did not start. It may be tried again.
    """
    asked = Asked(lambda: build(life))
    if life.running.root is None and life.running.given is None:
        with suppress(RuntimeError):  # no thread can be started
            asked.aside()
            asked.wait(SystemClock())
    if not asked.is_over:  # or the thread never came; a runtime may be bound to this one
        asked.here()
    asked.answer()


def build_patiently(life: Life, rest: Callable[[float], None]) -> None:
    """`build`; where it fails, what is queued ends as parked, and it is tried again.

    Args:
        life: that has been woken by its first event.
        rest: sleeps for so many seconds, or until the life is over.
    """

    def note(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if is_ending() or is_want_of_threads(error, at_exit=True):
            return  # the process ends, and 3.12 starts no thread then: for the exit to deliver
        life.phase.unbuilt += end_unbuilt(life.places, life.books)
        say_why_not_up(life, "trying again")

    attempts = tenacity.Retrying(
        sleep=rest,
        wait=tenacity.wait_exponential(multiplier=1, max=60),
        retry=tenacity.retry_if_exception_type(FAILS),
        stop=lambda _state: life.door.intake.closed,
        before_sleep=note,
        reraise=False,
    )
    with suppress(tenacity.RetryError):  # stopped before it could be built
        attempts(build, life)


def say_why_not_up(life: Life, then: str) -> None:
    """Once a minute, and what it has cost."""
    lost = life.phase.unbuilt
    cost = f"; {lost} events were lost meanwhile (parked)" if lost else ""
    warn("the tree can't be started: %s; %s%s", life.phase.why_not_up, then, cost, at_once=1)


def run_on_who_waits(life: Life) -> None:
    """No thread can be started: the tree is to run on whatever thread waits for it."""
    from supervisors.run.caller import CallersRuntime

    life.running.given = CallersRuntime()
    life.clock = life.running.given.clock


def _build(life: Life) -> None:
    phase, stores = life.phase, life.stores
    phase.state = "starting"
    with whole(LONGEST_IMPORT_S):
        from telemetry_actors.life.building import parts_of, say_started
        from telemetry_actors.tree.whole import build_tree

        if stores.journal is not None:
            stores.journal.open()
        parts = parts_of(life)
    outlets = life.outlets
    outlets.sinks, outlets.budget, outlets.recorder = parts.sinks, parts.budget, parts.recorder
    life.books.records.sinks = max(1, len(parts.sinks))
    if stores.journal is not None and not parts.sinks:
        stores.journal.end_replays()  # nobody would get them: they wait for better settings
    if stores.letters is not None:
        stores.letters.prepare()
    _start(life, build_tree(parts))
    life.door.enqueuer.asleep = False
    if phase.state in ENDING:
        return
    phase.state = "running"
    say_started(life)
    if stores.payloads is not None:
        stores.payloads.sweep()


def _start(life: Life, tree: Tree) -> None:
    """Tree and slots are known before anyone runs: an event may be taken at once."""
    running = life.running
    runtime = running.given or Runtime(
        life.clock, sweep_interval_s=life.settings.supervision.sweep_interval_s
    )
    running.runtime = runtime
    runtime.report, runtime.reports_at_once = tell, 1
    tree.adopt(runtime)
    life.door.enqueuer.know_sinks([p.mailbox for p in tree.places if p.kind is not None])
    runtime.journal.subscribe(partial(on_lifecycle, life))
    life.stores.say_back = partial(say_who_is_back, life)
    running.tree = tree
    life.places.know(tree.places, runtime.slots)
    try:
        running.root = Supervisor.start(tree.spec, runtime=runtime)
    except BaseException:
        running.tree = None
        life.places.know((), {})
        raise
    life.door.lateness.watch(tree.places, runtime.slots)


def _undo(life: Life) -> None:
    """It was stopped while it started, and whoever stopped it could not wait."""
    root, payloads = life.running.root, life.stores.payloads
    if root is None:
        return
    life.places.slots = dict(life.places.slots)  # the tree forgets them as it ends
    root.stop(_UNDO_S)
    for place in life.places:
        end_held(life.places, life.books, place, Reason.SHUTDOWN)
    if payloads is not None:
        payloads.close(_UNDO_S)
