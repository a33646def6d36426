r"""Own metrics in Prometheus' text exposition format 0.0.4.

Names by OpenTelemetry's rules for Prometheus: dots become underscores, the unit is added
unless the name has it, and a counter ends in ``_total``. Pure; reads no clock, so lines have
no time of their own.

>>> from telemetry_actors.event.own_metrics import SELF_METRICS
>>> prometheus_name(next(m for m in SELF_METRICS if m.name.endswith("admissions")))
'telemetry_actors_admissions_total'
>>> _escaped('a "b"\n')
'a \\"b\\"\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate, groupby
from typing import Final

from telemetry_actors.event.own_metrics import SelfMetric
from telemetry_actors.observe._models import TimingStatus
from telemetry_actors.observe._samples import Sample

_UNITS: Final = {"s": "seconds", "By": "bytes"}
"""Whatever counts things (``{event}``) adds nothing to a name."""
_TYPES: Final = {"counter": "counter", "histogram": "histogram"}
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]+")


def exposition(samples: Iterable[Sample]) -> str:
    """The text. Samples of one metric must follow each other."""
    return "".join(f"{line}\n" for line in _lines(samples))


def prometheus_name(metric: SelfMetric) -> str:
    """What *metric* is called there."""
    name = _OTHER.sub("_", metric.name)
    unit = _UNITS.get(metric.unit)
    if unit is not None and unit not in name.split("_"):
        name = f"{name}_{unit}"
    return f"{name}_total" if metric.kind == "counter" else name


def _lines(samples: Iterable[Sample]) -> Iterator[str]:
    for metric, of_metric in groupby(samples, key=lambda sample: sample.metric):
        name = prometheus_name(metric)
        yield f"# HELP {name} {_escaped_help(metric.description)}"
        yield f"# TYPE {name} {_TYPES.get(metric.kind, 'gauge')}"
        for sample in of_metric:
            labels = {_OTHER.sub("_", key): str(value) for key, value in sample.attributes}
            if isinstance(sample.value, TimingStatus):
                yield from _histogram(name, labels, sample.value)
            else:
                yield _line(name, labels, sample.value)


def _histogram(name: str, labels: dict[str, str], timing: TimingStatus) -> Iterator[str]:
    """Buckets are cumulative here, and the last one has all."""
    bounds = [*(format(bound, "g") for bound in timing.bounds_s), "+Inf"]
    below = list(accumulate(timing.counts))
    for bound, count in zip(bounds, below, strict=True):
        yield _line(f"{name}_bucket", {**labels, "le": bound}, count)
    yield _line(f"{name}_sum", labels, timing.total_s)
    yield _line(f"{name}_count", labels, below[-1])


def _line(name: str, labels: dict[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value!r}" if pairs else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return _escaped_help(text).replace('"', '\\"')


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
