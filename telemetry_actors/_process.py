"""The process-wide gateway, made from the environment on first use.

Importing this makes nothing: no thread, no exit hook. The first ``emit()`` reads the
settings and enqueues; the tree is built by a thread that it starts (g02, g05).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from telemetry_actors.cases import TelemetryCase
from telemetry_actors.envelope import TelemetryContext
from telemetry_actors.errors import SettingsError
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.ledger import Admission

__all__ = ["emit", "get_gateway", "is_gateway_enabled"]

_PROCESS: dict[str, TelemetryGateway | SettingsError] = {}


class _ProcessGateway(TelemetryGateway):
    """Says nothing when it is made, since an `emit()` may have made it.

    The first `get_gateway()` says it, or the tree's thread, whichever comes first.
    """

    _said = False

    def _say_what_is_off(self) -> None:
        pass

    def say_what_is_off_once(self) -> None:
        """At WARNING. Not for `emit()`: no log line there (g02)."""
        if not self._said:
            self._said = True
            super()._say_what_is_off()

    def _build_patiently(self) -> None:
        self.say_what_is_off_once()
        super()._build_patiently()


def _gateway() -> TelemetryGateway | SettingsError:
    found = _PROCESS.get("gateway")
    if found is not None:
        return found
    try:
        made: TelemetryGateway | SettingsError = _ProcessGateway()
    except SettingsError as error:
        made = error
    return _PROCESS.setdefault("gateway", made)  # a racing first call may have been quicker


def get_gateway() -> TelemetryGateway:
    """The gateway of this process, made from the environment on first use.

    Raises:
        SettingsError: the environment has an unusable setting.
    """
    found = _gateway()
    if isinstance(found, SettingsError):
        raise found.with_traceback(None)  # or it would keep the frames of every call
    if isinstance(found, _ProcessGateway):
        found.say_what_is_off_once()
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

    With unusable settings it returns ``gateway_off``; `get_gateway` says what is wrong.
    """
    try:
        found = _gateway()
    except Exception:  # noqa: BLE001 -- at the recursion limit, out of memory: refused, not raised
        return Admission.GATEWAY_OFF
    if isinstance(found, SettingsError):
        return Admission.GATEWAY_OFF
    return found.emit(case, context, payload, trace_manager, event_id=event_id)


def is_gateway_enabled() -> bool:
    """Whether the environment turns the gateway on (``ENTERPRISE_TELEMETRY_GATEWAY_ENABLED``)."""
    value = os.environ.get("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", "")
    return value.lower() in ("true", "1", "yes")
