"""What a single field of a specification may hold, said in one sentence each.

`spec` and `backoff` check themselves with these. Each returns the value or
raises `SpecError` with the field, the value, and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from supervisors.errors import SpecError

E = TypeVar("E", bound=StrEnum)


def at_least(field: str, value: object, low: float, *, above: bool = False) -> float:
    """A finite number, at least *low* (or *above* it); a bool is no number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and _is_finite(value) and (value > low if above else value >= low):  # type: ignore[operator,arg-type]
        return value  # type: ignore[return-value]
    raise SpecError(field, value, f"a finite number {'>' if above else '>='} {low:g}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold is as good as infinite
        return False


MAX_COUNT = 2**40
"""More of anything is a slip, and beyond what floats, rings and clocks can hold."""


def count(field: str, value: object, low: int) -> int:
    """A whole number, at least *low* and at most `MAX_COUNT`."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        if value <= MAX_COUNT:
            return value
        raise SpecError(field, value, f"a whole number <= {MAX_COUNT}")
    raise SpecError(field, value, f"a whole number >= {low}")


def flag(field: str, value: object) -> bool:
    """True or False, and nothing that merely is truthy."""
    if isinstance(value, bool):
        return value
    raise SpecError(field, value, "True or False")


def text(field: str, value: object) -> str:
    """A non-empty string."""
    if isinstance(value, str) and value:
        return value
    raise SpecError(field, value, "a non-empty string")


def supervised(field: str, value: object) -> None:
    """An actor class that a supervisor can start: Pykka's own tell nobody how they end."""
    if not hasattr(value, "incarnate"):
        allowed = "a subclass of supervisors.SupervisedActor (in place of pykka.ThreadingActor)"
        raise SpecError(field, value, allowed)


def one_of(field: str, value: object, kind: type[E]) -> E:
    """A member of *kind*, or its name."""
    try:
        return kind(str(value))
    except ValueError:
        raise SpecError(field, value, f"one of {', '.join(kind)}") from None


def positional(field: str, value: object) -> tuple[Any, ...]:
    """A list or tuple, as a tuple; a lone string is a mistake, not five arguments."""
    if isinstance(value, list | tuple):
        return tuple(value)
    raise SpecError(field, value, "a list or tuple")


def keywords(field: str, value: object) -> dict[str, Any]:
    """A mapping with names for keys, as a dict of its own."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return dict(value)
    raise SpecError(field, value, "a mapping with str keys")
