"""The process-wide gateway, made from the environment on first use, or by `init`.

Importing this makes nothing: no thread, no exit hook. The first ``emit()`` reads the
settings and enqueues; the tree is built by a thread that it starts (g02, g05).

There is one at a time. A stopped one keeps its place, so that `emit()` says ``stopping``, until
somebody asks for another by `init` or `get_gateway`; after the end of the interpreter has begun
nobody gets one. The child of a fork has its parent's, which begins anew there by itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from supervisors.system.clock import new_token
from supervisors.system.native import RLock, begin
from supervisors.system.process import Process, ProcessLock, this_process
from telemetry_actors.base.log import error, say_at_the_end
from telemetry_actors.base.switches import is_gateway_word, is_sdk_disabled, truth_of
from telemetry_actors.base.told_later import tell_later
from telemetry_actors.books.ledger import Admission
from telemetry_actors.errors import AlreadyRunning, SettingsError
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.envelope import TelemetryContext
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.life.settings_said import is_off_by_mistake
from telemetry_actors.lifecycle.exit import is_ending
from telemetry_actors.ports import Sink
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.settings.neutral_names import ENABLED
from telemetry_actors.settings.origin import ORIGIN

_Found = TelemetryGateway | SettingsError

_PROCESS: dict[str, _Found] = {}
_CHANGING = ProcessLock(RLock)
"""Held by `init` and `get_gateway` for the moment in which they put another one in its place, and
while no code of a user's runs; never by `emit`. A signal handler may come by again."""
_START_AFTER_S = 1.0
_UNUSABLE = "every event is refused (gateway_off), since a setting can't be used: %s"
_OURS = str(Path(__file__).parent)


class _ProcessGateway(TelemetryGateway):
    """Says nothing when it is made, since an `emit()` may have made it.

    The first `get_gateway()` says it, or the tree's thread, whichever comes first.
    """

    _checked = False
    _journal_seen_in: Process | None = None
    begun_in: Process | None = None
    """Where `init` or `start` was called, by somebody who knows of the end as well."""

    def __init__(
        self, settings: TelemetrySettings | None = None, *, sinks: Sequence[Sink] | None = None
    ) -> None:
        self.made_at = _place_of_the_caller()
        self._made_in = this_process()
        self._unsaid = [True]
        super().__init__(settings, sinks=sinks)

    def start(self) -> Self:
        """See `TelemetryGateway.start`."""
        self.begun_in = this_process()
        return super().start()

    def is_idle_here(self) -> bool:
        """Made before a fork, and not used in this process so far: it may give way to another."""
        process: Process = this_process()
        return self._made_in is not process and not self._has_begun() and not self._awakening

    def start_for_the_journal(self) -> None:
        """An earlier process left something: start by and by, also if no event ever comes (g08).

        Not at once, so that a service that is just being set up, or that forks, is not disturbed.
        """
        directory, here = self._settings.journal.directory, this_process()
        if directory is None or self._journal_seen_in is here or not _has_something(directory):
            return
        self._journal_seen_in = here  # the parent's thread that waits is not in a child
        with suppress(RuntimeError):  # no thread can be started: the first event starts the tree
            begin(self._start_later)

    def _start_later(self) -> None:
        self._clock.wait(new_token(), _START_AFTER_S)
        if not self.is_stopped():
            self._door().enqueuer.wakes()

    def _check_files(self) -> None:
        pass

    def check_files_once(self) -> None:
        """Until they can be used, or it runs: then the sink looks, and says what is wrong.

        Not for `emit()`: no I/O there (g02), so the tree says it.

        Raises:
            SettingsError: one can't.
        """
        if not self._checked and not self._is_up():  # one that runs uses what it has read
            super()._check_files()
            self._checked = True

    def _say_what_is_off(self) -> None:
        pass

    def say_what_is_off_once(self) -> None:
        """At WARNING. Not for `emit()`: no log line there (g02)."""
        with suppress(IndexError):  # somebody else has said it, or is at it
            self._unsaid.pop()
            super()._say_what_is_off()

    def _build_patiently(self) -> None:
        self.say_what_is_off_once()
        self._say_what_is_missing()
        super()._build_patiently()

    def _say_what_is_missing(self) -> None:
        """An event starts the tree, so maybe nobody is going to stop it. The tree's thread."""
        if self.begun_in is this_process() or self._is_up():
            return  # whoever has called `init` or `start` stops it, too
        from telemetry_actors.lifecycle.missing_kit import advice

        with suppress(Exception):  # what a host says of itself may be anything
            words = advice(sys.modules)
            if words is not None:
                say_at_the_end(words)  # rq, for one, has no handler for our log


def init(
    settings: TelemetrySettings | None = None,
    *,
    sinks: Sequence[Sink] | None = None,
    **overrides: Any,
) -> TelemetryGateway:
    """Make the gateway of this process; module-level `emit` uses it from now on.

    For who wants other settings or sinks than the environment gives, and once in a process: where
    the service starts. Nothing runs yet: the first event starts the tree, or `start`, and if the
    journal has something in it the tree starts by itself a second later. Stop it where the service
    ends. Any thread.

    Args:
        settings: read from the environment by default.
        sinks: as for `TelemetryGateway`.
        overrides: fields of `TelemetrySettings` by name; they win over *settings*. A part
            (``gateway={"linger_s": 0.5}``) changes what it names, and leaves the rest.

    Raises:
        SettingsError: a setting can't be used.
        AlreadyRunning: this process has one that has not been stopped; or it is ending.
    """
    chosen = _settings_of(settings, overrides)
    _refuse_a_second(_PROCESS.get("gateway"))
    made = _ProcessGateway(chosen, sinks=sinks)
    made.check_files_once()
    made.begun_in = this_process()
    with _CHANGING.here():
        found = _PROCESS.get("gateway")
        _refuse_a_second(found)
        if found is None:  # `emit` takes no lock: it may make one at this moment
            found = _PROCESS.setdefault("gateway", made)
            _refuse_a_second(None if found is made else found)
        _PROCESS["gateway"] = made
        if found is not made and isinstance(found, _ProcessGateway) and _is_in_use(found):
            _PROCESS["gateway"] = found  # in a child, an event has come to its parent's meanwhile
            _refuse_a_second(found)
    made.say_what_is_off_once()
    made.start_for_the_journal()
    return made


def get_gateway() -> TelemetryGateway:
    """The gateway of this process, made from the environment on first use.

    Another one if that has been stopped, but for a process that is ending: then the stopped one.
    If the journal has something in it, its tree starts by itself a second later. Any thread.

    Raises:
        SettingsError: the environment has an unusable setting.
    """
    found = _gateway()
    if isinstance(found, TelemetryGateway) and found.is_stopped() and not is_ending():
        found = _another_than(found)
    if isinstance(found, SettingsError):
        raise found.with_traceback(None)  # or it would keep the frames of every call
    if isinstance(found, _ProcessGateway):
        found.check_files_once()
        found.say_what_is_off_once()
        found.start_for_the_journal()
    return found


def emit(
    case: TelemetryCase | str,
    context: TelemetryContext | Mapping[str, Any],
    payload: Mapping[str, Any],
    trace_manager: Any = None,
    *,
    event_id: str | None = None,
) -> Admission:
    """`TelemetryGateway.emit` of the process-wide gateway. Never raises, never waits.

    With unusable settings it returns ``gateway_off``, and a thread of ours says once what is wrong,
    at ERROR; `get_gateway` raises it. After a
    stop it returns ``stopping``, until `init` or `get_gateway` has made another.
    """
    try:
        found = _PROCESS.get("gateway") or _first()
    except Exception:  # noqa: BLE001 -- at the recursion limit, out of memory: refused, not raised
        return Admission.GATEWAY_OFF
    if isinstance(found, SettingsError):
        tell_later("unusable", partial(error, _UNUSABLE, found))
        return Admission.GATEWAY_OFF
    return found.emit(case, context, payload, trace_manager, event_id=event_id)


def is_gateway_enabled() -> bool:
    """Whether the environment turns the gateway on.

    By ``ENTERPRISE_TELEMETRY_GATEWAY_ENABLED``, or where that is not set by
    ``TELEMETRY_ACTORS__ENABLED``, unless ``OTEL_SDK_DISABLED`` is true. As `TelemetrySettings`
    reads them.
    """
    theirs = os.environ.get("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", "")
    on = is_gateway_word(theirs) if theirs else truth_of(os.environ.get(ENABLED, "")) is True
    return on and not is_sdk_disabled(os.environ.get("OTEL_SDK_DISABLED", ""))


def replace_gateway(gateway: _Found | None) -> _Found | None:
    """Have module-level `emit` use *gateway*, or none, from now on; the one before. For tests."""
    with _CHANGING.here():
        before = _PROCESS.pop("gateway", None)
        if gateway is not None:
            _PROCESS["gateway"] = gateway
        return before


def standing_gateway() -> TelemetryGateway | None:
    """The one that module-level `emit` uses now, if there is one; makes none."""
    found = _PROCESS.get("gateway")
    return found if isinstance(found, TelemetryGateway) else None


def is_of_a_test(gateway: TelemetryGateway) -> bool:
    """Whether a test has put it in its place (`replace_gateway`): it stops it itself, then."""
    return not isinstance(gateway, _ProcessGateway)


def _first() -> _Found:
    """`emit()` makes it: if all is off no event ever starts the tree, which would say so."""
    found = _gateway()
    if isinstance(found, _ProcessGateway) and is_off_by_mistake(found._settings):
        tell_later("off", found.say_what_is_off_once)
    return found


def _gateway() -> _Found:
    found = _PROCESS.get("gateway")
    if found is not None:
        return found
    try:
        made: _Found = _ProcessGateway()
    except SettingsError as problem:
        made = problem
    return _PROCESS.setdefault("gateway", made)  # a racing first call may have been quicker


def _another_than(stopped: TelemetryGateway) -> _Found:
    made = _ProcessGateway()
    with _CHANGING.here():
        if _PROCESS.get("gateway") is stopped:  # nobody was quicker
            _PROCESS["gateway"] = made
        return _PROCESS.setdefault("gateway", made)


def _refuse_a_second(found: _Found | None) -> None:
    """Raise, if this process has one that is in use, or needs none any more.

    Raises:
        AlreadyRunning: see `init`.
    """
    if is_ending():
        raise AlreadyRunning(None)
    if isinstance(found, TelemetryGateway) and _is_in_use(found):
        raise AlreadyRunning(getattr(found, "made_at", "a test's use_gateway()"))


def _is_in_use(found: TelemetryGateway) -> bool:
    idle = isinstance(found, _ProcessGateway) and found.is_idle_here()
    return not (found.is_stopped() or idle)


def _settings_of(
    settings: TelemetrySettings | None, overrides: Mapping[str, Any]
) -> TelemetrySettings | None:
    if settings is None:
        return TelemetrySettings(**overrides) if overrides else None
    if not overrides:
        return settings
    # Only what somebody has set: the rest would go over the host's OTEL_... from now on.
    fields: dict[str, Any] = {name: getattr(settings, name) for name in settings.model_fields_set}
    for name, value in overrides.items():
        part = fields.get(name)
        if isinstance(part, BaseModel) and isinstance(value, Mapping):
            value = {**part.model_dump(exclude_unset=True), **value}  # noqa: PLW2901 -- the part with what changes
        fields[name] = value
    fields[ORIGIN] = settings.origin.without(overrides)
    return type(settings)(**fields)


def _has_something(directory: Path) -> bool:
    from telemetry_actors.stores.journal.folder import abandoned

    try:
        return bool(abandoned(directory))
    except OSError:
        return False  # it isn't there, or can't be read: the tree says so when it starts


def _place_of_the_caller() -> str:
    """File and line of the first frame that is not ours. No I/O: `emit` may be the caller (g02)."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
