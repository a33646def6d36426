"""The table of columns of a case: each attribute of its log once, with where its value is from.

Keys, values, the content gate and what `Emits` says are all made of it, so an attribute is added
by one line in one place. A table is made at import and never changes; any thread. The values are
taken out of a *row*: the payload, along with what the mapping has found out beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any, Final, NamedTuple

from telemetry_actors.event.definition import EventFacts, MappingSettings
from telemetry_actors.event.emits import Emits, LogType, Metric
from telemetry_actors.event.signals import AttributeValue, LogSignal, SpanSignal
from telemetry_actors.handlers._content import content_text

Row = Mapping[str, Any]
NewRow = dict[str, Any]
"""By payload key; what a mapping adds has names of its own, or is better than the payload's."""

SPAN_DETAIL: Final = "span_detail"
"""The signal of a log with a span beside it, whose ids it carries."""
METRIC_ONLY: Final = "metric_only"
"""The signal of a log without a span."""

_FIRST: Final = 2
"""Index of a table's first column, behind the name and the signal."""


class Column(NamedTuple):
    """One attribute of a record."""

    key: str
    source: str | Callable[[Row], object]
    """A key of the row, or what makes the value of it."""
    empty: AttributeValue | EllipsisType = ...
    """What stands there for null, "", 0 and the like; ``...``: they are sent as they are."""
    content: bool = False
    """With content off it is the reference, and its source isn't looked at (g21)."""


class Columns:
    """The attributes of one event type: those of every record, and between them its own.

    Args:
        name: of the event type, such as ``dify.app.created``.
        signal: `SPAN_DETAIL` or `METRIC_ONLY`.
        columns: on the log alone.
        on_span: on the span as well; they come before the others.
        reference: the payload key by whose id content can be looked up; empty: with content off
            it is absent.
    """

    __slots__ = ("_head", "_hidden", "_shown", "log", "span_keys")

    def __init__(
        self,
        name: str,
        signal: str,
        *columns: Column,
        on_span: tuple[Column, ...] = (),
        reference: str = "",
    ) -> None:
        every = (*on_span, *columns)
        keys = ("dify.event.name", "dify.event.signal", *(c.key for c in every), "log.record.uid")
        gated = frozenset(column.key for column in every if column.content)
        self.log: Final = LogType(name, signal, keys, gated, reference)
        self._head: Final = (name, signal, keys)
        self.span_keys: Final = tuple(column.key for column in on_span)
        self._shown: Final = _values_of(self.log, every, shown=True)
        self._hidden: Final = _values_of(self.log, every, shown=False)

    def emits(self, *metrics: Metric) -> Emits:
        """All that the case can make, its measurements being *metrics*."""
        return Emits(self.log, self.span_keys, metrics)

    def record(
        self,
        facts: EventFacts,
        row: Row,
        settings: MappingSettings,
        ids: tuple[bytes, bytes] = (b"", b""),
    ) -> LogSignal:
        """The log record of an event.

        Args:
            facts: of the event.
            row: what the columns are taken from.
            settings: for content.
            ids: trace id and span id; ``b""`` for none.
        """
        if settings.include_content:
            values = self._shown(row, row.get, facts.event_id, settings.json_limits)
        else:
            reference = self.log.reference
            instead = f"ref:{reference}={row.get(reference)}" if reference else None
            values = self._hidden(row, row.get, facts.event_id, instead)
        name, signal, keys = self._head
        emitted_ns, observed_ns = facts.emitted_at_ns, facts.observed_ns
        return LogSignal(name, signal, keys, values, ids[0], ids[1], emitted_ns, observed_ns)

    def span(
        self, log: LogSignal, parent_id: bytes, times: tuple[int, int], error: str | None
    ) -> SpanSignal:
        """The span beside *log*, with its name, its ids and its first attributes.

        Args:
            log: what `record` made.
            parent_id: of the span above, 8 bytes; ``b""``: it is a root.
            times: start and end, ns since the epoch.
            error: the description of an ERROR status; null: UNSET.
        """
        keys = self.span_keys
        values = log.values[_FIRST : _FIRST + len(keys)]
        return SpanSignal(
            log.event_name, log.trace_id, log.span_id, parent_id, *times, keys, values, error
        )


def _values_of(
    log: LogType, columns: tuple[Column, ...], *, shown: bool
) -> Callable[..., tuple[AttributeValue, ...]]:
    """A function that makes a record's values, as quick as one that is written by hand.

    Its text is put together of the table, as that of a named tuple's methods is: a loop over the
    columns takes a tenth of a mapping's time. Nothing of an event is in the text.
    """
    scope: dict[str, object] = {"content_text": content_text}
    values = [repr(log.name), repr(log.signal)]
    for column in columns:
        if column.content and not shown:
            values.append("instead")
            continue
        if callable(column.source):
            made_by = f"source_{len(values)}"
            scope[made_by] = column.source
            value = f"{made_by}(row)"
        else:
            value = f"get({column.source!r})"
        if column.empty is not ...:
            value += f" or {column.empty!r}"
        values.append(f"content_text({value}, limits)" if column.content else value)
    last = "limits" if shown else "instead"
    made: Callable[..., tuple[AttributeValue, ...]] = eval(  # noqa: S307
        f"lambda row, get, uid, {last}: ({', '.join(values)}, uid)", scope
    )
    return made
