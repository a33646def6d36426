"""Names of the environment that are nearly ours: set by somebody, and read by nobody.

Beside `settings/environment.py`. Pure: names in, sentences out; a value is never looked at. A
platform has variables of its own beside ours (``ENTERPRISE_API_URL``), and Kubernetes makes some
out of the names of services (``TELEMETRY_ACTORS_PORT_4318_TCP``): nobody is told of those.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

_PLATFORM: Final = "ENTERPRISE_"
_OURS: Final = re.compile(r"TELEMETRY[_-]?ACTORS?_+(?P<rest>.*)")
_OF_SERVICES: Final = re.compile(
    r"(.*_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)
_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_BEGINNINGS: Final = ("TELEMETRY", "ENTERPRISE", "OTEL_SDK_", _OTLP)
_OF_EXPORTER: Final = (
    *("ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "INSECURE"),
    *("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"),
)
_OTEL: Final = (
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    *(
        f"{_OTLP}{signal}{name}"
        for signal in ("", "LOGS_", "TRACES_", "METRICS_")
        for name in _OF_EXPORTER
    ),
)
"""OpenTelemetry's own, whether we read them or not."""
_READ: Final = ("TELEMETRY_ACTORS__", *_OTEL)
"""Whatever begins so is read, or is an error."""
_CUTOFF: Final = 0.85  # of what comes after the prefix; `API_KEY` and `OTLP_API_KEY` have 0.74
_OURS_CUTOFF: Final = 0.8
_MOST: Final = 8


def is_suspect(name: str) -> bool:
    """Whether *name* is worth a second look. Cheap: asked of the whole environment."""
    upper = name.upper().replace("-", "_")
    is_read = name.startswith(_READ) or (name.startswith(_OTLP) and upper in _OTEL)
    return upper.startswith((*_BEGINNINGS, *_OTEL)) and not is_read


def near_misses(suspects: Iterable[str], known: Collection[str]) -> str:
    """One sentence for each of *suspects* that was probably meant to be one of *known*; or "".

    >>> near_misses(["TELEMETRY_ACTORS_REDIS_URL"], ["TELEMETRY_ACTORS__REDIS_URL"])
    'TELEMETRY_ACTORS_REDIS_URL is not read: did you mean TELEMETRY_ACTORS__REDIS_URL?'
    """
    found = list(_sentences(sorted(set(suspects) - set(known)), known))
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return " ".join([*found[:_MOST], *more])


def _sentences(names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        meant = _meant(name, known)
        if meant is not None:
            yield f"{name} is not read: {meant}"


def _meant(name: str, known: Collection[str]) -> str | None:
    """End of a sentence; None: it's nobody's mistake."""
    upper = name.upper().replace("-", "_")
    if upper in known or (name != upper and upper in _OTEL):
        return f"did you mean {upper}?"
    ours = _OURS.fullmatch(upper)
    if ours is not None:
        return _meant_of_ours(ours["rest"], known)
    prefix = next(filter(upper.startswith, (_PLATFORM, _OTLP, "OTEL_SDK_")), None)
    if prefix is not None:
        near = _nearest(upper, prefix, (*known, *_OTEL), _CUTOFF)
        return near and f"did you mean {near}?"
    return None


def _meant_of_ours(rest: str, known: Collection[str]) -> str | None:
    if _OF_SERVICES.fullmatch(rest):
        return None
    prefix = "TELEMETRY_ACTORS__"
    flat = {_flat(name): name for name in known if name.startswith(prefix)}
    found = flat.get(_flat(prefix + rest)) or _nearest(prefix + rest, prefix, known, _OURS_CUTOFF)
    return f"did you mean {found}?" if found else f"our names begin with {prefix}"


def _flat(name: str) -> str:
    return re.sub("_+", "_", name)


def _nearest(name: str, prefix: str, known: Collection[str], cutoff: float) -> str | None:
    rests = [one.removeprefix(prefix) for one in known if one.startswith(prefix)]
    close = difflib.get_close_matches(name.removeprefix(prefix), rests, n=1, cutoff=cutoff)
    return prefix + close[0] if close else None
