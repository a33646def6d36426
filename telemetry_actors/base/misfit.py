"""What code of a user's returned and we can't use: said with its own file and line, not with ours.

A mapping that measures a float for an int counter, a sink whose `export` returns nothing: raised by
us, so the traceback names our files alone. `Misfit` brings the place of the user's function along.
Its words name types, and what is wanted; never a value, which may be content (g21). Pure functions.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Self

from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.redaction.redaction import without_secrets

__all__ = ["Misfit", "answer_of", "where_written"]

_WANTED = "an ExportResult is wanted, such as ExportResult(Verdict.ACCEPTED)"
_NUMBER = (int, float)


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


def where_written(function: Any) -> str:
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
    return f"{code.co_filename}:{code.co_firstlineno} in {code.co_qualname}"


def answer_of(sink: Any, method: Any, result: Any) -> ExportResult:
    """*result* of *sink*'s *method*, with a message that holds no secret.

    Raises:
        Misfit: it is none that can be followed.
    """
    problem = _problem_of(result)
    if problem is not None:
        who = f"{method.__name__}() of sink {sink.name} ({type(sink).__name__})"
        raise Misfit(f"{who} returned {problem}", where_written(method))
    answer: ExportResult = result
    return answer._replace(message=without_secrets(str(answer.message)))


def _problem_of(result: Any) -> str | None:
    if not isinstance(result, ExportResult):
        return f"a {type(result).__name__}; {_WANTED}"
    verdict: object = result.verdict
    if not isinstance(verdict, Verdict):
        return f"a verdict that is a {type(verdict).__name__}; a Verdict is wanted"
    if not isinstance(result.rejected, int) or result.rejected < 0:
        return f"rejected that is no count but a {_kind(result.rejected)}; 0 or more is wanted"
    after_s = result.retry_after_s
    if after_s is not None and not (type(after_s) in _NUMBER and 0 <= after_s < float("inf")):
        return f"retry_after_s that is a {_kind(after_s)}; seconds, or None, are wanted"
    return None


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"negative or endless {name}" if type(value) in _NUMBER else name
