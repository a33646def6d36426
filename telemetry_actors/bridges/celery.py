"""The task that a Celery worker needs to take events in: the platform's own, by its own name.

In front of the door: ``broker -> [task] -> gateway -> router ...``. Each worker process makes one
gateway at its first task, so routing, dedup, handlers, sinks and books are the same code as in the
process that emits. Sent by another `telemetry_actors` (``transport="celery"``) or by the
platform's own producers (eras S and M).

A task is acknowledged late: when its event has its outcome. So what a killed worker had in hand is
delivered again, under the same claim (``metadata.origin``, or the task's id), and passes. There is
no room, or the case is parked: the task waits, and then goes back to the queue (`Reject`), which
loses nothing and has no limit; each such round is counted as ``emitted`` and ``refused``. So
does a task of a worker whose gateway can't be made; that has no books to count it in.

Needs the extra ``celery``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from supervisors import SystemClock
from supervisors.system.clock import new_token, release, wait_until
from telemetry_actors.base.log import warn
from telemetry_actors.batch.crashes import why_not_up
from telemetry_actors.books.ledger import Admission, Ledger
from telemetry_actors.door.arrival import may_arrive, take_arrival
from telemetry_actors.door.door import Door
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.json_form import Incoming, from_json
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.ports import Sink
from telemetry_actors.settings import TelemetrySettings

__all__ = ["TASK_NAME", "CeleryBridge", "register"]

TASK_NAME: Final = "process_enterprise_telemetry"
"""The platform's own name of the task."""

_LOOK_S: Final = 0.05
"""Between two looks for room; bookings wake earlier."""
_FOR_NOW: Final = (
    Admission.MAILBOX_FULL,
    Admission.BYTES_FULL,
    Admission.PARKED,
    Admission.STOPPING,
)
"""Refusals that another worker, or the same one later, may not repeat."""


class CeleryBridge:
    """Takes events in, in whatever process it is called.

    Args:
        settings: of the gateways, read from the environment by default. Theirs is the
            ``in_process`` transport, whatever is set, and nothing lingers, since a task waits.
        sinks: as for `TelemetryGateway`.
    """

    def __init__(
        self, settings: TelemetrySettings | None = None, *, sinks: Sequence[Sink] | None = None
    ) -> None:
        self._settings = _of_a_worker(settings if settings is not None else TelemetrySettings())
        self._sinks = sinks
        self._gateways: dict[str, TelemetryGateway] = {}

    @property
    def gateway(self) -> TelemetryGateway:
        """Made at the first use. In the child of a fork it begins anew, as every gateway does."""
        found = self._gateways.get("gateway")
        if found is None:  # setdefault: two threads that ask first get one answer
            made = TelemetryGateway(self._settings, sinks=self._sinks)
            found = self._gateways.setdefault("gateway", made)
        return found

    def is_ready(self) -> bool:
        """Whether this process has a gateway; one that can't be made is waited for.

        Else its tasks would end uncounted: the queue has them again, after
        ``celery.room_timeout_s``, and the reason is in the log.
        """
        try:
            _ = self.gateway
        except Exception as error:  # noqa: BLE001 -- nothing is to come out of the task
            warn(
                "this worker can't make its gateway, events stay in the queue: %s",
                why_not_up(error),
            )
        else:
            return True
        SystemClock().wait(new_token(), self._settings.celery.room_timeout_s)
        return False

    def ledger(self) -> Ledger:
        """The books of this process."""
        return self.gateway.ledger()

    def stop(self) -> None:
        """Stop this process's gateway, if there is one. Idempotent."""
        found = self._gateways.get("gateway")
        if found is not None:
            found.stop()

    def take(self, envelope_json: object, task_id: str = "") -> Admission:
        """Take one event in and wait for its outcome, for ``celery.outcome_timeout_s`` at most.

        Any thread. Never raises.

        Args:
            envelope_json: the text of an envelope, ours or of eras S and M.
            task_id: whose claim it is, where the envelope does not say.

        Returns:
            False in a truth test: it is refused. What is refused for want of room has waited
            ``celery.room_timeout_s`` for it.
        """
        door = self.gateway._door()
        try:
            event: Incoming | None = from_json(envelope_json, task_id)
        except EnvelopeError as error:
            warn("the envelope of task %s is refused as invalid: %s", task_id or "(no id)", error)
            event = None
        return _Taking(door).take(event)


class _Taking:
    """One event's way in. The task's thread."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._waits = door.settings.celery

    def take(self, event: Incoming | None) -> Admission:
        if event is not None:
            self._await_room(event)
        ended = new_token()
        verdict = take_arrival(self._door, event, lambda _outcome, _letter: release(ended))
        if verdict:
            self._door.clock.wait(ended, self._waits.outcome_timeout_s)
        return verdict

    def _await_room(self, event: Incoming) -> None:
        door, token = self._door, new_token()
        until_s = door.clock.now_s() + self._waits.room_timeout_s
        unwatch = door.books.watch(lambda: release(token))
        try:
            wait_until(lambda: may_arrive(door, event), door.clock, token, until_s, _LOOK_S)
        finally:
            unwatch()


def register(
    app: Any, *, settings: TelemetrySettings | None = None, sinks: Sequence[Sink] | None = None
) -> CeleryBridge:
    """Give a Celery application the task, and have each worker process stop its tree at its end.

    A task of that name that the application has already is replaced.

    Args:
        app: a `celery.Celery`. Its broker's visibility timeout must be longer than
            ``celery.outcome_timeout_s``.
        settings: see `CeleryBridge`.
        sinks: see `CeleryBridge`.

    Returns:
        The bridge; it is for looking at (``ledger()``), and need not be kept.

    Raises:
        ModuleNotFoundError: celery is not installed.
        SettingsError: the environment has an unusable setting.
    """
    try:
        from celery import signals
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'celery is not installed: pip install "telemetry-actors[celery]"', name="celery"
        ) from error
    bridge = CeleryBridge(settings, sinks=sinks)

    if TASK_NAME in app.tasks:  # the platform's own: of two with one name the first would stay
        app.tasks.unregister(TASK_NAME)
    app.task(
        _task_of(bridge),
        bind=True,
        name=TASK_NAME,
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        shared=False,  # with this application alone
        lazy=False,
    )

    def ended(**_said: object) -> None:
        bridge.stop()

    for signal in (signals.worker_process_shutdown, signals.worker_shutdown):
        signal.connect(ended, weak=False)
    return bridge


def _task_of(bridge: CeleryBridge) -> Callable[..., None]:
    """What the task does; nothing comes out of it but Celery's own word."""
    from celery.exceptions import Reject

    def process(task: Any, envelope_json: object = None, *_more: object, **_named: object) -> None:
        if not bridge.is_ready():
            raise Reject("no gateway", requeue=True)
        try:
            verdict = bridge.take(envelope_json, str(task.request.id or ""))
        except Exception as error:  # noqa: BLE001 -- nothing is to come out of the task
            warn("task %s could not be taken in: %s", task.request.id, type(error).__name__)
            return
        if verdict in _FOR_NOW:
            raise Reject(str(verdict), requeue=True)  # Celery's own word, no failure

    return process


def _of_a_worker(settings: TelemetrySettings) -> TelemetrySettings:
    return settings.model_copy(
        update={
            "transport": "in_process",  # else a worker that shares its producers' environment
            # would send what it takes in round and round
            "gateway": settings.gateway.model_copy(update={"linger_s": 0.0}),
            "sink": settings.sink.model_copy(update={"linger_s": 0.0}),
        }
    )
