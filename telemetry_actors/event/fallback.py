"""``payload_fallback``: what is left of an off-loaded payload when its object is gone.

Made as the payload goes away, and cut down to `PAYLOAD_FALLBACK_MAX_BYTES` by leaving out whole
keys: a value is there as it was, or it isn't there. Read back from bytes that no one trusts
(g28): msgpack, or a pickle of plain data if the settings allow it; never a class, never more
memory than a small multiple of the bytes.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple, cast

import msgpack
from msgpack import fallback as plain_msgpack

from telemetry_actors.event.envelope import PAYLOAD_FALLBACK_MAX_BYTES
from telemetry_actors.event.sanitise import sanitise

_LONG_TEXT_BYTES: Final = 1_024
_MAP_HEADER_BYTES: Final = 5
_DEEPEST: Final = 100
_MOST_UNPICKLED_BYTES: Final = 4 * PAYLOAD_FALLBACK_MAX_BYTES
"""Written out in full: a pickle may say one thing many times, and a list of it twice, and so on."""
_PLAIN: Final = (str, bytes, bool, int, float, type(None))

# What a pickle of plain data is made of. None of them looks up a name or calls anything.
_OPCODES: Final = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET"),
        *("LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
        *("LONG4", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES"),
        *("BINBYTES", "BINBYTES8", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE"),
        *("TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET"),
        *("ADDITEMS", "FROZENSET"),
    )
)
_MEMO: Final = ("BINPUT", "LONG_BINPUT")


class CutRule(NamedTuple):
    """What of a case's payload matters most, and what least."""

    required: frozenset[str] = frozenset()
    """Keys without which the payload is invalid."""
    gated: frozenset[str] = frozenset()
    """Keys that hold content."""

    @classmethod
    def of(cls, model: type[object], gated: Iterable[str]) -> CutRule:
        """Of a case with that payload model, a `TypedDict` or a pydantic model."""
        fields = getattr(model, "model_fields", None)
        if fields is None:
            return cls(frozenset(getattr(model, "__required_keys__", ())), frozenset(gated))
        required = (name for name, field in fields.items() if field.is_required())
        return cls(frozenset(required), frozenset(gated))


def cut_down(
    payload: Mapping[str, object], rule: CutRule, most_bytes: int = PAYLOAD_FALLBACK_MAX_BYTES
) -> bytes | None:
    """As much of *payload* as fits, packed: whole keys, in their order.

    First in are the required keys, then scalars and short texts, then what is nested, and at the
    end content and long texts; the smaller ones first within each. None: not one key fits.

    >>> msgpack.unpackb(cut_down({"a": "x" * 9, "b": 1}, CutRule(), most_bytes=9))
    {'b': 1}
    """
    packed = [
        (_rank(key, value, rule), n, msgpack.packb(key) + msgpack.packb(value))
        for n, (key, value) in enumerate(payload.items())
    ]
    room, kept = most_bytes - _MAP_HEADER_BYTES, []
    for _, n, pair in sorted(packed, key=lambda p: (p[0], len(p[2]))):
        if len(pair) <= room:
            kept.append((n, pair))
            room -= len(pair)
    if not kept:
        return None if payload else b"\x80"
    header: bytes = msgpack.Packer().pack_map_header(len(kept))
    return header + b"".join(pair for _, pair in sorted(kept))


def _rank(key: str, value: object, rule: CutRule) -> int:
    if key in rule.required:
        return 0
    if key in rule.gated:
        return 3
    if isinstance(value, str | bytes):
        return 1 if len(value) <= _LONG_TEXT_BYTES else 3
    return 2 if isinstance(value, dict | list) else 1


def read_fallback(data: bytes | None, *, allow_pickle: bool) -> bytes | None:
    """The packed payload in *data*, or None: there is nothing to be read in it.

    Args:
        data: at most `PAYLOAD_FALLBACK_MAX_BYTES`.
    """
    if data is None or len(data) > PAYLOAD_FALLBACK_MAX_BYTES:
        return None
    try:
        if _is_packed_map(data):
            return data
    except Exception:  # noqa: BLE001, S110 -- a parser of bytes from outside
        pass
    if not (allow_pickle and data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05"):
        return None
    try:
        return _unpickled(data)
    except Exception:  # noqa: BLE001 -- a parser of bytes from outside
        return None


def _is_packed_map(data: bytes) -> bool:
    # msgpack's own in Python: the one in C makes room for as many values as a header names,
    # at each level, before it has seen one.
    unpacker = plain_msgpack.Unpacker(
        max_buffer_size=len(data), max_ext_len=0, strict_map_key=True, use_list=True
    )
    unpacker.feed(data)
    value = unpacker.unpack()
    _weigh(value, len(data))
    return unpacker.tell() == len(data) and type(value) is dict and all(map(_is_text, value))


def _is_text(key: object) -> bool:
    return type(key) is str


class _PlainData(pickle.Unpickler):
    """Knows no names, and `_OPCODES` has none that asks for one."""

    def find_class(self, _module: str, _name: str, /) -> Any:
        raise pickle.UnpicklingError("a name")

    def persistent_load(self, _pid: object, /) -> Any:
        raise pickle.UnpicklingError("a reference")


def _unpickled(data: bytes) -> bytes | None:
    for opcode, argument, position in pickletools.genops(data):
        if opcode.name not in _OPCODES:
            return None
        if opcode.name in _MEMO and not 0 <= cast("int", argument) <= len(data):
            return None  # room would be made for as many as it names
        if opcode.name == "STOP" and position != len(data) - 1:
            return None
    value = _PlainData(io.BytesIO(data)).load()
    if type(value) is not dict:
        return None
    _weigh(value, _MOST_UNPICKLED_BYTES)
    return cast("bytes", msgpack.packb(sanitise(value)))


def _weigh(value: object, room: int, depth: int = 0) -> int:
    """What is left of *room* bytes after *value*, written out in full.

    Raises:
        ValueError: too large, too deep (a ring is), or of a type that is no plain data.
    """
    room -= _own_bytes(value)
    if room < 0 or depth > _DEEPEST:
        raise ValueError("too large or too deep")
    for below in _inside(value):
        room = _weigh(below, room, depth + 1)
    return room


def _own_bytes(value: object) -> int:
    if isinstance(value, str | bytes):
        return max(1, len(value))
    return 1 + value.bit_length() // 8 if isinstance(value, int) else 1


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return chain(value, value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if not isinstance(value, _PLAIN):
        raise ValueError("no plain data")
    return ()
