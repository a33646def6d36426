"""What content looks like in a record: a text as it is, all else as JSON text within limits.

For columns that say ``content`` (`_columns.py`): with content off such a value isn't looked at, so
the marker that `telemetry_actors.cases.gate` left in its place never shows (docs/semantics.md,
g21). A mapping that puts a gated value into a record by another way is a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any, Final

from pydantic_core import to_json

from telemetry_actors.event.definition import DEFAULT_JSON_LIMITS, JsonLimits
from telemetry_actors.event.marks import TOO_DEEP, bytes_text, distinct, more, type_name
from telemetry_actors.event.sanitise import text

_CONTAINERS: Final = frozenset((dict, list, tuple))


def content_text(value: object, limits: JsonLimits) -> str | None:
    """The attribute of a value that may be shown: text as it is, null as null, else JSON."""
    return value if value is None or isinstance(value, str) else json_text(value, limits)


def text_list_or_map(key: str) -> Callable[[Mapping[str, Any]], object]:
    """A column's source: the value of *key* if it can be content, null for the types that can't."""

    def source(row: Mapping[str, object]) -> object:
        value = row.get(key)
        return value if isinstance(value, (str, list, dict)) else None

    return source


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
