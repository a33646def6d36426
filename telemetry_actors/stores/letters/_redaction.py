"""Error texts without what the payload says (g21).

An exception may quote the value that it choked on, and a receiver what it was sent. In a
letter that is kept for days, next to the payload or instead of it, such a text shall say what
went wrong and no more. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import unpack_map

_MARK: Final = "[value]"
_FRAGMENT: Final = 8
"""Characters in a row that a text may not have in common with a value."""
_SHORTEST: Final = 3
_MOST_BYTES: Final = 1_048_576
_MOST_VALUES: Final = 20_000
_MOST_CHARS: Final = 300
_KIND: Final = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")


def without_values(text: str, payload: bytes | None) -> str:
    """*text* with the payload's values, and longer pieces of them, taken out.

    Where the payload can't be read, or is too large to be looked through, the text's first word
    (the kind of the exception) is all that is left. At most 300 characters.

    >>> import msgpack
    >>> payload = msgpack.packb({"mode": "chat", "name": "Ada Lovelace", "id": 12345})
    >>> without_values("ValueError: 'Ada Lovel' is no number, 12345 is; mode chat", payload)
    "ValueError: '[value]' is no number, [value] is; mode [value]"
    >>> without_values("KeyError: 'status'", payload)
    "KeyError: 'status'"
    """
    text = text[:_MOST_CHARS]
    if not text or not payload:
        return text
    values = None if len(payload) > _MOST_BYTES else _texts(payload)
    if values is None:
        kind = _KIND.match(text)
        return kind.group() if kind else _MARK
    return _without_short(_without_fragments(text, values), values)[:_MOST_CHARS]


def _texts(payload: bytes) -> set[str] | None:
    """Every value as it may be quoted; None: unreadable, or too many."""
    try:
        values: set[str] = set()
        for value in _leaves(unpack_map(payload)):
            values.update((value, repr(value)[1:-1]))
            if len(values) > _MOST_VALUES:
                return None
    except EnvelopeError:
        return None
    return {value for value in values if len(value) >= _SHORTEST}


def _leaves(found: object) -> Iterator[str]:
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, bytes):
            yield repr(value)[2:-1]
        elif value is not None and not isinstance(value, bool):
            yield str(value)


def _without_fragments(text: str, values: set[str]) -> str:
    """Without each run of so many characters that some value has, too."""
    said = "\0".join(values)
    gone = [False] * len(text)
    for start in range(len(text) - _FRAGMENT + 1):
        if text[start : start + _FRAGMENT] in said:
            gone[start : start + _FRAGMENT] = [True] * _FRAGMENT
    kept = "".join("\0" if taken else char for char, taken in zip(text, gone, strict=True))
    return re.sub("\0+", _MARK, kept)


def _without_short(text: str, values: set[str]) -> str:
    """Without values that are shorter than that, where they stand as words of their own."""
    for value in sorted(values, key=len, reverse=True):
        if len(value) < _FRAGMENT and value in text:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _MARK, text)
    return text
