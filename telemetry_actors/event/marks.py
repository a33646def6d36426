"""The marks that stand where a value was changed or cut: nothing is ever changed silently.

Used at the door (`sanitise.py`), where JSON is made of content, and where a text would be
too long for an attribute or a label. In the tables of ``docs/values.md`` each has its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CYCLE: Final = "<cycle>"
TOO_DEEP: Final = "<cut: nested too deep>"
TOO_MANY: Final = "<cut: too many values>"

SHORTEST_LIMIT_BYTES: Final = 64
"""The least that a limit of a text may be: a mark and a little of the text fit in."""

type_name: Final = type.__dict__["__name__"].__get__
"""Name of a type; a metaclass may have a ``__name__`` of its own that raises."""


def cut(text: str, most_bytes: int) -> str:
    """*text*, or its beginning and a mark if it has more than *most_bytes* bytes of UTF-8.

    What is left, mark included, is valid UTF-8 and within the limit. In the mark is how
    many characters there were.

    Args:
        text: a lone surrogate in what is cut becomes ``?``.
        most_bytes: at least `SHORTEST_LIMIT_BYTES`.

    >>> cut("x" * 1000, 64)
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…[cut: 1000 characters]'
    """
    if len(text) * 4 <= most_bytes:  # no character has more than four bytes
        return text
    data = text[: most_bytes + 1].encode("utf-8", "replace")
    if len(data) <= most_bytes:
        return text
    mark = f"…[cut: {len(text)} characters]"
    kept = data[: most_bytes - len(mark.encode())]
    return kept.decode("utf-8", "ignore") + mark  # at most one character was cut in two


def bytes_text(value: bytes) -> str:
    """Bytes as the text that they are in UTF-8, else how many they were.

    >>> bytes_text("é".encode()), bytes_text(bytes((255, 0)))
    ('é', '<2 bytes>')
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"<{len(value)} bytes>"


def named(value: object, text: str) -> str:
    """The text of an object of an unknown type, with the type's name.

    >>> named(ValueError(), "no"), named(object, "<class 'object'>")
    ('<ValueError: no>', "<class 'object'>")
    """
    return text if text[:1] == "<" else f"<{type_name(type(value))}: {text}>"


def unread(value: object) -> str:
    """For what would be used up, or take time, if we read it."""
    return f"<{type_name(type(value))}: not read>"


def more(count: int) -> str:
    """For *count* values that are left out at the end of a list or map."""
    return f"<cut: {count} more>"


def distinct(key: str, taken: Mapping[str, object]) -> str:
    """*key*, or with a number behind it if it is among *taken*: two keys had the same text.

    >>> distinct("1", {}), distinct("1", {"1": "a"})
    ('1', '1 (2)')
    """
    number, found = len(taken), key
    while found in taken:
        number += 1
        found = f"{key} ({number})"
    return found
