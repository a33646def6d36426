"""Sanitising at the door: whatever a host hands in becomes something msgpack can carry.

Only reached when packing a payload as it is has failed, which for a healthy producer
never happens. Every change leaves a visible mark. Foreign objects are asked for
their value or text here, on the caller's thread, so whatever *they* raise (a dying object may
raise anything) is caught here and nowhere else (semantics.md g01, g20).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

__all__ = ["MAX_DEPTH", "MAX_NODES", "sanitise", "text"]

MAX_DEPTH = 32
"""Levels of nesting that are kept; what is deeper becomes a mark."""

MAX_NODES = 200_000
"""Values in one payload that are kept."""

_MAX_ITERATED = 10_000
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1
_name = type.__dict__["__name__"].__get__  # a metaclass may have one of its own that raises


class _Budget:
    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.open: set[int] = set()


def sanitise(value: Any) -> Any:
    """A copy of *value* made of dict, list, str, int, float, bool and None only. Never raises."""
    return _clean(value, 0, _Budget())


def text(value: str) -> str:
    """*value* with each lone surrogate replaced by U+FFFD."""
    try:
        str.encode(value, "utf-8")  # and not `value.encode`: a subclass may have its own
        return str.__str__(value)
    except UnicodeError:
        return str.encode(value, "utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(value: Any, depth: int, budget: _Budget) -> Any:
    budget.nodes -= 1
    if budget.nodes < 0:
        return "<cut: too many values>"
    plain = _plain(value)
    if plain is not NotImplemented:
        return plain
    if depth >= MAX_DEPTH:
        return "<cut: nested too deep>"
    if id(value) in budget.open:
        return "<cycle>"
    budget.open.add(id(value))
    try:
        return _container(value, depth + 1, budget)
    except BaseException as error:  # noqa: BLE001 -- foreign code: iteration, __len__, __str__ may raise anything
        return f"<unreadable {_name(type(value))}: {_name(type(error))}>"
    finally:
        budget.open.discard(id(value))


def _plain(value: Any) -> Any:
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is int:
        return value if _INT_MIN <= value <= _INT_MAX else _huge(value)
    if kind is float:
        return value
    if kind is bytes or kind is bytearray or kind is memoryview:
        return f"<{len(value)} bytes>"
    return NotImplemented


def _huge(value: int) -> str:
    return str(value) if value.bit_length() < 4_096 else f"<int of {value.bit_length()} bits>"


def _container(value: Any, depth: int, budget: _Budget) -> Any:
    if isinstance(value, Mapping):
        return {
            _key(k): _clean(v, depth, budget)
            for k, v in islice(list(value.items()), budget.nodes + 1)
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(v, depth, budget) for v in islice(list(value), budget.nodes + 1)]
    return _scalar(value, depth, budget)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return text(key)
    try:
        return text(str(key))
    except BaseException as error:  # noqa: BLE001 -- foreign __str__
        return f"<unreadable key: {_name(type(error))}>"


def _scalar(value: Any, depth: int, budget: _Budget) -> Any:
    if isinstance(value, enum.Enum):
        return _clean(value.value, depth, budget)
    if isinstance(value, str):
        return text(value)
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return _clean(kind(value), depth, budget)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    return _object(value, depth, budget)


def _object(value: Any, depth: int, budget: _Budget) -> Any:
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        return _clean(value.model_dump(), depth, budget)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _clean(fields, depth, budget)
    item = getattr(type(value), "item", None)
    if item is not None and getattr(value, "ndim", None) == 0:  # a numpy scalar
        return _clean(value.item(), depth, budget)
    to_list = getattr(type(value), "tolist", None)
    if to_list is not None:  # an array
        return _clean(value.tolist(), depth, budget)
    if isinstance(value, Iterable):
        return _iterated(value, depth, budget)
    return text(str(value))[:10_000]


def _iterated(value: Iterable[Any], depth: int, budget: _Budget) -> list[Any]:
    found = [_clean(v, depth, budget) for v in islice(value, _MAX_ITERATED)]
    if len(found) == _MAX_ITERATED:
        found.append("<cut: too many items>")
    return found
