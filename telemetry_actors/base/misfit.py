"""What code of a user's returned and we can't use: said with its own file and line, not with ours.

A mapping that measures a float for an int counter, a sink whose `export` returns nothing: raised by
us, so the traceback names our files alone. `Misfit` brings the place of the user's function along.
Its words name types, and what is wanted; never a value, which may be content (g21). Pure functions.
"""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import Final, Self

_NAME: Final = re.compile(r"(?:[\w.<>\[\]]|, ?){1,100}")
_LONGEST_FILE: Final = 200


class Misfit(TypeError):
    """What was returned doesn't fit. Its words may be told: they hold no content.

    Args:
        words: who, what came, and what is wanted.
        place: where whoever returned it is written; "" if nobody can tell.
    """

    def __init__(self, words: str, place: str) -> None:
        super().__init__(words, place)

    def __str__(self) -> str:
        """On one line."""
        words, place = self.args
        return f"{words}, at {place}" if place else str(words)

    def bare(self) -> Self:
        """Itself, without the frames that hang on it: for counts (`supervisors`)."""
        return type(self)(*self.args)


def where_written(function: object) -> str:
    """File, line and name of *function*, a method, or what can be called; "" of what is made in C.

    >>> where_written(len)
    ''
    """
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    return shown_place(code.co_filename, code.co_firstlineno, code.co_qualname)


def shown_place(file: str, line: int, function: str) -> str:
    """A line of code as it is told; of a file with a long name only the end.

    >>> shown_place("app/mapping.py", 7, "to_signals.<locals>.<lambda>")
    'app/mapping.py:7 in to_signals.<locals>.<lambda>'
    """
    short = file if len(file) <= _LONGEST_FILE else f"...{file[-_LONGEST_FILE:]}"
    return f"{short}:{line} in {shown_name(function)}"


def shown_name(name: str) -> str:
    """*name*, of a type or a function, which code may have made of anything, such as a payload.

    >>> shown_name("KeyError"), shown_name("tell me a joke")
    ('KeyError', '<no identifier>')
    """
    return name if _NAME.fullmatch(name) else "<no identifier>"


def a_kind(value: object) -> str:
    """The type of *value*, with its article.

    >>> a_kind(1), a_kind("x")
    ('an int', 'a str')
    """
    name = shown_name(type(value).__name__)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
