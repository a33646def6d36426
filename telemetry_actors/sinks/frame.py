"""What is around the records of a request: resource and scope, encoded once, and their attributes.

A request is the resource, the scope and the records' bytes, joined. That works because a repeated
message on the wire is each element's bytes behind a tag and a length, and the field numbers are
the same for logs, spans and metrics. What is encoded seldom (resources, points of metrics) goes
through `opentelemetry-proto`; records, which are many, through `encode.py`.

Any thread; it owns nothing that changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from telemetry_actors.event.signals import AttributeValue, ResourceValue
from telemetry_actors.sinks.encode import delimited, varint

SCOPE_NAME = "dify.enterprise"
_FIRST, _SECOND = b"\x0a", b"\x12"  # tags of fields 1 and 2 with a length


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


class Frame:
    """Resource and scope of all requests of a process, encoded once; the rest is a join."""

    def __init__(self, resource: Mapping[str, ResourceValue], *, version: str = "") -> None:
        message = resource_message(resource)
        scope = InstrumentationScope(name=SCOPE_NAME, version=version)
        self._resource = delimited(0x0A, message.SerializeToString())
        self._scope = delimited(0x0A, scope.SerializeToString())

    def request(self, records: Iterable[bytes]) -> bytes:
        """An ``Export…ServiceRequest`` with *records*: log records, spans or metrics, all alike."""
        parts = [self._scope]
        for record in records:
            parts += (_SECOND, varint(len(record)), record)
        scoped = sum(map(len, parts))
        resourced = _SECOND + varint(scoped)
        whole = len(self._resource) + len(resourced) + scoped
        return b"".join((_FIRST, varint(whole), self._resource, resourced, *parts))


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
