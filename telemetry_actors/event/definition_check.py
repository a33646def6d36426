"""What is wrong with the definition of a case, and with the signals that its mapping makes.

Beside the way: `telemetry_actors.definition` asks when a case is defined, and a mapping that is
not one of ours is looked at each time it has mapped: a value that the aggregates or the
encoder could not take would otherwise harm other events than its own.

Pure functions. They know nothing of what other cases there are; `door/registry.py` does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from typing_extensions import is_typeddict

from telemetry_actors.base.misfit import Misfit, a_kind, where_written
from telemetry_actors.errors import CaseError
from telemetry_actors.event.cases import GATED, Reduction
from telemetry_actors.event.instrument_check import problem_of_measurement
from telemetry_actors.event.signals import Instrument, LogSignal, Measurement, Signals, SpanSignal

_MAX_NAME_CHARS: Final = 64
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
_REDUCED: Final[Mapping[Reduction, object]] = {
    Reduction.TEXT: GATED,
    Reduction.COUNT: [GATED],
    Reduction.DATASETS: [{"dataset_id": "d", "dataset_name": "n"}],
}
_KINDS: Final = (LogSignal, SpanSignal, Measurement)
_LENGTHS: Final = ((0, 16), (0, 8))


def check_name(case: object) -> None:
    """A name that reads well in a path of the tree, a metric label and an envelope.

    Raises:
        CaseError: it is none.
    """
    if not isinstance(case, str):
        raise CaseError(repr(case), f"the name is a {type(case).__name__}; must be a text")
    if len(case) > _MAX_NAME_CHARS:
        shown = f"{case[:_MAX_NAME_CHARS]}..."
        raise CaseError(
            shown, f"the name has {len(case)} characters; {_MAX_NAME_CHARS} are allowed"
        )
    if not _NAME.fullmatch(case):
        raise CaseError(case, "the name must be lower_snake_case, such as order_shipped")


def check_model(case: str, model: object) -> None:
    """Raises `CaseError` unless *model* is a `TypedDict` or a `BaseModel` class."""
    if is_typeddict(model) or (isinstance(model, type) and issubclass(model, BaseModel)):
        return
    shown = getattr(model, "__name__", None) or repr(model)
    raise CaseError(case, f"the model ({shown}) must be a TypedDict or a pydantic BaseModel class")


def check_mapping(case: str, mapping: object) -> None:
    """Raises `CaseError` unless *mapping* can be called with facts, payload and settings."""
    if not callable(mapping):
        raise CaseError(case, f"the mapping is a {type(mapping).__name__}, which can't be called")
    if inspect.iscoroutinefunction(mapping) or inspect.isgeneratorfunction(mapping):
        raise CaseError(case, "the mapping must return Signals: no coroutine, no generator")
    try:
        signature = inspect.signature(mapping)
    except (TypeError, ValueError):
        return  # made in C and silent about it; the first event tells
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        raise CaseError(
            case, f"the mapping must take (facts, payload, settings): {error}"
        ) from error


# -- content --------------------------------------------------------------------------------------


def check_gated(
    case: str,
    schema: object,
    validate: Callable[[dict[str, object]], object],
    gated: Sequence[str],
    reduced: Mapping[str, Reduction],
) -> tuple[tuple[str, ...], dict[str, Reduction]]:
    """All payload keys to gate, and what is kept of which.

    A field that may come in by several keys (aliases) is gated by all of them.

    Raises:
        CaseError: a key is not in the model, or the model refuses what is left of its value.
    """
    if not gated and not reduced:
        return (), {}
    fields = keys_of(case, schema)
    if "tenant_id" in gated:
        raise CaseError(
            case, "gated key 'tenant_id' says whose event it is, so it can't be content"
        )
    for key in gated:
        if not any(key in keys for keys in fields):
            known = ", ".join(sorted(set().union(*fields)))
            raise CaseError(case, f"gated key {key!r} is not in the model, which has {known}")
    for key, reduction in reduced.items():
        if key not in gated or reduction not in _REDUCED:
            raise CaseError(case, f"reduced[{key!r}] must be a Reduction of one of the gated keys")
    named = {key: name for name in gated for keys in fields if name in keys for key in keys}
    kept = {key: reduced[name] for key, name in named.items() if name in reduced}
    for key in named:
        _check_marker(case, key, validate, _REDUCED[kept[key]] if key in kept else GATED)
    return tuple(named), kept


def keys_of(case: str, schema: Any) -> list[list[str]]:
    """The payload keys of each field, by pydantic's own schema: it knows every kind of alias."""
    definitions: list[Any] = []
    try:
        while "fields" not in schema:
            definitions += schema.get("definitions", ())
            if schema["type"] == "definition-ref":
                ref = schema["schema_ref"]
                schema = next(one for one in definitions if one.get("ref") == ref)
            else:
                schema = schema["schema"]
        fields = schema["fields"].items()
        return [[name, *_aliases(field.get("validation_alias"))] for name, field in fields]
    except (KeyError, StopIteration, AttributeError) as error:
        raise CaseError(case, "can't tell the model's keys, so none can be gated") from error


def _aliases(alias: Any) -> list[str]:
    """Top-level keys of an alias: a key, a path of keys, or several paths."""
    if alias is None:
        return []
    if isinstance(alias, str):
        return [alias]
    paths = [alias] if isinstance(alias[0], str) else alias
    return [path[0] for path in paths]


def _check_marker(
    case: str, key: str, validate: Callable[[dict[str, object]], object], marker: object
) -> None:
    """The model itself is asked: it knows its own validators best."""
    try:
        validate({key: marker})
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            if problem["loc"][:1] == (key,) and problem["type"] != "missing":
                word = problem["msg"].removeprefix("Value error, ")
                word = word.replace("Input should be", "must be", 1)
                raise CaseError(
                    case, f"gated key {key!r} is {marker!r} with content off; the model: {word}"
                ) from None
    except Exception:  # noqa: BLE001 -- a validator for the whole, confused by the rest missing
        return


# -- what a mapping made --------------------------------------------------------------------------

MappingOf = Callable[[Any, Any, Any], Signals]


def checked(case: str, mapping: MappingOf, instruments: Sequence[Instrument]) -> MappingOf:
    """*mapping*, with a look at what it made.

    A message repeats no value: it goes into a dead letter, and may be content.

    Raises:
        Misfit: by what is returned; its event ends as ``handler_crash``.
    """
    known = tuple(instruments)

    def look(facts: object, payload: object, settings: object) -> Signals:
        signals = mapping(facts, payload, settings)
        problem = _problem_of(signals, known)
        if problem is not None:
            raise Misfit(f"the mapping of {case} made {problem}", where_written(mapping))
        return _without_orphans(signals)

    return look


def _without_orphans(signals: Signals) -> Signals:
    """A span id says nothing without its trace id, and receivers refuse it: it is left out."""
    if all(log.trace_id or not log.span_id for log in signals.logs):
        return signals
    logs = [log if log.trace_id else log._replace(span_id=b"") for log in signals.logs]
    return signals._replace(logs=tuple(logs))


def _problem_of(signals: object, known: Sequence[Instrument]) -> str | None:
    if type(signals) is not Signals:
        return f"a {type(signals).__name__}, not Signals, which is wanted"
    logs, spans, measurements, left_out = signals
    for name, kind, records in zip(signals._fields, _KINDS, signals, strict=False):
        problem = _problem_of_records(name, kind, records)
        if problem is not None:
            return f"Signals that don't fit: {problem}"
    if type(left_out) is not int or left_out < 0:
        return "spans_sampled_out that is no count"
    problems = (
        *(_problem_of_record("a log", log) for log in logs),
        *(_problem_of_record("a span", span) for span in spans),
        *(problem_of_measurement(m, known) for m in measurements),
    )
    return next((problem for problem in problems if problem is not None), None)


def _problem_of_records(name: str, kind: type[tuple[object, ...]], records: Any) -> str | None:
    if type(records) is kind:
        return f"Signals.{name} is {a_kind(records)}; a tuple of them is wanted: ({name[:-1]},)"
    if type(records) not in (tuple, list):
        return f"Signals.{name} is {a_kind(records)}; a tuple of {kind.__name__} is wanted"
    for n, record in enumerate(records):
        if type(record) is not kind:
            return f"Signals.{name}[{n}] is {a_kind(record)}; a {kind.__name__} is wanted"
    return None


def _problem_of_record(name: str, record: LogSignal | SpanSignal) -> str | None:
    if len(record.keys) != len(record.values):
        return f"{name} with {len(record.keys)} keys and {len(record.values)} values"
    ids = (record.trace_id, record.span_id)
    for found, lengths in zip(ids, _LENGTHS, strict=True):
        if type(found) is not bytes or len(found) not in lengths:
            return f"{name} with an id that is not {lengths[1]} bytes"
    if type(record) is SpanSignal and not all(ids):
        return f"{name} without a trace id or a span id"
    return None
