"""TelemetryGateway: the face of the product.

``emit()`` costs the caller a few microseconds and never raises nor waits (`door/intake.py`);
everything else happens in the tree (`tree.py`), which is started by ``start()`` or by the
first event. What a gateway is made of, and outlives restarts, is its *life* (`life/life.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from supervisors import Clock, Ref, Runtime, SystemClock
from supervisors.system.native import begin, note_hub
from supervisors.system.process import SAME, Process, notice_fork, this_process, when_forked
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Admission, Ledger, Outcome
from telemetry_actors.door.door import Door
from telemetry_actors.door.readmission import readmit
from telemetry_actors.door.registry import note_reader, registered_cases
from telemetry_actors.door.trace_providers import TraceProviders
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.envelope import TelemetryContext
from telemetry_actors.life.cut_short import last_cause, take_unbuilt
from telemetry_actors.life.draining import flush_life, held_in_memory
from telemetry_actors.life.event_loop import AsyncSide
from telemetry_actors.life.life import Life
from telemetry_actors.life.settings_said import check_files, say_of_settings
from telemetry_actors.life.starting import build_aside, build_patiently
from telemetry_actors.life.stopping import Stopping, end_late
from telemetry_actors.lifecycle.exit import when_exiting
from telemetry_actors.lifecycle.report import StopReport
from telemetry_actors.observe.counts import OwnPoints
from telemetry_actors.observe.reading import read_ledger, read_status
from telemetry_actors.observe.sources import Sources
from telemetry_actors.observe.status import Status
from telemetry_actors.ports import Sink, TraceProvider
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.given import check_sinks
from telemetry_actors.sinks.health import Endpoint

__all__ = ["TelemetryGateway"]


class _Begun(NamedTuple):
    """What one process has begun: the life, its end, and whether it has been woken."""

    life: Life
    stopping: Stopping
    awakening: dict[str, bool]


class TelemetryGateway(AsyncSide):
    """Carries business events to OTLP, inside this process.

    A context manager: the block ends with `stop`, or with `astop` after ``async with``.

    Args:
        settings: read from the environment by default.
        sinks: exactly these, each with a name of its own; by default one OTLP sink, if the
            settings name an endpoint. An event's outcome is the worst over all of them.
        clock: for tests.
        runtime: threads to run the tree on; its own by default.

    Raises:
        SettingsError: the environment has an unusable setting (or a file that it names is one),
            or two sinks have one name.
    """

    def __init__(
        self,
        settings: TelemetrySettings | None = None,
        *,
        sinks: Sequence[Sink] | None = None,
        clock: Clock | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self._settings = settings if settings is not None else TelemetrySettings()
        self._sinks = check_sinks(sinks)
        self._check_files()
        self._runtime = runtime
        self._clock = clock or (runtime.clock if runtime is not None else SystemClock())
        self._cases = registered_cases()
        self._providers = TraceProviders()
        process = this_process()
        self._of: dict[Process, _Begun] = {process: self._begin()}
        self._use(self._of[process])
        when_forked(self, hook=True)
        self._say_what_is_off()

    def _begin(self) -> _Begun:
        """Begin a life: everything that a fork's child must not share with its parent."""
        given = self._settings, self._sinks, self._clock, self._runtime
        life = Life(*given, self._awaken, _own_points, self._cases, self._providers)
        note_reader(life.door.intake)
        note_hub()
        return _Begun(life, Stopping(life), {})

    def _use(self, begun: _Begun) -> None:
        self._stopping, self._awakening = begun.stopping, begun.awakening
        self._life = begun.life

    def _after_fork(self, process: Process) -> None:
        """In the child of a fork: a fresh tree on the first event, nothing of the parent's.

        What the parent had queued is the parent's to send; what it had counted is in the
        parent's books (g24). A life that this process has begun already is kept (`Forkable`).
        """
        if process not in self._of:
            self._runtime = None  # its threads are the parent's
            self._of.setdefault(process, self._begin())
        self._use(self._of[process])
        for other in [known for known in self._of if known is not process]:
            parents = self._of.pop(other, None)
            if parents is not None and parents.life.stores.journal is not None:
                parents.life.stores.journal.forsake()

    def _here(self) -> Life:
        """The life of this process."""
        if not SAME[0]:
            notice_fork()
        return self._life

    def __repr__(self) -> str:
        return f"<TelemetryGateway {self._here().phase.state}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # -- events -----------------------------------------------------------------------------------

    def emit(
        self,
        case: TelemetryCase | str,
        context: TelemetryContext | Mapping[str, Any],
        payload: Mapping[str, Any],
        trace_manager: Any = None,
        *,
        event_id: str | None = None,
    ) -> Admission:
        """Hand in one event; say whether it was accepted. Never raises, never waits.

        Any thread, also in signal handlers, finalisers and logging handlers. Payload and context
        are packed before the call returns, so later changes of them reach nobody.

        Args:
            case: what happened.
            context: who and where (`TelemetryContext` or a mapping with its keys).
            payload: the case's keys. Content is left out of it unless
                ``enterprise_include_content`` is on.
            trace_manager: the host's, for trace cases: gets ``(task_name, payload, context)`` by
                its ``add_trace_task`` (or by being called), on a thread of ours.
            event_id: idempotency key; a repeat within the dedup window ends as ``duplicate``.

        Returns:
            An `Admission`, true iff the event was accepted.
        """
        if not SAME[0]:  # the child of a fork looks first (g24); a byte of memory, no call (g02)
            _notice_fork()
        return self._life.door.intake.emit(case, context, payload, trace_manager, event_id)

    def has_room(self) -> bool:
        """Whether an event of usual size would find room now, whatever its case and tenant.

        For patient producers: those who wait for it are not refused for want of room.
        """
        life = self._here()
        return life.door.pressure.calm(life.settings.gateway.max_context_bytes) and not (
            life.door.enqueuer.parked
        )

    def replay(
        self, letter: DeadLetter, on_end: Callable[[Outcome, DeadLetter | None], None] | None = None
    ) -> Admission:
        """Hand in once more an event that was dropped, here or in another process.

        It keeps its event id, emit time and context, and passes dedup, since a dropped event
        gives its claim back. If it is accepted it counts as ``emitted`` and ``accepted``, and
        in the ledger's source ``dead_letters``; if not, it is in no line. Measurements that
        were recorded before are not recorded again, and trace providers are not called again.
        Content is taken out if it is off now. No thread that must not wait: it starts the tree
        if need be.

        Args:
            letter: of `dead_letters`, or of a directory of them.
            on_end: told of the outcome, with the new letter if the event was dropped again. On a
                thread of ours; it must not wait. What it raises is left out.

        Returns:
            What `emit` would have said of the event.

        Raises:
            ChildStartError: a part of the tree did not start.
        """
        life = self._here()
        if life.running.root is None and not life.door.intake.closed:
            self.start()
        return readmit(life.door, letter, on_end)

    def register_trace_provider(
        self, provider: TraceProvider | Callable[[str, Mapping[str, Any], Mapping[str, Any]], Any]
    ) -> None:
        """Give *provider* each trace task too, beside the ``trace_manager`` of `emit`. Idempotent.

        It gets ``(task_name, payload, context)`` by its ``add_trace_task`` (or by being called), at
        most once per event, on a thread of ours; with content off the payload has markers. It is
        kept until `unregister_trace_provider`. What it raises, and whether it hangs, is counted
        (``signals.providers`` of the ledger) and changes nothing of the event.

        Any thread, before or after `start`; events that are at the door already may reach it.

        Raises:
            SettingsError: *provider* can't be called in either way.
        """
        self._providers.add(provider)

    def unregister_trace_provider(self, provider: object) -> None:
        """Give *provider* no more tasks; those that are queued for it are counted ``absent``."""
        self._providers.remove(provider)

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the tree and return when it is up. Idempotent; the first event does it, too.

        Raises:
            ChildStartError: a part did not start.
        """
        when_exiting(self)
        note_hub()
        build_aside(self._here())
        return self

    def flush(self, timeout_s: float = 10.0, *, own: bool = False) -> bool:
        """Wait until all that was accepted before has its outcome and metrics were exported.

        Events that other threads emit meanwhile do not prolong it. A dropped event has its outcome.

        Args:
            timeout_s: the longest to wait.
            own: only for what this process has accepted, and not for what it has taken over from
                an earlier one through the journal. For the end of a job that others wait for.

        Returns:
            True only if both are so: every earlier event has its outcome, and one collection of
            all metrics was accepted (or there is no point to send, or no sink). After `stop`:
            whether both were so at its end.
        """
        life, report = self._here(), self._stopping.report
        if report is not None:
            return report.drained and report.metrics_exported
        return flush_life(life, max(0.0, timeout_s), own=own)

    def stop(self, timeout_s: float | None = None) -> StopReport:
        """Close the intake, drain what is queued, stop the tree. Idempotent.

        What does not get out in time is counted: ``shutdown``, or ``unconfirmed`` if it was in a
        request that had no answer. `ledger` and `status` stay readable. Any thread, also the
        tree's own and in a signal handler. The end of the process does it, too, so this is for
        who wants it earlier, or wants the report.

        Args:
            timeout_s: the longest that it may take; ``lifecycle.stop_timeout_s`` by default.

        Returns:
            What became of the rest. If another call is at it and takes longer than *timeout_s*:
            how things stand.
        """
        limit_s = self._settings.lifecycle.stop_timeout_s if timeout_s is None else timeout_s
        self._here()
        return self._stopping.stop(limit_s)

    def is_stopped(self) -> bool:
        """Whether `stop` has been called, in this process. Any thread."""
        return self._here().door.intake.closed

    def _exit_timeout_s(self) -> float | None:
        return self._settings.lifecycle.exit_timeout_s if self._stopping.report is None else None

    def _stop_at_exit(self, timeout_s: float) -> StopReport:
        return self._stopping.stop_at_exit(timeout_s)

    def _held(self) -> int:
        return held_in_memory(self._here())

    def _take_unbuilt(self) -> int:
        return take_unbuilt(self._here())

    def _delivered(self) -> int:
        return sum(self._here().books.exported)

    def _cause(self) -> str:
        return last_cause(self._here())

    @property
    def events_in_memory(self) -> int:
        """How many events wait in memory for their outcome. One number, at once; any thread."""
        return self._here().books.room.events

    def ledger(self) -> Ledger:
        """The books at this instant. Any thread, also after `stop`."""
        life = self._here()
        if life.phase.state == "stopped":
            end_late(life)
        return read_ledger(life.door, life.places)

    def status(self) -> Status:
        """The tree at this instant. Any thread, also after `stop`."""
        return read_status(_sources(self._here()))

    def dead_letters(self) -> list[DeadLetter]:
        """The last dropped events, oldest first, with reason and stage."""
        return self._here().books.letters()

    def _endpoints(self) -> list[Endpoint]:
        health = self._here().outlets.health.values()
        return list({id(h.endpoint): h.endpoint for h in health}.values())

    def _door(self) -> Door:
        return self._life.door

    def _has_begun(self) -> bool:
        return self._life.phase.state != "new"

    def _is_up(self) -> bool:
        return self._life.running.root is not None

    def _ref(self, path: str) -> Ref:
        return self._life.places.ref(path)

    # -- starting by itself -----------------------------------------------------------------------

    def _awaken(self) -> bool:
        """Start the tree in the background, once. Caller's thread: no lock, no wait.

        False: no thread can be started, or nobody would stop it (the interpreter is ending).
        """
        if self._awakening.setdefault("begun", False):
            return True
        if not when_exiting(self):
            return False
        note_hub()
        self._awakening["begun"] = True
        try:
            begin(self._build_patiently)
        except RuntimeError:
            self._awakening["begun"] = False
            return False
        return True

    def _build_patiently(self) -> None:
        build_patiently(self._life, self._stopping.rest)

    def _check_files(self) -> None:
        check_files(self._settings, self._sinks)

    def _say_what_is_off(self) -> None:
        say_of_settings(self._settings, self._life.door.entries)


def _own_points(life: Life) -> OwnPoints:
    return OwnPoints(lambda: read_status(_sources(life), letters=False), lambda: life.door)


def _sources(life: Life) -> Sources:
    """What a look is made of, as it is now."""
    outlets, stores = life.outlets, life.stores
    return Sources(
        state=life.phase.state,
        began_ns=life.phase.began_ns,
        clock=life.clock,
        door=life.door,
        places=life.places,
        parkings=life.parkings,
        sinks=outlets.sinks,
        health=outlets.health,
        bridging=outlets.bridging,
        recorder=outlets.recorder,
        runtime=life.running.runtime,
        dedup=stores.dedup,
        letters=stores.letters,
        journal=stores.journal,
        payloads=stores.payloads,
    )


def _notice_fork() -> None:
    with suppress(Exception):  # the host is at its recursion limit, or out of memory: g01 holds
        notice_fork()
