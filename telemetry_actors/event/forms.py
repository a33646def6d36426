"""The forms of one value: what counts as a text, a number, an instant, and whose an event is.

One rule for the context, the payload and what a bridge takes in. Asked at the door (whose event
it is), where a payload is read (`handlers/forms.py`), and by bridges. Pure functions; any thread.
Nothing here looks at what a value says, and no message repeats it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

from telemetry_actors.event.ids import bounded_id
from telemetry_actors.event.marks import bytes_text
from telemetry_actors.event.sanitise import sanitise

CONTEXT_KEYS: Final = ("tenant_id", "user_id", "app_id", "app_name", "workspace_name")
"""What a context says; each may be in a payload as well."""

INT64_MAX: Final = 2**63 - 1
_MOST_TOKENS: Final = 2**53
_MOST_SECONDS: Final = 9e9
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST_DECIMAL: Final = 100

# Of a time as a number: from this size on it is counted in the next smaller unit.
_LEAST_NS: Final = 10**17
"""From here on a number is nanoseconds."""
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (_LEAST_NS, 10**3))
_US_NS: Final = 1000


class Unreadable(Exception):
    """A value has no form that its key can take."""


class InvalidPayload(Exception):
    """Without a key that is required. The text says which, and what would be right; no values."""


class Form(NamedTuple):
    """How the value of a key is read, and in words which forms are right."""

    read: Callable[[object], object]
    """Raises `Unreadable`. The value is plain: what `sanitise` leaves, or bytes."""
    words: str


# -- texts ----------------------------------------------------------------------------------------


def text_of(value: object) -> str:
    """A text; bytes of UTF-8 are what they say.

    Raises:
        Unreadable: anything else.

    >>> text_of("a"), text_of(b"a")
    ('a', 'a')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        found = bytes_text(value)
        if not _is_mark(found):
            return found
    raise Unreadable


def id_of(value: object) -> str:
    """A text, or an int as its decimal text.

    Raises:
        Unreadable: a bool, a float, a list or a map: no id was ever meant by it.

    >>> id_of(42), id_of("a")
    ('42', 'a')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value)


def is_id_key(key: str) -> bool:
    """Whether a key of a payload or context holds an id, or a list of them: by its name.

    >>> is_id_key("user_id"), is_id_key("dataset_ids"), is_id_key("status")
    (True, True, False)
    """
    return key.endswith(("_id", "_ids"))


def id_of_any(value: object) -> str | None:
    """The text of an id as a host has it (a UUID, an enum, an int ...). Null: it has none.

    Never raises. A mark that `sanitise` leaves is no text: two of them would pass for one.

    >>> import uuid
    >>> id_of_any(uuid.UUID(int=1)), id_of_any(object()), id_of_any(True)
    ('00000000-0000-0000-0000-000000000001', None, None)
    """
    if type(value) is str:
        return value
    if value is None:
        return None
    try:
        found = id_of(sanitise(value))
    except Unreadable:
        return None
    return None if _is_mark(found) else found


def _is_mark(text: str) -> bool:
    return text[:1] == "<"


def tenant_of(payload_says: object, context_says: object) -> str:
    """Whose event it is: the payload's word before the context's; "" when neither says.

    The one place where this is decided: at the door, and then it is the envelope's. Dedup,
    fairness, order, keys of stores, attributes and labels all go by that. An id that is too long is
    its digest.

    Args:
        payload_says: ``tenant_id`` of the payload, in whatever form; null: nothing.
        context_says: that of the context.

    >>> tenant_of("acme", "other"), tenant_of("", 42), tenant_of([], None)
    ('acme', '42', '')
    """
    if payload_says is not None:
        found = payload_says if type(payload_says) is str else id_of_any(payload_says)
        if found:
            return bounded_id(found)
    found = context_says if type(context_says) is str else id_of_any(context_says)
    return bounded_id(found or "")


# -- numbers --------------------------------------------------------------------------------------


def number_of(value: object) -> float:
    """A finite number; decimal text (``str(Decimal)``, exponents included) is one.

    Raises:
        Unreadable: it is none, or a bool.

    >>> number_of("1.5e1"), number_of(2)
    (15.0, 2.0)
    """
    if isinstance(value, str) and len(value) <= _LONGEST_DECIMAL and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable
    try:
        number = float(value)
    except OverflowError:
        raise Unreadable from None
    if not isfinite(number):
        raise Unreadable
    return number


def is_number(value: object) -> bool:
    """Whether `number_of` reads it."""
    try:
        number_of(value)
    except Unreadable:
        return False
    return True


def _whole(value: object, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        number = number_of(value)
        if not number.is_integer():
            raise Unreadable
        value = int(value) if isinstance(value, str) and value.isdecimal() else int(number)
    if not lowest <= value <= highest:
        raise Unreadable
    return value


def count_of(value: object) -> int:
    """A whole number, up to 2**53; ``12.0`` and the text ``12`` are 12. Raises `Unreadable`."""
    return _whole(value, -_MOST_TOKENS, _MOST_TOKENS)


def index_of(value: object) -> int:
    """A whole number of 64 bits. Raises `Unreadable`."""
    return _whole(value, -INT64_MAX - 1, INT64_MAX)


def seconds_of(value: object) -> float:
    """A duration in seconds. Raises `Unreadable`."""
    number = number_of(value)
    if abs(number) > _MOST_SECONDS:
        raise Unreadable
    return number


def price_of(value: object) -> float:
    """A price. Raises `Unreadable`."""
    return number_of(value)


def flag_of(value: object) -> bool:
    """A bool, and nothing else. Raises `Unreadable`."""
    if not isinstance(value, bool):
        raise Unreadable
    return value


# -- instants -------------------------------------------------------------------------------------


def ns_of_number(value: float) -> int:
    """Nanoseconds since the epoch, of a number of s, ms, us or ns: told by its size.

    Below 1e11 it is seconds (until the year 5138), below 1e14 milliseconds, below 1e17
    microseconds, else nanoseconds; a negative one by its size without the sign. Exact for ints; a
    float is taken to the microsecond, which is what it holds.

    Raises:
        ValueError: a bool, no finite number, or beyond 64 bits (before 1677, after 2262).

    >>> ns_of_number(1_795_162_530), ns_of_number(1_795_162_530_123)
    (1795162530000000000, 1795162530123000000)
    >>> ns_of_number(1795162530.123457), ns_of_number(1_795_162_530_123_457_001)
    (1795162530123457000, 1795162530123457001)
    """
    if type(value) is int and _LEAST_NS <= value <= INT64_MAX:
        return value  # as `time.time_ns()` has it: nearly every one
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("a time must be finite")
    size = abs(value)
    unit_ns = next((unit for limit, unit in _UNITS if size < limit), 1)
    instant_ns = value * unit_ns if isinstance(value, int) else _float_ns(value, unit_ns)
    if not -INT64_MAX <= instant_ns <= INT64_MAX:
        raise ValueError("a time must be within 64 bits of nanoseconds")
    return instant_ns


def _float_ns(value: float, unit_ns: int) -> int:
    whole = int(value)
    if unit_ns < _US_NS:
        return whole
    return whole * unit_ns + round((value - whole) * (unit_ns // _US_NS)) * _US_NS


# -- contexts -------------------------------------------------------------------------------------


def said_of(context: Mapping[str, object], key: str) -> str:
    """What a context says of *key*. Raises `Unreadable`."""
    value = context.get(key)
    if type(value) is str:  # nearly every one, and four times for each event
        return value
    return id_of(value) if is_id_key(key) else text_of(value)


def read_context(context: Mapping[str, object]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The context with its five keys as texts, and which of them can't be read (left out).

    >>> read_context({"app_id": 17, "user_id": [], "x": 1})
    ({'app_id': '17', 'x': 1}, ('context.user_id',))
    """
    odd = [
        key
        for key in CONTEXT_KEYS
        if (value := context.get(key)) is not None and type(value) is not str
    ]
    if not odd:
        return context, ()
    found, lost = dict(context), []
    for key in odd:
        try:
            found[key] = said_of(found, key)
        except Unreadable:
            del found[key]
            lost.append(f"context.{key}")
    return found, tuple(lost)
