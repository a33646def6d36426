"""Sanitising at the door: whatever a host hands in becomes something msgpack can carry.

Only reached when packing a payload as it is has failed. What the wire has a form for
takes that form (a datetime its ISO text, a set a list, an enum its value); what loses
something, or is of an unknown type, bears a mark (`event/marks.py`): docs/values.md has the
tables. Foreign objects are asked for their value or text here, on the caller's thread,
so whatever *they* raise (a dying object may raise anything) is caught here and nowhere
else (semantics.md g01, g20).

Never read: iterators, which the host would find used up, and iterables that are no
collection, since reading one may be a query to a database.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from telemetry_actors.event.marks import (
    CYCLE,
    TOO_DEEP,
    TOO_MANY,
    bytes_text,
    cut,
    distinct,
    named,
    type_name,
    unread,
)

MAX_DEPTH = 100
"""Levels of nesting that are kept; what is deeper becomes a mark."""

MAX_NODES = 200_000
"""Values in one payload that are kept."""

_MAX_TEXT_BYTES = 10_000
"""Of the text of a key or value of an unknown type."""

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1
_PRINTED_BITS = 2_048  # the digits of more may be over what a host lets `str` print


class _Budget:
    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.open: set[int] = set()


def sanitise(value: object) -> Any:
    """A copy of *value* made of dict, list, str, int, float, bool and None only. Never raises."""
    return _clean(value, 0, _Budget())


def text(value: str) -> str:
    """*value* with each lone surrogate replaced by U+FFFD."""
    try:
        str.encode(value, "utf-8")  # and not `value.encode`: a subclass may have its own
        return str.__str__(value)
    except UnicodeError:
        return str.encode(value, "utf-16", "surrogatepass").decode("utf-16", "replace")


def key_text(key: object) -> str:
    """A key that is no text as one: bytes as a value of bytes is, all else as its own text.

    >>> key_text(b"k"), key_text(7)
    ('k', '7')
    """
    if isinstance(key, bytes):
        return bytes_text(key)
    return cut(text(str(key)), _MAX_TEXT_BYTES)


def _clean(value: object, depth: int, budget: _Budget) -> object:
    budget.nodes -= 1
    if budget.nodes < 0:
        return TOO_MANY
    plain = _plain(value)
    if plain is not NotImplemented:
        return plain
    if depth >= MAX_DEPTH:
        return TOO_DEEP
    if id(value) in budget.open:
        return CYCLE
    budget.open.add(id(value))
    try:
        return _container(value, depth + 1, budget)
    except BaseException as error:  # noqa: BLE001 -- foreign code: iteration, __len__, __str__ may raise anything
        return f"<unreadable {type_name(type(value))}: {type_name(type(error))}>"
    finally:
        budget.open.discard(id(value))


def _plain(value: Any) -> object:
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is int:
        return value if _INT_MIN <= value <= _INT_MAX else _huge(value)
    if kind is float:
        return value
    return NotImplemented


def _huge(value: int) -> str:
    bits = value.bit_length()
    return str(value) if bits <= _PRINTED_BITS else f"<int of {bits} bits>"


def _container(value: object, depth: int, budget: _Budget) -> object:
    if type(value) is dict:
        # In one step: another thread may be changing it.
        return _mapping(value.copy().items(), depth, budget)
    if isinstance(value, Mapping):
        return _mapping(value.items(), depth, budget)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes_text(bytes(value))
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(v, depth, budget) for v in islice(list(value), budget.nodes + 1)]
    return _scalar(value, depth, budget)


def _mapping(
    pairs: Iterable[tuple[object, object]], depth: int, budget: _Budget
) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in list(islice(pairs, budget.nodes + 1)):
        found[distinct(_key(key), found)] = _clean(value, depth, budget)
    return found


def _key(key: object) -> str:
    if isinstance(key, str):
        return text(key)
    try:
        return key_text(key.value if isinstance(key, enum.Enum) else key)
    except BaseException as error:  # noqa: BLE001 -- foreign __str__
        return f"<unreadable key: {type_name(type(error))}>"


def _scalar(value: object, depth: int, budget: _Budget) -> object:
    if isinstance(value, enum.Enum):
        return _clean(value.value, depth, budget)
    if isinstance(value, str):
        return text(value)
    for kind in (int, float):
        if isinstance(value, kind):
            return _clean(kind(value), depth, budget)
    return _standard(value, depth, budget)


def _standard(value: object, depth: int, budget: _Budget) -> object:
    """Types of the standard library that the wire has a form for."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()  # the unit of every duration in a payload
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, os.PathLike):
        return _clean(os.fspath(value), depth, budget)
    return _object(value, depth, budget)


def _object(value: Any, depth: int, budget: _Budget) -> object:
    if hasattr(type(value), "model_dump"):
        return _clean(value.model_dump(), depth, budget)
    fields = _fields(value)
    if fields is not None:
        return _clean({name: getattr(value, name) for name in fields}, depth, budget)
    if isinstance(value, Sequence | AbstractSet | ValuesView):
        return [_clean(v, depth, budget) for v in list(islice(value, budget.nodes + 1))]
    if hasattr(type(value), "item") or hasattr(type(value), "tolist"):
        return _numeric(value, depth, budget)
    if isinstance(value, Iterable | Iterator):
        return unread(value)
    return _text_of(value)


def _fields(value: object) -> list[str] | None:
    """Names of the fields of whatever is a record of named values; null: it is none.

    A dataclass, a model of pydantic's first version (which would pass for an iterable), or a class
    of attrs. None of them is imported for it.
    """
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    if hasattr(kind, "__fields__") and hasattr(kind, "__fields_set__"):
        return [str(name) for name in kind.__fields__]
    if hasattr(kind, "__attrs_attrs__"):
        return [field.name for field in kind.__attrs_attrs__]
    return None


def _numeric(value: Any, depth: int, budget: _Budget) -> object:
    """A scalar or an array of numpy, or of whoever has its manners."""
    if getattr(getattr(value, "dtype", None), "kind", "") == "m":
        return _text_of(value)  # a span of time: `item` is a bare number, its unit lost
    if getattr(value, "ndim", None) == 0:
        plain = value.item()
        return _text_of(value) if type(plain) is type(value) else _clean(plain, depth, budget)
    size = getattr(value, "size", None)
    if type(size) is not int:
        return _text_of(value)
    if size > budget.nodes:
        return f"<{type_name(type(value))} of {size} values: not read>"
    return _clean(value.tolist(), depth, budget)


def _text_of(value: object) -> str:
    return cut(named(value, text(str(value))), _MAX_TEXT_BYTES)
