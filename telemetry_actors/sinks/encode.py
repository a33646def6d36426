"""A log record or a span in its protobuf bytes, and many of them in one request.

Each record is encoded **on its own**, so one that OTLP can't carry hurts nobody else, a
batch is counted in bytes before it is sent, and a bisection or a retry re-encodes nothing:
a request is the resource, the scope and the records' bytes, joined. That works because a
repeated message on the wire is each element's bytes behind a tag and a length, and the
field numbers are the same for logs, spans and metrics.

``add()`` and plain attribute stores are the quickest way through `opentelemetry-proto`. A
hand-written encoder may come behind the same functions, checked against it byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from telemetry_actors.event.signals import AttributeValue, LogSignal, ResourceValue, SpanSignal

SCOPE_NAME = "dify.enterprise"

_INFO = 9
_SAMPLED = 1
_INTERNAL = Span.SpanKind.SPAN_KIND_INTERNAL
_ERROR = Status.StatusCode.STATUS_CODE_ERROR
_FIRST, _SECOND = b"\x0a", b"\x12"  # tags of fields 1 and 2 with a length


def encode_log(log: LogSignal) -> bytes:
    """A serialized ``LogRecord``.

    Raises:
        Exception: OTLP can't carry it: a lone surrogate, an integer beyond 64 bits, a value
            of another type, ids of a wrong length.
    """
    record = LogRecord()
    record.time_unix_nano = log.time_ns
    record.observed_time_unix_nano = log.observed_ns
    record.severity_number = _INFO  # type: ignore[assignment]  # ints are what upb takes
    record.severity_text = "INFO"
    record.body.string_value = "telemetry." + log.signal
    record.event_name = log.event_name
    if log.trace_id:
        record.trace_id = _id(log.trace_id, 16)
        record.flags = _SAMPLED if log.sampled else 0
    if log.span_id:
        record.span_id = _id(log.span_id, 8)
    add_attributes(record.attributes, log.keys, log.values)
    return record.SerializeToString()


def encode_span(span: SpanSignal) -> bytes:
    """A serialized ``Span``, kind INTERNAL.

    Raises:
        Exception: as `encode_log`.
    """
    message = Span()
    message.name = span.name
    message.kind = _INTERNAL
    message.trace_id = _id(span.trace_id, 16)
    message.span_id = _id(span.span_id, 8)
    if span.parent_span_id:
        message.parent_span_id = _id(span.parent_span_id, 8)
    message.start_time_unix_nano = span.start_ns
    message.end_time_unix_nano = span.end_ns
    add_attributes(message.attributes, span.keys, span.values)
    if span.error is not None:
        message.status.code = _ERROR
        message.status.message = span.error
    return message.SerializeToString()


def add_attributes(field: Any, keys: Sequence[str], values: Sequence[AttributeValue]) -> None:
    """Add each key with its value to *field*, a repeated ``KeyValue``; ``None`` is left out."""
    add = field.add
    for key, value in zip(keys, values, strict=True):
        if value is None:
            continue
        pair = add()
        pair.key = key
        kind = type(value)  # exact types first: nearly all are; and bool is an int
        if kind is str:
            pair.value.string_value = value
        elif kind is int:
            pair.value.int_value = value
        elif kind is float:
            pair.value.double_value = value
        else:
            _set_other(pair, value)


def resource_message(resource: Mapping[str, ResourceValue]) -> Resource:
    """A ``Resource``; its values, unlike those of records, may be lists.

    Raises:
        Exception: OTLP can't carry it; `_resource.check_resource` looks before.
    """
    message = Resource()
    for key, value in resource.items():
        if value is None or isinstance(value, str | bool | int | float):
            add_attributes(message.attributes, (key,), (value,))
            continue
        items = Resource()
        add_attributes(items.attributes, [key] * len(value), value)
        array = message.attributes.add(key=key).value.array_value
        array.SetInParent()  # an empty list is one, too
        array.values.extend(item.value for item in items.attributes)
    return message


def size_on_wire(record: bytes) -> int:
    """Bytes that *record* takes in a request: its own, the tag and the length."""
    return 1 + len(_varint(len(record))) + len(record)


class Frame:
    """Resource and scope of all requests of a process, encoded once; the rest is a join."""

    def __init__(self, resource: Mapping[str, ResourceValue], *, version: str = "") -> None:
        message = resource_message(resource)
        scope = InstrumentationScope(name=SCOPE_NAME, version=version)
        self._resource = _delimited(_FIRST, message.SerializeToString())
        self._scope = _delimited(_FIRST, scope.SerializeToString())

    def request(self, records: Iterable[bytes]) -> bytes:
        """An ``Export…ServiceRequest`` with *records*: log records, spans or metrics, all alike."""
        parts = [self._scope]
        for record in records:
            parts += (_SECOND, _varint(len(record)), record)
        scoped = sum(map(len, parts))
        resourced = _SECOND + _varint(scoped)
        whole = len(self._resource) + len(resourced) + scoped
        return b"".join((_FIRST, _varint(whole), self._resource, resourced, *parts))


def _id(value: bytes, length: int) -> bytes:
    if len(value) != length:
        # A receiver that checks answers 400 to the whole batch.
        raise ValueError(f"an id of {len(value)} bytes where {length} are needed")
    return value


def _set_other(pair: KeyValue, value: object) -> None:
    if isinstance(value, bool):
        pair.value.bool_value = value
    elif isinstance(value, str):  # a StrEnum, say
        pair.value.string_value = str.__str__(value)
    elif isinstance(value, int):
        pair.value.int_value = int(value)
    elif isinstance(value, float):
        pair.value.double_value = float(value)
    else:
        raise TypeError(f"attribute {pair.key!r} is a {type(value).__name__}")


def _delimited(tag: bytes, message: bytes) -> bytes:
    return tag + _varint(len(message)) + message


def _varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; all but the last with the top bit set.

    >>> _varint(1).hex(), _varint(300).hex()
    ('01', 'ac02')
    """
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:  # nearly every record
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)
