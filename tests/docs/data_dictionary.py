"""Makes docs/data-dictionary.md out of the code: ``python -m tests.docs.data_dictionary``.

Routes stand in `CASE_ROUTING`, payload keys in the cases' models, and what comes out in
their `Emits`; this only lays them out.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Required, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from telemetry_actors.event.cases import CASE_ROUTING, CaseRoute, Reduction, SignalType
from telemetry_actors.event.emits import LogType, Metric
from telemetry_actors.handlers import DEFINITIONS, INSTRUMENTS, CaseDefinition

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"

_HEAD = """\
# Data dictionary

<!-- made by `python -m tests.docs.data_dictionary` out of the handlers; don't edit -->

What each case takes and what comes of it: one log record per event, a span for three cases, and
measurements. Nothing else is ever sent. How the tables are to be read:

- **Payload.** A key that is not required may be null, which is the same as absent. Which other
  forms are right is told in [values](values.md#forms-of-a-key): an int for an id, a number for a
  time. A required key that can't be read makes the event invalid, another one is left out. Keys
  that are not listed are ignored. `.*` stands for any key of a map, `[]` for any entry of a list.
- `tenant_id` says whose event it is, before the context's ([values](values.md#whose-event-it-is)).
- **Content** marks what is taken out before packing unless `ENTERPRISE_INCLUDE_CONTENT` is on; what
  is kept all the same is named. An attribute that shows it then holds the reference that is named,
  or is absent where none is.
- **Attributes.** One that is null is not sent. `log.record.uid` is the event's id.
- `dify.telemetry.degraded` = true is on the log and the span of an event of which only a part came
  back from the [payload store](payload-store.md), and on no other.
- `dify.telemetry.unreadable` names the optional keys that could not be read; it is on the log and
  the span of an event that had some, and on no other.
- **Edition.** With enterprise telemetry off only the cases for every edition are let in.

"""
_TYPES = {str: "text", bool: "bool", float: "number", int: "int", object: "anything"}


def page() -> str:
    """The whole page as it should be."""
    cases = "\n".join(_case(definition) for definition in DEFINITIONS.values())
    return f"{_HEAD}{_summary()}\n{cases}\n{_instruments()}"


def _table(head: str, rows: Iterator[tuple[str, ...]]) -> str:
    columns = head.count("|") + 1
    lines = [
        f"| {head} |",
        "|" + "---|" * columns,
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _yes(said: bool) -> str:
    return "yes" if said else ""


def _names(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- cases ----------------------------------------------------------------------------


def _log(definition: CaseDefinition[Any]) -> LogType:
    assert definition.emits.log is not None
    return definition.emits.log


def _edition(route: CaseRoute) -> str:
    return "every" if route.ce_eligible else "enterprise"


def _summary() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for case, definition in DEFINITIONS.items():
            route, log = CASE_ROUTING[case], _log(definition)
            span = _yes(bool(definition.emits.span_keys))
            link = f"[`{case}`](#{case})"
            yield link, route.signal_type, _edition(route), f"`{log.name}`", log.signal, span

    return _table("case | route | edition | event | signal | span", rows())


def _case(definition: CaseDefinition[Any]) -> str:
    route = CASE_ROUTING[definition.case]
    payload = _table("payload key | type | required | content", _payload(definition, route))
    attributes = _table("attribute | log | span | content", _attributes(definition))
    metrics = _table("instrument | labels | measured", _metrics(definition.emits.metrics))
    return f"## {definition.case}\n\n{_about(definition)}\n{payload}\n{attributes}\n{metrics}"


def _about(definition: CaseDefinition[Any]) -> str:
    route, log = CASE_ROUTING[definition.case], _log(definition)
    lines = [f"Route `{route.signal_type}`, edition: {_edition(route)}."]
    if route.signal_type is SignalType.TRACE:
        lines.append(f"Trace managers get it as `{route.task_name}`.")
    also = ", and a span of the same name" if definition.emits.span_keys else ""
    lines.append(f"Log `{log.name}`, signal `{log.signal}`{also}.")
    if log.gated:
        lines.append(f"With content off: {_instead(log)}.")
    return "\n".join(lines) + "\n"


def _instead(log: LogType) -> str:
    if not log.reference:
        return f"{_names(sorted(log.gated))} is absent"
    return f"`ref:{log.reference}=<{log.reference}>`"


def _attributes(definition: CaseDefinition[Any]) -> Iterator[tuple[str, ...]]:
    log, on_span = _log(definition), definition.emits.span_keys
    for key in log.keys:
        yield f"`{key}`", "yes", _yes(key in on_span), _yes(key in log.gated)


# --- payload keys ---------------------------------------------------------------------


def _payload(definition: CaseDefinition[Any], route: CaseRoute) -> Iterator[tuple[str, ...]]:
    hints = get_type_hints(definition.model, include_extras=True).items()
    for key, kind in sorted(hints, key=lambda hint: not _required(hint[1])):
        yield f"`{key}`", _words(kind), _yes(_required(kind)), _content(key, route)
        for below, words, needed in _below(key, kind):
            yield f"`{below}`", words, needed, ""


def _content(key: str, route: CaseRoute) -> str:
    if route.reduced.get(key, Reduction.TEXT) is not Reduction.TEXT:
        return f"yes, but its {route.reduced[key]}"
    return _yes(key in route.gated)


def _required(kind: Any) -> bool:
    """From the annotation: a `TypedDict` of annotations that are texts doesn't know."""
    return get_origin(kind) is Required


def _without_null(kind: Any) -> Any:
    """``X`` of ``X | None``, with the wrappings of the outside off."""
    while True:
        if _required(kind) or (get_origin(kind) is Annotated and not _described(kind)):
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind):
            rest = [one for one in get_args(kind) if one is not type(None)]
            assert len(rest) == 1
            kind = rest[0]
        else:
            return kind


def _described(kind: Any) -> str:
    if get_origin(kind) is not Annotated:
        return ""
    found = [m.description for m in get_args(kind)[1:] if isinstance(m, FieldInfo)]
    return next((text for text in found if text), "")


def _words(kind: Any) -> str:
    kind = _without_null(kind)
    if text := _described(kind):
        return text
    if get_origin(kind) is list:
        return f"list of {_words(get_args(kind)[0])}s"
    if get_origin(kind) is dict or is_typeddict(kind):
        return "map"
    return _TYPES[kind]


def _below(where: str, kind: Any) -> Iterator[tuple[str, str, str]]:
    """The keys of maps inside a value."""
    kind = _without_null(kind)
    if get_origin(kind) is list:
        yield from _below(f"{where}[]", get_args(kind)[0])
    elif get_origin(kind) is dict:
        yield from _below(f"{where}.*", get_args(kind)[1])
    elif is_typeddict(kind):
        for key, value in get_type_hints(kind, include_extras=True).items():
            needed = "with the map" if _required(value) else ""
            yield f"{where}.{key}", _words(value), needed


# --- metrics --------------------------------------------------------------------------


def _metrics(metrics: tuple[Metric, ...]) -> Iterator[tuple[str, ...]]:
    for metric in metrics:
        labels = (f"type=`{metric.type}`" if key == "type" else key for key in metric.label_keys)
        yield f"`{metric.instrument.name}`", ", ".join(labels), metric.when


def _instruments() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for instrument in INSTRUMENTS:
            cases = [
                case
                for case, definition in DEFINITIONS.items()
                if instrument in [metric.instrument for metric in definition.emits.metrics]
            ]
            yield f"`{instrument.name}`", instrument.kind, f"`{instrument.unit}`", _names(cases)

    head = "## Instruments\n\nCounters are monotonic and cumulative, in whole numbers.\n\n"
    return head + _table("instrument | kind | unit | cases", rows())


if __name__ == "__main__":
    PAGE.write_text(page())
