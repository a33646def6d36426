"""JSONL of events → events, with the bad lines told apart.

A line is ``{"case", "context", "payload", "event_id"?, "at"?}``; further keys are ignored,
so that recorded vectors can be replayed as they are. ``at`` is an RFC 3339 time, or a number since
the epoch whose size tells its unit, as with the times of a payload (docs/values.md).

Only the form is judged here. What a payload must hold is its handler's business: an
event with a bad payload is emitted and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from telemetry_actors.base.nearest import did_you_mean
from telemetry_actors.demo._lines import LONGEST_LINE_BYTES, numbered_lines
from telemetry_actors.demo.event import IF_YOUR_OWN, BadLine, MadeEvent
from telemetry_actors.door.registry import registered_cases
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.decoding import TooLarge, check_json
from telemetry_actors.event.forms import ns_of_number

_CASES = frozenset(TelemetryCase)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_jsonl(stream: BinaryIO) -> Iterator[MadeEvent | BadLine]:
    """The events of *stream*, in its order, and a `BadLine` for each line that holds none.

    Empty lines are passed over. Memory is bounded by the longest line.
    """
    for number, line in numbered_lines(stream):
        if line is None:
            yield BadLine(number, f"longer than {LONGEST_LINE_BYTES:,} bytes")
        elif line.strip():
            yield event_of_line(number, line)


def event_of_line(number: int, line: bytes) -> MadeEvent | BadLine:
    """The event that one line describes, or why it describes none."""
    try:
        text = line.decode("utf-8")
        check_json(text)
        value = json.loads(text)
        return _event(number, value)
    except UnicodeDecodeError as error:
        return BadLine(number, f"not UTF-8 at byte {error.start + 1}")
    except json.JSONDecodeError as error:
        return BadLine(number, f"not JSON: {error.msg} at column {error.colno}")
    except TooLarge as error:
        return BadLine(number, str(error))
    except RecursionError:
        return BadLine(number, "nested too deeply")
    except ValueError as error:
        return BadLine(number, str(error))


def _event(number: int, value: object) -> MadeEvent:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return MadeEvent(
        case=_case(value.get("case")),
        context=_object(value, "context"),
        payload=_object(value, "payload"),
        event_id=_event_id(value.get("event_id")),
        at_ns=_at_ns(value.get("at")),
        line=number,
    )


def _case(case: object) -> str:
    if not isinstance(case, str):
        raise ValueError("no case" if case is None else "case is not a text")
    if case not in _CASES and case not in registered_cases():
        meant = did_you_mean(case, [*_CASES, *registered_cases()])
        raise ValueError(f"unknown case {case[:60]!r}{meant or f'; {IF_YOUR_OWN}'}")
    return case


def _object(value: dict[str, object], key: str) -> dict[str, object]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise ValueError(f"no {key}" if key not in value else f"{key} is not an object")
    return found


def _event_id(event_id: object) -> str | None:
    if event_id is None:
        return None
    if not isinstance(event_id, str) or not event_id:
        raise ValueError("event_id is not a text of a character or more")
    return event_id


def _at_ns(at: Any) -> int | None:
    if at is None:
        return None
    if isinstance(at, str):
        return _instant_ns(at)
    try:
        return ns_of_number(at)
    except ValueError:
        raise ValueError("at is neither a time nor a number of s, ms, us or ns") from None


def _instant_ns(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"at is no RFC 3339 time: {text[:60]!r}") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
