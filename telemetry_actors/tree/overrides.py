"""What a configuration file may change of the tree: how it is supervised, and nothing else.

`tree.py` describes the tree from the settings; a file (``--config``, ``settings.config``)
then says what is to be different. Who runs, with what, and how much may wait is the
settings' and the code's business, and what is promised (semantics.md) must hold whatever a
file says, so the rest is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import EllipsisType
from typing import Any

from supervisors import Strategy, SupervisorSpec
from supervisors.config import apply_overrides, dump_spec, json_schema
from supervisors.errors import ConfigError
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import SignalKind

_OF_SUPERVISORS = {
    "strategy",
    "intensity",
    "period_s",
    "count_progress",
    "probe_min_s",
    "probe_max_s",
}
_OF_CHILDREN = {"shutdown_s", "start_timeout_s"}
_OF_WORKERS = {"dispatcher", "hang_after_s"}

_FIXED = "can't be set: the actors of the product, and what they are given, are fixed"
_WHY_NOT = {
    "start": _FIXED,
    "args": _FIXED,
    "kwargs": _FIXED,
    "restart": "can't be set: every part of the product is permanent",
    "significant": "can't be set: no part ends the tree",
    "auto_shutdown": "can't be set: no part ends the tree",
    "on_intensity": "can't be set: the root and each case park, all else leaves it to the root",
    "redeliver": "can't be set: an event that ends its actor is counted, not handled again",
    "ask_errors": "can't be set: nobody asks in the tree",
    "dispatcher": "can't be set of a supervisor: they share one thread",
    "hang_after_s": "can't be set of a supervisor: set it of the workers below",
}
_SIZES: Mapping[str, str] = {
    "gateway": "gateway.mailbox_events, gateway.mailbox_bytes, gateway.batch_events ...",
    "providers": "providers.mailbox_calls, providers.mailbox_bytes",
    "sinks": "sink.mailbox_records, sink.mailbox_bytes, sink.batch_records ...",
}
_ELSEWHERE: tuple[tuple[str, ...], ...] = (
    ("handlers",),
    *(("stages", stage) for stage in ("dedup", "rehydrator", "offload", "recall")),
)
_CONTROL_THREAD = "supervisors"


def overridden(
    spec: SupervisorSpec,
    file: Path,
    *,
    has_sink: bool,
    bridging: bool = False,
    named: str = "config",
) -> SupervisorSpec:
    """*spec* as *file* wants it.

    Args:
        spec: the tree, from the settings.
        file: TOML.
        has_sink: without, the parts of *file* about sinks are passed over.
        bridging: so are those of all that another process does then.
        named: what the setting is called where it was set.

    Raises:
        SettingsError: *file* can't be used.
    """
    try:
        return changed(spec, file, has_sink=has_sink, bridging=bridging)
    except ConfigError as error:
        raise SettingsError(named, value=str(file), allowed=error.problem) from error


def changed(
    spec: SupervisorSpec, file: Path, *, has_sink: bool = True, bridging: bool = False
) -> SupervisorSpec:
    """As `overridden`.

    Raises:
        ConfigError: *file* can't be used.
    """
    missing: list[tuple[str, ...]] = (
        [] if has_sink else [("sinks", str(kind)) for kind in SignalKind]
    )
    missing += _ELSEWHERE if bridging else [("sinks", str(SignalKind.BRIDGE))]
    return apply_overrides(spec, file, imports=False, guard=_why_not, may_be_missing=missing)


def dump(spec: SupervisorSpec) -> str:
    """All that a file may say, with the values of *spec*, as such a file."""
    return dump_spec(spec, full=True, guard=_why_not)


def schema(spec: SupervisorSpec) -> dict[str, Any]:
    """JSON Schema of such a file; its defaults are the values of *spec*."""
    return json_schema(spec, guard=_why_not)


def _why_not(path: tuple[str, ...], key: str, value: object | EllipsisType) -> str | None:
    if key.startswith("mailbox."):
        return _where_sizes_are_set(path)
    if key.startswith("backoff."):
        return None
    nested = _is_supervisor(path)
    settable = _OF_CHILDREN | (_OF_SUPERVISORS if nested else _OF_WORKERS)
    if key not in settable:
        return _WHY_NOT.get(key, "can't be set")
    return _why_not_this(key, value)


def _why_not_this(key: str, value: object | EllipsisType) -> str | None:
    if key == "strategy" and value == Strategy.simple_one_for_one:
        return "must be one_for_one, one_for_all or rest_for_one: the children are fixed"
    if key == "dispatcher" and value == _CONTROL_THREAD:
        return "must be another name: this thread is the supervisors' own"
    if key == "shutdown_s" and value == "brutal_kill":
        return "must be seconds or 'infinity': a thread can't be killed, and a stuck one stays"
    return None


def _is_supervisor(path: tuple[str, ...]) -> bool:
    """The root, the three groups, and one for each case."""
    return len(path) <= 1 or (len(path) == 2 and path[0] == "handlers")


def _where_sizes_are_set(path: tuple[str, ...]) -> str:
    if _is_supervisor(path):
        return "can't be set: a supervisor is never told to wait"
    names = _SIZES.get(path[-1]) or _SIZES.get(path[0], "stages.mailbox_batches")
    return f"can't be set here but by the settings: {names}"
