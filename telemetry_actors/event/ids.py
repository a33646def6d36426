"""Ids: of traces and spans, out of what they belong to; of events, out of a count.

A trace id and a span id are *derived* from the ids of the run and the node, so that
logs, spans and nested runs made by different processes meet without ever talking.
Where the source is no UUID, they are derived from its text all the same; where there is none, they
come out of the event id: mapping stays a pure function, and an event that is mapped twice has
the same ids both times.

An event id costs no system call: 74 random bits per process, and a count. The child of a fork
draws bits of its own before its first id, however it was forked (`supervisors/system/process.py`).
Everything else here is arithmetic.

The rules: docs/values.md, "Ids of traces and spans". ``uuid4()`` costs 2 us and a release of the
GIL.
"""

from __future__ import annotations

import os
from binascii import unhexlify
from hashlib import sha256
from itertools import count
from typing import Final

from supervisors.system.process import SAME, Process, notice_fork, when_forked

MAX_ID_BYTES: Final = 200
"""UTF-8 bytes of an event's or a tenant's id; a longer one becomes its digest, at the door."""

SURELY_SHORT: Final = MAX_ID_BYTES // 4
"""Characters that are not too many bytes in any script: no id of the usual kind has more."""

_NO_ID: Final = b""
_NIL_TRACE_ID: Final = bytes(16)
_NIL_SPAN_ID: Final = bytes(8)
_TRACE_IDS: Final = float(2**128)


def parse_uuid(text: str | None) -> bytes | None:
    """The 16 bytes of a UUID text in any letter case, with its four dashes or with none.

    Braces, ``urn:uuid:``, spaces and dashes in other places are not UUID text.
    A fifth of the time of `uuid.UUID`.

    >>> parse_uuid("00000000-0000-0001-0000-0000000000FF").hex()
    '000000000000000100000000000000ff'
    >>> parse_uuid("run-17") is None
    True
    """
    if text is None:
        return None
    if len(text) == 36 and text[8:24:5] == "----":
        text = text.replace("-", "")
    if len(text) != 32:
        return None
    try:
        return unhexlify(text)
    except ValueError:
        return None


def trace_id_of(source: str | None) -> bytes:
    """The trace id that belongs to *source*; ``b""`` if it is missing, nil or no UUID."""
    parsed = parse_uuid(source)
    return _NO_ID if parsed is None or parsed == _NIL_TRACE_ID else parsed


def span_id_of(source: str | None) -> bytes:
    """The span id that belongs to *source*: the low 64 bits of the UUID, and 1 for 0.

    ``b""`` if the source is missing, nil or no UUID.

    >>> span_id_of("00000000-0000-0001-0000-000000000000").hex()
    '0000000000000001'
    """
    parsed = parse_uuid(source)
    if parsed is None or parsed == _NIL_TRACE_ID:
        return _NO_ID
    low = parsed[8:]
    return low if low != _NIL_SPAN_ID else _never_zero(low)


def is_id(source: str | None) -> bool:
    """Whether *source* names anything: neither missing nor empty, nor the nil UUID.

    >>> is_id("run-17"), is_id(""), is_id("00000000-0000-0000-0000-000000000000")
    (True, False, False)
    """
    return bool(source) and parse_uuid(source) != _NIL_TRACE_ID


def run_trace_id(source: str | None) -> bytes:
    """The trace id of the run *source*: of its UUID, else derived from its text.

    So a run and its nodes meet in one trace whatever their ids look like. ``b""``: it is no id.
    """
    return trace_id_of(source) or _derived(b"trace:", source)[:16]


def own_span_id(source: str | None) -> bytes:
    """The span id of the run or node *source*, by the same rule as `run_trace_id`."""
    return span_id_of(source) or _derived(b"span:", source)[:8]


def _derived(purpose: bytes, source: str | None) -> bytes:
    if not source or not is_id(source):
        return _NO_ID
    digest = sha256(purpose + _as_bytes(source)).digest()
    return _never_zero(digest[:8]) + digest[8:]  # no part that is used is zero


def log_ids(trace: str | None, span: str | None) -> tuple[bytes, bytes]:
    """Both ids of a log that has no span. A trace id may be alone; a span id never is.

    >>> log_ids(None, "00000000-0000-0000-0000-0000000000ff")
    (b'', b'')
    """
    trace_id = log_trace_id(trace)
    return trace_id, log_span_id(span) if trace_id else _NO_ID


def log_trace_id(source: str | None) -> bytes:
    """The trace id of a log that has no span: of UUID text, or of ready 32-hex text.

    Spaces around it do not matter. ``b""``: the record carries none.
    """
    return trace_id_of(source.strip()) if source else _NO_ID


def log_span_id(source: str | None) -> bytes:
    """The span id of a log that has no span: of UUID text, or of ready 16-hex text.

    Spaces around it do not matter. ``b""``: the record carries none.

    >>> log_span_id("A716446655440000").hex()
    'a716446655440000'
    """
    text = source.strip() if source else ""
    if len(text) != 16:
        return span_id_of(text)
    try:
        ready = unhexlify(text)
    except ValueError:
        return _NO_ID
    return _NO_ID if ready == _NIL_SPAN_ID else ready


def substitute_ids(event_id: str) -> tuple[bytes, bytes]:
    """A trace id and a span id for an event whose sources are no ids: missing, empty or nil.

    As good as random, never zero, and the same whenever the event is mapped again.
    """
    digest = sha256(b"ids:" + _as_bytes(event_id)).digest()
    return _never_zero(digest[:16]), _never_zero(digest[16:24])


def is_sampled(trace_id: bytes, rate: float) -> bool:
    """Whether the spans of this trace are kept: trace id / 2**128 < *rate*, exactly.

    One answer per trace, whoever asks. Neither side is rounded, so 1.0 keeps every
    trace and 0.0 none.

    Args:
        trace_id: 16 bytes, the effective id (that of the outermost run).
        rate: share of traces to keep, 0.0 to 1.0.

    >>> is_sampled(bytes.fromhex("ff" * 16), 1.0), is_sampled(bytes(16), 0.0)
    (True, False)
    """
    return rate >= 1.0 or int.from_bytes(trace_id) < rate * _TRACE_IDS


def derived_id(event_id: str, purpose: str) -> str:
    """An id in UUID form (version 8) for a record that *event_id* gives rise to.

    The same for the same event and purpose, and the id of no other event.
    """
    digest = bytearray(sha256(f"{purpose}:".encode() + _as_bytes(event_id)).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def bounded_id(text: str) -> str:
    """*text*, or ``~`` and 64 hex digits in its place if it has over `MAX_ID_BYTES` of UTF-8.

    The same on every way in, and the same text in keys, letters, journal and records.

    >>> bounded_id("run-17"), bounded_id("x" * 1_000_000)[:9]
    ('run-17', '~1b977e9f')
    """
    if len(text) <= SURELY_SHORT:
        return text
    raw = _as_bytes(text)
    return text if len(raw) <= MAX_ID_BYTES else "~" + sha256(raw).hexdigest()


def _never_zero(raw: bytes) -> bytes:
    # Zero means "no id" on the wire.
    return raw if int.from_bytes(raw) else raw[:-1] + b"\x01"


def _as_bytes(event_id: str) -> bytes:
    # A caller may give any text as an event id, lone surrogates included.
    return event_id.encode("utf-8", "surrogatepass")


class EventIds:
    """Event ids: UUID text (version 4) of 74 random bits and a 48-bit count.

    No system call but before the first id of a process, no lock, no release of the GIL; safe from
    any thread and in a signal handler. The count lasts nine years at a million a second. Two
    processes draw the same bits with a chance of 2**-74. The ids of one process share
    their beginning and count up: unique, but not secret.
    """

    __slots__ = ("__weakref__", "_source")

    def __init__(self) -> None:
        self._reseed()
        when_forked(self)

    def new(self) -> str:
        """The next id. The caller has looked whether this process is the child of a fork."""
        prefix, numbers = self._source
        return f"{prefix}{next(numbers):012x}"

    def _after_fork(self, _process: Process) -> None:
        self._reseed()  # once too often is as good as once

    def _reseed(self) -> None:
        random = int.from_bytes(os.urandom(10)) & ~(0xF << 28 | 0x3 << 14)
        bits = f"{random | 0x4 << 28 | 0x2 << 14:020x}"  # version 4, variant 10
        prefix = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:]}-"
        # One store: whoever is in `new` at that moment has the old pair or the new one.
        self._source = prefix, count(1)


event_ids: Final = EventIds()
"""Those of this process, for who has looked already (`emit`)."""


def new_event_id() -> str:
    """A new event id of this process. Any thread; no system call, but for the first in a child."""
    if not SAME[0]:
        notice_fork()
    return event_ids.new()
