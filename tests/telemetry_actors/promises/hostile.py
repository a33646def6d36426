"""Payloads that no one should hand in, and that `emit()` must survive."""

import datetime
import decimal
import enum
import uuid
from collections.abc import Mapping

import pydantic


class Unreadable:
    """Raises whatever you like from whatever it is asked."""

    def __init__(self, error):
        self._error = error

    def __str__(self):
        raise self._error

    __repr__ = __str__

    def __iter__(self):
        raise self._error

    def __len__(self):
        raise self._error


class BadMapping(Mapping):
    """A mapping that can't be read."""

    def __getitem__(self, key):
        raise SystemExit(3)

    def __iter__(self):
        raise SystemExit(3)

    def __len__(self):
        return 1


class Unhashable(str):
    """A str subclass with a hash of its own that fails."""

    __slots__ = ()

    def __hash__(self):
        raise SystemExit(3)


class Colour(enum.Enum):
    RED = "red"


class Model(pydantic.BaseModel):
    a: int = 1


def cyclic():
    """A dict in itself."""
    loop: dict = {}
    loop["self"] = [loop]
    return loop


def deep(levels=10_000):
    """Nested so deep that recursion would fail."""
    value: object = "bottom"
    for _ in range(levels):
        value = {"k": value}
    return value


def endless():
    """A generator without end."""
    n = 0
    while True:
        yield n
        n += 1


def values():
    """Fresh hostile values by name."""
    return {
        "cyclic": cyclic(),
        "deep": deep(),
        "endless": endless(),
        "surrogate": "\ud800",
        "huge int": 2**70,
        "monstrous int": 2**1_000_000,
        "nan": float("nan"),
        "infinity": float("inf"),
        "bytes": b"\xff\xfe",
        "bytearray": bytearray(3),
        "set": {1, 2},
        "datetime": datetime.datetime.now(datetime.UTC),
        "decimal": decimal.Decimal("1.5"),
        "uuid": uuid.uuid4(),
        "enum": Colour.RED,
        "model": Model(),
        "object": object(),
        "raises": Unreadable(ValueError("no")),
        "exits": Unreadable(SystemExit(3)),
        "interrupts": Unreadable(KeyboardInterrupt()),
        "recurses": Unreadable(RecursionError()),
        "bad mapping": BadMapping(),
        "class": Unreadable,
        "lambda": lambda: None,
        "tuple keys": {(1, 2): 3, None: 4, 5: 6, b"b": 7},
        "unreadable keys": {Unreadable(ValueError("no")): 1},
    }
