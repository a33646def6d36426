"""Arrivals of a production LLM service (Azure's trace form) → events, by rule.

A row is an arrival time and two token counts. Around each, one chat turn is made: a
node execution, the workflow run that it belongs to, and the message. Tokens and times are
the row's; ids are derived from the row number, so a second replay has the same ids, event
ids included; text is made to the token count, but bounded. Tenants are dealt out in turn.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

from telemetry_actors.demo._lines import numbered_lines
from telemetry_actors.demo._text import text_of
from telemetry_actors.demo.event import BadLine, MadeEvent
from telemetry_actors.event.cases import TelemetryCase

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "telemetry-actors/azure-llm")
_WORKSPACES = ("Acme", "Globex", "Initech", "Umbrella", "Wonka")
_MODEL = {"model_provider": "azure_openai", "model_name": "code-completion"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?")
_MOST_TOKENS = 10_000_000
# The trace tells no durations. These are round figures of such a service.
_FIRST_TOKEN_NS = 50_000_000
_CONTEXT_TOKEN_NS = 200_000
_GENERATED_TOKEN_NS = 30_000_000


class NotArrivalsError(Exception):
    """The file is not in the trace's form; nothing of it can be used."""


class Arrival(NamedTuple):
    """One request as the trace tells it."""

    row: int
    """From 1; the first line below the header."""
    at_ns: int
    context_tokens: int
    generated_tokens: int


def read_azure(stream: BinaryIO) -> Iterator[MadeEvent | BadLine]:
    """The events of all rows, in order, and a `BadLine` for each row that is none.

    Raises:
        NotArrivalsError: at once; there is no header with the three columns.
    """
    return _events(read_arrivals(stream))


def read_arrivals(stream: BinaryIO) -> Iterator[Arrival | BadLine]:
    """The rows of *stream*; a row number is its line number less one.

    Raises:
        NotArrivalsError: at once; there is no header with the three columns.
    """
    lines = numbered_lines(stream)
    places = _places(next(lines, (1, b""))[1])
    return (
        _arrival(number, line or b"", places)
        for number, line in lines
        if line is None or line.strip()
    )


def events_of(arrival: Arrival) -> tuple[MadeEvent, MadeEvent, MadeEvent]:
    """Node execution, workflow run, message run: as an application would finish them.

    >>> [event.case for event in events_of(Arrival(1, 0, 100, 10))]
    ['node_execution', 'workflow_run', 'message_run']
    """
    turn = _Turn(arrival)
    return turn.node_execution(), turn.workflow_run(), turn.message_run()


def _events(found: Iterator[Arrival | BadLine]) -> Iterator[MadeEvent | BadLine]:
    for arrival in found:
        if isinstance(arrival, BadLine):
            yield arrival
        else:
            yield from events_of(arrival)


def _places(header: bytes | None) -> list[int]:
    names = (header or b"").decode("utf-8", "replace").strip().split(",")
    try:
        return [names.index(column) for column in COLUMNS]
    except ValueError:
        raise NotArrivalsError(f"the first line must be {','.join(COLUMNS)}") from None


def _arrival(number: int, line: bytes, places: list[int]) -> Arrival | BadLine:
    fields = line.decode("utf-8", "replace").split(",")
    if len(fields) <= max(places):
        return BadLine(number, f"{len(fields)} fields, {max(places) + 1} needed")
    at, context, generated = (fields[place].strip() for place in places)
    at_ns = _at_ns(at)
    if at_ns is None:
        return BadLine(number, f"TIMESTAMP is no time: {at[:40]!r}")
    for column, text in zip(COLUMNS[1:], (context, generated), strict=True):
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= _MOST_TOKENS):
            return BadLine(number, f"{column} is no count: {text[:40]!r}")
    return Arrival(number - 1, at_ns, int(context), int(generated))


def _at_ns(text: str) -> int | None:
    """Exact: the trace has seven digits, which a float or `datetime` would not keep."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        instant = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(instant.timestamp()) * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))


@functools.lru_cache(maxsize=64)
def _tenant_id(what: str, tenant: int) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{what}/{tenant}"))


class _Turn:
    """One chat turn around one arrival."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.first_token_ns = _FIRST_TOKEN_NS + arrival.context_tokens * _CONTEXT_TOKEN_NS
        self.streaming_ns = arrival.generated_tokens * _GENERATED_TOKEN_NS
        self.prompt = text_of(arrival.context_tokens, seed=arrival.row)
        self.answer = text_of(arrival.generated_tokens, seed=arrival.row + 7)
        self.tenant = arrival.row % len(_WORKSPACES)
        self.shared = self._shared(arrival)

    def id_of(self, what: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.arrival.row}/{what}"))

    def node_execution(self) -> MadeEvent:
        return self._event(
            TelemetryCase.NODE_EXECUTION,
            workflow_id=_tenant_id("workflow", self.tenant),
            node_execution_id=self.id_of("node_execution"),
            node_id="llm",
            node_type="llm",
            title="Completion",
            status="succeeded",
            index=1,
            elapsed_time=self._elapsed_s,
            total_price=self._price,
            currency="USD",
            inputs={"prompt": self.prompt},
            outputs={"text": self.answer},
            **_MODEL,
        )

    def workflow_run(self) -> MadeEvent:
        return self._event(
            TelemetryCase.WORKFLOW_RUN,
            workflow_id=_tenant_id("workflow", self.tenant),
            version="2023-11-16",
            status="succeeded",
            triggered_from="api",
            elapsed_time=self._elapsed_s,
            query=self.prompt[:200],
            inputs={"prompt": self.prompt},
            outputs={"text": self.answer},
        )

    def message_run(self) -> MadeEvent:
        return self._event(
            TelemetryCase.MESSAGE_RUN,
            status="succeeded",
            conversation_mode="advanced-chat",
            from_source="api",
            time_to_first_token=self.first_token_ns / 1e9,
            streaming_duration=self.streaming_ns / 1e9,
            inputs={"query": self.prompt},
            outputs=self.answer,
            **_MODEL,
        )

    def _event(self, case: TelemetryCase, **payload: object) -> MadeEvent:
        return MadeEvent(
            case.value,
            self._context(),
            {**self.shared, **payload},
            event_id=self.id_of(f"event/{case}"),
            at_ns=self.arrival.at_ns,
            line=self.arrival.row + 1,
        )

    def _context(self) -> dict[str, object]:
        return {
            "tenant_id": _tenant_id("tenant", self.tenant),
            "app_id": _tenant_id("app", self.tenant),
            "app_name": "Code completion",
            "workspace_name": _WORKSPACES[self.tenant],
        }

    def _shared(self, arrival: Arrival) -> dict[str, object]:
        return {
            "workflow_run_id": self.id_of("workflow_run"),
            "message_id": self.id_of("message"),
            "conversation_id": self.id_of("conversation"),
            "start_time": arrival.at_ns,
            "end_time": arrival.at_ns + self.first_token_ns + self.streaming_ns,
            "prompt_tokens": arrival.context_tokens,
            "completion_tokens": arrival.generated_tokens,
            "total_tokens": arrival.context_tokens + arrival.generated_tokens,
        }

    @property
    def _elapsed_s(self) -> float:
        return (self.first_token_ns + self.streaming_ns) / 1e9

    @property
    def _price(self) -> float:
        return round(self.arrival.context_tokens * 5e-7 + self.arrival.generated_tokens * 1.5e-6, 9)
