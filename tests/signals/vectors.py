"""The form of a signal vector (tests/data/signals/README.md), and reading files of them.

Strict: a key that nobody here knows is a problem that names it, because a wish that is
not compared would pass for one that is fulfilled.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["SAMPLE", "Difference", "FileProblem", "form_problems", "read_vectors"]

SAMPLE = Path(__file__).parents[1] / "data" / "signals" / "sample.jsonl"

ADMISSIONS = ("accepted", "not_eligible", "legacy_dropped", "$any")
"""What an `expect` may say of an admission."""

_MARKER = re.compile(r"\$[a-z_]+")
_ATTRIBUTE_MARKERS = ("$event_id", "$emitted_at")
_INSTANT_MARKERS = ("$emitted_at", "$emitted_at_minus_elapsed")
_LOG_ID_MARKERS = ("$span",)
_SPAN_ID_MARKERS = ("$any",)


class FileProblem(Exception):
    """A file that can't be read as vectors; its text says where and why."""


class Difference(NamedTuple):
    """One thing that isn't as a vector says."""

    vector: str
    """Its id."""
    what: str
    """The place, in the words of `expect`."""
    expected: Any
    got: Any

    def line(self) -> str:
        """For a person."""
        return (
            f"{self.vector}: {self.what}: expected {_shown(self.expected)}, got {_shown(self.got)}"
        )


class Missing:
    """What isn't there."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()


def _shown(value: Any) -> str:
    return repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False, default=repr)


def read_vectors(path: Path) -> Iterator[dict[str, Any]]:
    """The vectors of a ``.jsonl`` or ``.jsonl.gz`` file, one a line.

    Raises:
        FileProblem: no such file, not of that kind, or a line that is no JSON object.
    """
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _vector(path, number, line)


def _lines(path: Path) -> list[str]:
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        raise FileProblem(f"{path}: neither .jsonl nor .jsonl.gz")
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode().split("\n")
        return path.read_text("utf-8").split("\n")
    except (OSError, EOFError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FileProblem(f"{path}: {reason}") from error


def _vector(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileProblem(f"{path}:{number}: not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise FileProblem(f"{path}:{number}: not a vector: an object with an id is needed")
    return found


# --- the form -------------------------------------------------------------------------

_Kinds = type | tuple[type, ...]
_NUMBER = (int, float)
_NULL = type(None)


class _Form(NamedTuple):
    """Keys of an object, with the types of their values."""

    required: dict[str, _Kinds]
    optional: dict[str, _Kinds]


_VECTOR = _Form(
    {"id": str, "case": str, "settings": dict, "context": dict, "payload": dict, "expect": dict},
    {"tags": list},
)
_SETTINGS = _Form(
    {
        "include_content": bool,
        "enterprise": bool,
        "gateway_enabled": bool,
        "sampling_rate": _NUMBER,
    },
    {},
)
_EXPECT = _Form(
    {"admission": str, "logs": list, "spans": list, "metrics": list}, {"forbid_text": list}
)
_LOG = _Form(
    {"event_name": str, "attributes": dict, "trace_id": (str, _NULL), "span_id": (str, _NULL)},
    {"absent": list},
)
_SPAN = _Form(
    {
        "name": str,
        "attributes": dict,
        "trace_id": str,
        "span_id": str,
        "parent_span_id": (str, _NULL),
        "status": str,
        "start_ns": (int, str),
        "end_ns": (int, str),
    },
    {"absent": list, "status_description": (str, _NULL)},
)
_COUNTER = _Form({"name": str, "kind": str, "unit": str, "attributes": dict, "value": _NUMBER}, {})
_HISTOGRAM = _Form(
    {"name": str, "kind": str, "unit": str, "attributes": dict, "count": int, "sum": _NUMBER}, {}
)


def form_problems(vector: dict[str, Any]) -> list[Difference]:
    """What of *vector* is not of the form, and so can't be compared."""
    found = list(_problems(vector))
    return [Difference(vector["id"], f"form: {where}", want, got) for where, want, got in found]


_Problem = tuple[str, Any, Any]


def _problems(vector: dict[str, Any]) -> Iterator[_Problem]:
    outer = list(_object(vector, "", _VECTOR))
    yield from outer
    if outer:
        return
    yield from _object(vector["settings"], "settings", _SETTINGS)
    expect = vector["expect"]
    inner = list(_object(expect, "expect", _EXPECT))
    yield from inner
    if inner:
        return
    if expect["admission"] not in ADMISSIONS:
        yield "expect.admission", f"one of {', '.join(ADMISSIONS)}", expect["admission"]
    yield from _texts(expect.get("forbid_text", []), "expect.forbid_text")
    for name, check in (("logs", _log), ("spans", _span), ("metrics", _metric)):
        for number, item in enumerate(expect[name]):
            yield from check(item, f"expect.{name}[{number}]")


def _object(found: Any, where: str, form: _Form) -> Iterator[_Problem]:
    if not isinstance(found, dict):
        yield where, "an object", found
        return
    known = form.required | form.optional
    for key, value in found.items():
        place = f"{where}.{key}".lstrip(".")
        if key not in known:
            yield place, "a key that can be compared", value
        elif not _is(value, known[key]):
            yield place, _words(known[key]), value
    for key in form.required.keys() - found.keys():
        yield f"{where}.{key}".lstrip("."), _words(form.required[key]), MISSING


def _is(value: Any, kinds: _Kinds) -> bool:
    if isinstance(value, bool):
        return kinds is bool
    return isinstance(value, kinds)


def _words(kinds: _Kinds) -> str:
    each = kinds if isinstance(kinds, tuple) else (kinds,)
    return "a " + " or ".join("null" if kind is _NULL else kind.__name__ for kind in each)


def _texts(found: list[Any], where: str) -> Iterator[_Problem]:
    for item in found:
        if not isinstance(item, str):
            yield where, "texts", item


def _log(found: Any, where: str) -> Iterator[_Problem]:
    wrong = list(_object(found, where, _LOG))
    yield from wrong
    if wrong:
        return
    yield from _texts(found.get("absent", []), f"{where}.absent")
    yield from _attributes(found["attributes"], f"{where}.attributes")
    for key in ("trace_id", "span_id"):
        yield from _marker(found[key], f"{where}.{key}", _LOG_ID_MARKERS)


def _span(found: Any, where: str) -> Iterator[_Problem]:
    wrong = list(_object(found, where, _SPAN))
    yield from wrong
    if wrong:
        return
    yield from _texts(found.get("absent", []), f"{where}.absent")
    yield from _attributes(found["attributes"], f"{where}.attributes")
    for key in ("trace_id", "span_id", "parent_span_id"):
        yield from _marker(found[key], f"{where}.{key}", _SPAN_ID_MARKERS)
    for key in ("start_ns", "end_ns"):
        if isinstance(found[key], str) and found[key] not in _INSTANT_MARKERS:
            yield f"{where}.{key}", f"ns or one of {', '.join(_INSTANT_MARKERS)}", found[key]
    if found["status"] not in ("UNSET", "ERROR"):
        yield f"{where}.status", "UNSET or ERROR", found["status"]


def _metric(found: Any, where: str) -> Iterator[_Problem]:
    forms = {"counter": _COUNTER, "histogram": _HISTOGRAM}
    kind = found.get("kind") if isinstance(found, dict) else "counter"
    if not isinstance(kind, str) or kind not in forms:
        yield f"{where}.kind", "counter or histogram", kind
        return
    wrong = list(_object(found, where, forms[kind]))
    yield from wrong
    if not wrong:
        yield from _texts(list(found["attributes"].values()), f"{where}.attributes")


def _attributes(found: dict[str, Any], where: str) -> Iterator[_Problem]:
    for key, value in found.items():
        place = f"{where}.{key}"
        if isinstance(value, dict):
            if set(value) != {"$json"}:
                yield place, 'a value or {"$json": ...}', value
        elif isinstance(value, list):
            yield place, "a value that an attribute can have", value
        else:
            yield from _marker(value, place, _ATTRIBUTE_MARKERS)


def _marker(value: Any, where: str, known: tuple[str, ...]) -> Iterator[_Problem]:
    if isinstance(value, str) and _MARKER.fullmatch(value) and value not in known:
        yield where, f"a literal or one of {', '.join(known)}", value
