"""What a sink's `export` or `size_of` has returned: of use, or its author's mistake.

Pure.
"""

from __future__ import annotations

from typing import Any

from telemetry_actors.base.misfit import Misfit, where_written
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.redaction.redaction import without_secrets

_WANTED = "an ExportResult is wanted, such as ExportResult(Verdict.ACCEPTED)"
_NUMBER = (int, float)


def answer_of(sink: object, method: object, result: Any) -> ExportResult:
    """*result* of *sink*'s *method*, with a message that holds no secret.

    Raises:
        Misfit: it is none that can be followed.
    """
    problem = _problem_of(result)
    if problem is not None:
        raise _misfit(sink, method, problem)
    answer: ExportResult = result
    return answer._replace(message=without_secrets(str(answer.message)))


def size_of(sink: Any, record: Any) -> Any:
    """Bytes of *record*, by *sink*'s own count.

    Raises:
        Misfit: that is none.
        BaseException: whatever the sink raises.
    """
    size = sink.size_of(record)
    try:
        fits = 0 <= size < 2**63
    except TypeError:
        fits = False
    if not fits:
        raise _misfit(sink, sink.size_of, f"a {_kind(size)}; a count of bytes is wanted")
    return size


def _misfit(sink: Any, method: Any, problem: str) -> Misfit:
    who = f"{method.__name__}() of sink {sink.name} ({type(sink).__name__})"
    return Misfit(f"{who} returned {problem}", where_written(method))


def _problem_of(result: object) -> str | None:
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
