"""A log record or a span in its protobuf bytes, written by hand.

Each record is encoded **on its own**, so one that OTLP can't carry hurts nobody else, a batch is
counted in bytes before it is sent, and a bisection or a retry re-encodes nothing (`frame.py` joins
them to a request). What is the same in many records is made once: the bytes of a key and of the
lengths behind it, and whole attributes of which a key has only a few (a tenant, a model, a status).

protobuf is the reference: `tests/properties/test_wire_of_records.py` compares byte for byte.
On the threads of sinks, any number at once: what is remembered is bounded, and no lock is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final

from telemetry_actors.event.signals import AttributeValue, LogSignal, SpanSignal

_LOG_ATTRIBUTE, _SPAN_ATTRIBUTE = 0x32, 0x4A
"""Tags of the repeated ``attributes`` of a ``LogRecord`` and of a ``Span``."""
_SEVERITY: Final = b"\x10\x09\x1a\x04INFO"
_IS_SAMPLED: Final = b"\x45\x01\x00\x00\x00"
_INTERNAL: Final = b"\x30\x01"
_ERROR_CODE: Final = b"\x18\x02"
_FIXED64: Final = Struct("<BQ").pack
_DOUBLE: Final = Struct("<d").pack
_INT64: Final = 1 << 63

_MOST_TABLES, _MOST_KEYS, _MOST_TEXTS = 256, 1024, 256
"""Of what is remembered; of user-made names there may be any number, of any length."""
_LONGEST_NAME: Final = 128
"""Characters of a key or name that is remembered."""
_FEW_BYTES: Final = 128
_MOST_VALUES, _LONGEST_VALUE = 128, 64
"""Attributes of a key that are remembered whole, and their characters. A key with more values than
that (ids, texts) remembers none: it would only cost memory."""


class _Key:
    """One key as an attribute of one kind of record: the bytes that come before a value."""

    __slots__ = ("_ints", "_texts", "false", "known", "name", "number", "prefix", "tag", "true")

    def __init__(self, tag: int, name: str) -> None:
        data = name.encode()
        self.tag, self.name = tag, name
        self.prefix = delimited(0x0A, data) if data else b""
        self.known: dict[str, bytes] | None = {}
        """Whole attributes by text; None: there are too many."""
        self._texts: dict[int, bytes] = {}
        """What comes before a text of so many bytes, if they are few."""
        self._ints: dict[int, bytes] = {}
        """The same, before a varint of so many bytes."""
        self.number = self._head(9, b"\x21")
        self.true, self.false = self._head(2, b"\x10\x01"), self._head(2, b"\x10\x00")

    def _head(self, size: int, start: bytes) -> bytes:
        """All before the value itself, of whose message *size* bytes are to follow."""
        value = b"\x12" + varint(size)
        whole = len(self.prefix) + len(value) + size
        return bytes((self.tag,)) + varint(whole) + self.prefix + value + start

    def text(self, value: str) -> bytes:
        """The whole attribute of a text that isn't known; it is from now on, if it may be."""
        data = value.encode()
        n = len(data)
        whole = (self._texts.get(n) or self._before_text(n)) + data
        known = self.known
        if known is not None and n <= _LONGEST_VALUE:
            if len(known) < _MOST_VALUES:
                known[value] = whole
            else:
                self.known = None
        return whole

    def _before_text(self, n: int) -> bytes:
        size = varint(n)
        head = self._head(1 + len(size) + n, b"\x0a" + size)
        if n < _FEW_BYTES:
            self._texts[n] = head
        return head

    def int(self, value: int) -> bytes:
        """The whole attribute of a whole number.

        Raises:
            ValueError: it has more than 64 bits.
        """
        if not -_INT64 <= value < _INT64:
            raise ValueError(f"attribute {self.name!r} is an int of more than 64 bits")
        data = varint(value if value >= 0 else value + 2 * _INT64)
        size = len(data)
        head = self._ints.get(size)
        if head is None:
            head = self._ints[size] = self._head(size + 1, b"\x18")
        return head + data

    def other(self, value: object) -> bytes:
        """That of a subclass, such as a StrEnum, or of a bool.

        Raises:
            TypeError: no attribute is of that type.
        """
        if isinstance(value, bool):
            return self.true if value else self.false
        if isinstance(value, str):
            return self.text(str.__str__(value))
        if isinstance(value, int):
            return self.int(int(value))
        if isinstance(value, float):
            return self.number + _DOUBLE(float(value))
        raise TypeError(f"attribute {self.name!r} is a {type(value).__name__}")


class _Keys:
    """The keys of one kind of record, and the tables of them that records bring along."""

    def __init__(self, tag: int) -> None:
        self._tag = tag
        self._known: dict[str, _Key] = {}
        self._tables: dict[int, tuple[Sequence[str], list[_Key]]] = {}

    def of(self, names: Sequence[str]) -> list[_Key]:
        """Those of *names*. Static tables are known by their identity, which costs no hash."""
        found = self._tables.get(id(names))
        if found is not None and found[0] is names:
            return found[1]
        if len(self._tables) >= _MOST_TABLES:
            self._tables.clear()
        keys = [self._known.get(name) or self._key(name) for name in names]
        if max(map(len, names), default=0) <= _LONGEST_NAME:
            self._tables[id(names)] = names, keys  # held, so that nobody else gets its identity
        return keys

    def _key(self, name: str) -> _Key:
        key = _Key(self._tag, name)
        if len(name) <= _LONGEST_NAME:
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            self._known[name] = key
        return key


_LOG_KEYS, _SPAN_KEYS = _Keys(_LOG_ATTRIBUTE), _Keys(_SPAN_ATTRIBUTE)
_BODIES: dict[str, bytes] = {}
_NAMES: dict[str, bytes] = {}


def encode_log(log: LogSignal) -> bytes:
    """A serialized ``LogRecord``, with its fields in the order of their numbers.

    Raises:
        Exception: OTLP can't carry it: a lone surrogate, an integer beyond 64 bits, a value
            of another type, ids of a wrong length, a time before 1970.
    """
    name, signal, keys, values, trace_id, span_id, time_ns, observed_ns, sampled = log
    parts = [
        _FIXED64(0x09, time_ns) if time_ns else b"",
        _SEVERITY,
        _BODIES.get(signal) or _remembered(_BODIES, signal, _body),
    ]
    _append_attributes(parts, _LOG_KEYS.of(keys), values)
    if trace_id:
        if sampled:
            parts.append(_IS_SAMPLED)
        parts.append(b"\x4a\x10" + _id(trace_id, 16))
    if span_id:
        parts.append(b"\x52\x08" + _id(span_id, 8))
    if observed_ns:
        parts.append(_FIXED64(0x59, observed_ns))
    if name:
        parts.append(_NAMES.get(name) or _remembered(_NAMES, name, _event_name))
    return b"".join(parts)


def encode_span(span: SpanSignal) -> bytes:
    """A serialized ``Span``, kind INTERNAL, with its fields in the order of their numbers.

    Raises:
        Exception: as `encode_log`.
    """
    name, trace_id, span_id, parent_span_id, start_ns, end_ns, keys, values, error = span
    parts = [b"\x0a\x10", _id(trace_id, 16), b"\x12\x08", _id(span_id, 8)]
    if parent_span_id:
        parts += (b"\x22\x08", _id(parent_span_id, 8))
    if name:
        parts.append(delimited(0x2A, str.encode(name)))
    parts.append(_INTERNAL)
    if start_ns:
        parts.append(_FIXED64(0x39, start_ns))
    if end_ns:
        parts.append(_FIXED64(0x41, end_ns))
    _append_attributes(parts, _SPAN_KEYS.of(keys), values)
    if error is not None:
        message = delimited(0x12, str.encode(error)) if error else b""
        parts.append(delimited(0x7A, message + _ERROR_CODE))
    return b"".join(parts)


def _append_attributes(
    parts: list[bytes], keys: list[_Key], values: Sequence[AttributeValue]
) -> None:
    """Append each key with its value; ``None`` is left out. Exact types first: nearly all are."""
    append = parts.append
    for key, value in zip(keys, values, strict=True):
        if value is None:
            continue
        kind = type(value)
        if kind is str:
            known = key.known
            append((known and known.get(value)) or key.text(value))  # type: ignore[arg-type]
        elif kind is int:
            append(key.int(value))  # type: ignore[arg-type]
        elif kind is float:
            append(key.number + _DOUBLE(value))
        else:
            append(key.other(value))


def size_on_wire(record: bytes) -> int:
    """Bytes that *record* takes in a request: its own, the tag and the length."""
    size = len(record)
    if size < 0x4000:  # nearly every one
        return size + (3 if size >= 0x80 else 2)
    return 1 + len(varint(size)) + size


def _remembered(texts: dict[str, bytes], text: str, make: Callable[[str], bytes]) -> bytes:
    made = make(text)
    if len(texts) < _MOST_TEXTS and len(text) <= _LONGEST_NAME:
        texts[text] = made
    return made


def _body(signal: str) -> bytes:
    return delimited(0x2A, delimited(0x0A, b"telemetry." + str.encode(signal)))


def _event_name(name: str) -> bytes:
    return delimited(0x62, str.encode(name))


def _id(value: bytes, length: int) -> bytes:
    if len(value) != length:
        # A receiver that checks answers 400 to the whole batch.
        raise ValueError(f"an id of {len(value)} bytes where {length} are needed")
    return value


def delimited(tag: int, data: bytes) -> bytes:
    """*data* as a field with a length: a message, a text or bytes."""
    return bytes((tag,)) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; all but the last with the top bit set.

    >>> varint(1).hex(), varint(300).hex()
    ('01', 'ac02')
    """
    if number < 0x80:
        return _ONE[number]
    if number < 0x4000:  # nearly every record
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + varint(number >> 7)


_ONE: Final = [bytes((number,)) for number in range(0x80)]
