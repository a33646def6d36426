"""Packed bytes become values: how many, and in pieces (g28).

Beside the way: whoever looks into a packed payload or context comes through here. What is
bounded is what the values will take of memory, not what their bytes took: an empty map is one
byte packed and 64 in memory. So the values are counted before one of them is made, and they are
made a piece at a time, so that no other thread waits for the interpreter longer than a piece.

Pure; any thread. `emit()` comes here only with a payload of more than `MAX_VALUES` bytes: one of
fewer has no more values than that.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgpack

from telemetry_actors.errors import EnvelopeError

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_VALUES: Final = 1_000_000
"""Maps, lists, keys and values in one payload, all levels together: 100 MB of memory at most,
beside the texts."""

_PIECE_BYTES: Final = 65_536

_JSON: Final = r'"(?:[^"\\]++|\\.)*+"?|[,:\[{]++'  # a text (to the end, if it has none), or marks
_TEXT: Final[Any] = re.compile(_JSON, re.DOTALL), ",:[{", '"'
_BYTES: Final[Any] = re.compile(_JSON.encode(), re.DOTALL), (b",", b":", b"[", b"{"), ord('"')


class TooLarge(EnvelopeError):
    """More bytes, or more values, than are read."""


def decoded(data: bytes, **options: Any) -> Any:
    """The one value in *data*.

    Args:
        data: bytes that no one trusts.
        options: of msgpack's unpacker.

    Raises:
        TooLarge: it is over `MAX_BYTES` or `MAX_VALUES`.
        EnvelopeError: it is not one msgpack value, or has an extension type.
    """
    try:
        if len(data) <= _PIECE_BYTES:  # nearly every one
            return msgpack.unpackb(data, **({**_LIMITS, **options} if options else _LIMITS))
        if len(data) > MAX_BYTES:
            raise TooLarge(f"{len(data)} bytes, at most {MAX_BYTES} are allowed")
        if has_too_many(data):
            raise TooLarge(f"more than {MAX_VALUES} values")
        return _in_pieces(data, {**_LIMITS, **options})
    except EnvelopeError:
        raise
    except Exception as error:  # noqa: BLE001 -- msgpack raises a dozen kinds for bad bytes
        raise EnvelopeError(f"not msgpack: {type(error).__name__}") from None


def _no_extension(code: int, _data: bytes) -> object:
    raise EnvelopeError(f"extension type {code} is not allowed")


_LIMITS: Final[dict[str, object]] = {
    "ext_hook": _no_extension,
    "max_array_len": MAX_VALUES,
    "max_map_len": MAX_VALUES,
    "max_ext_len": 0,
}


def _in_pieces(data: bytes, options: dict[str, object]) -> object:
    unpacker = msgpack.Unpacker(max_buffer_size=len(data), **options)
    piece = memoryview(data)
    for at in range(0, len(data), _PIECE_BYTES):
        unpacker.feed(piece[at : at + _PIECE_BYTES])
        try:
            value = unpacker.unpack()
        except msgpack.OutOfData:
            continue  # it goes on where it was
        if unpacker.tell() != len(data):
            raise msgpack.ExtraData(value, b"")
        return value
    raise msgpack.OutOfData


# -- how many -------------------------------------------------------------------------------------

# By first byte: how many bytes a value has, those in it aside; how many bytes behind the first
# one say its length instead; how many values are in it, where the first byte says so.
_FIXED: Final = [1] * 256
_LENGTH_BYTES: Final = [0] * 256
_INNER: Final = [0] * 256
for _byte in range(16):
    _INNER[0x80 + _byte], _INNER[0x90 + _byte] = 2 * _byte, _byte
for _byte in range(32):
    _FIXED[0xA0 + _byte] = 1 + _byte
_FIXED[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]  # floats and ints
_FIXED[0xD4:0xD9] = [3, 4, 6, 10, 18]  # extensions
_LENGTH_BYTES[0xC4:0xCA] = [1, 2, 4, 1, 2, 4]  # bytes, extensions
_LENGTH_BYTES[0xD9:0xE0] = [1, 2, 4, 2, 4, 2, 4]  # texts, lists, maps
_EXTENSIONS: Final = range(0xC7, 0xCA)
_LISTS, _MAPS = (0xDC, 0xDD), (0xDE, 0xDF)


def has_too_many(data: bytes) -> bool:
    """Whether *data* has more than `MAX_VALUES` values. Nothing is made of them.

    What is torn is counted as far as it goes. Python's own steps, one for each value, so other
    threads have their turns; a text is passed over in one.
    """
    end = len(data)
    if end <= MAX_VALUES:
        return False
    fixed, lengths, inner = _FIXED, _LENGTH_BYTES, _INNER
    at, left, seen = 0, 1, 0
    while left and at < end:
        head = data[at]
        left -= 1
        seen += 1
        if lengths[head]:
            size, more = _with_length(data, at, head)
            at, left = at + size, left + more
        else:
            at += fixed[head]
            left += inner[head]
        if seen + left > MAX_VALUES:
            return True
    return False


def _with_length(data: bytes, at: int, head: int) -> tuple[int, int]:
    """Bytes to be passed over, and values that follow."""
    length_bytes = _LENGTH_BYTES[head]
    length = int.from_bytes(data[at + 1 : at + 1 + length_bytes])
    if head in _LISTS:
        return 1 + length_bytes, length
    if head in _MAPS:
        return 1 + length_bytes, 2 * length
    return 1 + length_bytes + length + (head in _EXTENSIONS), 0


def check_json(text: str | bytes) -> None:
    """Refuse JSON of more than `MAX_VALUES` values before anything is made of it.

    Raises:
        TooLarge: it has more.
    """
    if len(text) <= MAX_VALUES:
        return
    pattern, marks, quote = _TEXT if isinstance(text, str) else _BYTES
    if sum(map(text.count, marks)) < MAX_VALUES:
        return  # each mark is followed by one more value, if it isn't in a text
    texts, others = 0, 1
    for found in pattern.finditer(text):
        start, end = found.span()
        if text[start] == quote:
            texts += 1
        else:
            others += end - start
        if max(texts, others) > MAX_VALUES:
            raise TooLarge(f"more than {MAX_VALUES} values")
