"""The content gate at the mapping: a value's text, or a reference to where it can be found.

Content in its gate (docs/semantics.md, g21). With content off the value isn't looked at, so the
marker that `telemetry_actors.cases.gate` left in its place never shows. Everything that may be
content goes through here; a mapping that puts a gated value into a record by another way is a
defect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Final

from pydantic_core import to_json

from telemetry_actors.event.definition import DEFAULT_JSON_LIMITS, JsonLimits, MappingSettings
from telemetry_actors.event.emits import LogType
from telemetry_actors.event.marks import TOO_DEEP, bytes_text, distinct, more, type_name
from telemetry_actors.event.sanitise import text

_CONTAINERS: Final = frozenset((dict, list, tuple))


def reference(log: LogType, payload: Mapping[str, object]) -> str:
    """``ref:<key>=<id>``: where content that is off can be looked up. A missing id reads ``None``.

    >>> reference(LogType("n", "s", (), reference="message_id"), {"message_id": "m"})
    'ref:message_id=m'
    """
    return f"ref:{log.reference}={payload.get(log.reference)}"


def contents(settings: MappingSettings, instead: str, *values: object) -> tuple[str | None, ...]:
    """The attribute of each value: with content off, *instead* whatever the value is.

    With content on, a text as it is, null as null, all else as JSON text.

    Args:
        settings: for ``include_content``.
        instead: what `reference` makes.
        values: as the model has them.
    """
    if not settings.include_content:
        return (instead,) * len(values)
    return tuple(
        value if value is None or isinstance(value, str) else json_text(value, settings.json_limits)
        for value in values
    )


def text_list_or_map(value: object) -> object:
    """*value* if it can be content; null for the types that can't, where a case says so."""
    return value if isinstance(value, (str, list, dict)) else None


def json_text(value: object, limits: JsonLimits = DEFAULT_JSON_LIMITS) -> str:
    """JSON text of any value, never an exception.

    What JSON can't hold becomes its text: NaN, a key that is no text. Else there is a mark
    (`telemetry_actors.event.marks`), as there is for what is over *limits*.

    >>> json_text({"a": [1, None], "b": float("nan")})
    '{"a":[1,null],"b":"NaN"}'
    >>> json_text([[1, 2, 3], [[4]]], JsonLimits(levels=2, items=2))
    '[[1,2,"<cut: 1 more>"],["<cut: nested too deep>"]]'
    """
    if _within(value, *limits):
        try:
            return _encode(value)
        except Exception:  # noqa: BLE001, S110  -- a value's own __str__ may raise anything
            pass
    return _encode(_holdable(value, *limits))


def _within(value: object, levels: int, items: int) -> bool:
    """Whether nothing has to be cut, as nearly always. Costs about what the encoding costs."""
    if type(value) is dict:
        inner: Collection[object] = value.values()
    elif type(value) is list or type(value) is tuple:
        inner = value
    else:
        return True
    if not levels or len(inner) > items:
        return False
    return all(_within(v, levels - 1, items) for v in inner if type(v) in _CONTAINERS)


def _encode(value: object) -> str:
    # pydantic's core, since it is here: a fifth of the time of `json.dumps`.
    return to_json(value, inf_nan_mode="strings", serialize_unknown=True).decode()


def _holdable(value: object, levels: int, items: int) -> object:
    """*value* made of nothing but what JSON holds. It came out of bytes: it has no cycles."""
    if not isinstance(value, dict | list | tuple):
        return value if value is None or isinstance(value, int | float) else _text(value)
    if not levels:
        return TOO_DEEP
    left_out = len(value) - items
    if isinstance(value, dict):
        found: dict[str, object] = {}
        for key, inner in islice(value.items(), items):
            found[distinct(_text(key), found)] = _holdable(inner, levels - 1, items)
        return found if left_out <= 0 else found | {more(left_out): None}
    kept = [_holdable(inner, levels - 1, items) for inner in value[:items]]
    return kept if left_out <= 0 else [*kept, more(left_out)]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return bytes_text(value)
    try:
        return text(str(value))
    except Exception as error:  # noqa: BLE001  -- as above
        return f"<unreadable {type_name(type(value))}: {type_name(type(error))}>"
