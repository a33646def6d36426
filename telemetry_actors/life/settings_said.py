"""What a gateway says of its settings, once: what they switch off, and which names are odd.

Beside the door: at WARNING, by the constructor's thread or the tree's, never by `emit()` (g02).
What is off is said with the name and the value that was read, and with the rule that made it so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telemetry_actors.base.log import warn
from telemetry_actors.base.switches import GATEWAY_RULE, truth_of
from telemetry_actors.door.entries import Entry
from telemetry_actors.ports import Sink
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.settings.environment import known_names
from telemetry_actors.settings.near_misses import near_misses
from telemetry_actors.settings.neutral_names import ENABLED, NEUTRAL_NAMES

_GATEWAY = "enterprise_telemetry_gateway_enabled"
_SWITCHES = NEUTRAL_NAMES[ENABLED]


def say_of_settings(settings: TelemetrySettings, entries: Mapping[str, Entry]) -> None:
    """One line for what is off, one for each oddity, one for all names that are nearly ours."""
    origin = settings.origin
    near = near_misses(origin.suspects, known_names(type(settings)))
    for words in (what_is_off(settings, entries), *origin.odd, near):
        if words:
            warn("%s", words, of=words)


def check_files(settings: TelemetrySettings, sinks: Sequence[Sink] | None) -> None:
    """Read the files of headers and key once, if they are going to be used. I/O.

    Raises:
        SettingsError: one can't be used.
    """
    target = settings.resolved_otlp()
    ours = sinks is None and settings.transport == "in_process"
    if ours and target is not None and target.header_files is not None:
        target.header_files.read()


def is_off_by_mistake(settings: TelemetrySettings) -> bool:
    """The gateway is off, or telemetry is, and nobody has said so in so many words. Pure."""
    if settings.otel_sdk_disabled:
        return False
    switches = settings.origin.switches
    off = [switches.get(switch, "") for switch in _SWITCHES if not getattr(settings, switch)]
    return bool(off) and not any(truth_of(text) is False for text in off)


def what_is_off(settings: TelemetrySettings, entries: Mapping[str, Entry]) -> str:
    """One sentence per thing that the settings switch off, with its word in the ledger; or ""."""
    if settings.otel_sdk_disabled:
        return (
            "OTEL_SDK_DISABLED is true: every case is refused (gateway_off); trace managers and"
            " providers still get trace cases"
        )
    return ". ".join(_sentences(settings, entries))


def _sentences(settings: TelemetrySettings, entries: Mapping[str, Entry]) -> Iterator[str]:
    off = [switch for switch in _SWITCHES if not getattr(settings, switch)]
    if _GATEWAY in off:
        nowhere = any(entry.gives for entry in entries.values())
        trace = (
            "so are trace cases, since there is neither a sink nor ENTERPRISE_OTLP_ENDPOINT"
            " (trace managers and providers still get them)"
            if nowhere
            else "trace cases go the old route"
        )
        yield (
            f"{_read(settings, _GATEWAY)}, which is off: {GATEWAY_RULE}; metric_log cases are"
            f" refused (gateway_off), {trace}"
        )
    flags = [switch for switch in off if switch != _GATEWAY]
    if flags:
        causes = ", ".join(_read(settings, flag) for flag in flags)
        eligible = ", ".join(name for name, entry in entries.items() if entry.route.ce_eligible)
        yield (
            f"enterprise telemetry is off ({causes}): only {eligible} are eligible,"
            " every other case is refused (not_eligible)"
        )
    if off and not any(switch in settings.model_fields_set for switch in off):
        yield f"{ENABLED}=true turns on all of that which is not set"


def _read(settings: TelemetrySettings, switch: str) -> str:
    origin = settings.origin
    if switch in origin.switches:
        return f"{origin.names[switch]} is {origin.switches[switch]!r}"
    if switch in settings.model_fields_set:
        return f"{switch.upper()} is False by an argument"
    return f"{switch.upper()} is not set"
