"""The content gate at the mapping: a value's text, or a reference to where it can be found.

payloads.md 1.6, ``C(ref)``. With content off the value isn't looked at, so the marker
that `telemetry_actors.cases.gate` left in its place never shows. Everything that may be
content goes through here; a mapping that puts a gated value into a record by another
way is a defect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic_core import to_json

from telemetry_actors._emits import LogType
from telemetry_actors.handlers._definition import MappingSettings

__all__ = ["contents", "json_text", "reference", "text_list_or_map"]

_MAX_DEPTH: Final = 254
"""Where pydantic's core stops, too."""


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
        value if value is None or isinstance(value, str) else json_text(value) for value in values
    )


def text_list_or_map(value: object) -> object:
    """*value* if it can be content; null for the types that can't, where a case says so."""
    return value if isinstance(value, (str, list, dict)) else None


def json_text(value: object) -> str:
    """JSON text of any value, never an exception.

    What JSON can't hold becomes its text: NaN, bytes, a key that is no text. Lone
    surrogates become U+FFFD, and what is nested too deep ``"..."``.

    >>> json_text({"a": [1, None], "b": float("nan")})
    '{"a":[1,null],"b":"NaN"}'
    """
    try:
        return _encode(value)
    except Exception:  # noqa: BLE001  -- a value's own __str__ may raise anything
        return _encode(_holdable(value, _MAX_DEPTH))


def _encode(value: object) -> str:
    # pydantic's core, since it is here: a fifth of the time of `json.dumps`.
    return to_json(value, inf_nan_mode="strings", serialize_unknown=True).decode()


def _holdable(value: object, depth: int) -> object:
    """*value* made of nothing but what JSON holds. It came out of bytes: it has no cycles."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            return "..."
        if isinstance(value, dict):
            return {_text(key): _holdable(item, depth - 1) for key, item in value.items()}
        return [_holdable(item, depth - 1) for item in value]
    return value if value is None or isinstance(value, int | float) else _text(value)


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001  -- as above
        return f"[{type(value).__name__}]"
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
