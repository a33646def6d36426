"""A small writer of TOML, for `supervisors.config`.

The standard library reads TOML (``tomllib``) and doesn't write it. What is to be written
here is little: tables of numbers, texts, flags and lists. That is a page of code, and no
reason for the library to have another dependency.

What doesn't come back from ``tomllib`` as it was is refused, so a file that was written
can be relied on.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class NotToml(ValueError):
    """A value has no form in TOML, or would come back as another one."""


def header(path: Sequence[str]) -> str:
    """The line that begins the table at *path*.

    >>> header(["children", "a b"])
    '[children."a b"]'
    """
    return f"[{'.'.join(map(_key, path))}]"


def pair(key: str, value: object) -> str:
    """The line that sets *key* to *value*.

    Raises:
        NotToml: TOML can't say *value*.

    >>> pair("args", ("x", 1.0, [True]))
    Traceback (most recent call last):
    supervisors.config._toml_text.NotToml: a tuple can't be written as TOML
    >>> pair("args", ["x", 1.0, {"deep": True}])
    'args = ["x", 1.0, {deep = true}]'
    """
    line = f"{_key(key)} = {_text(value)}"
    try:
        line.encode()
        back = tomllib.loads(line)[key]
    except ValueError as error:
        raise NotToml(f"{value!r} can't be written as TOML") from error
    if back != value:
        raise NotToml(f"{value!r} would come back from TOML as {back!r}")
    return line


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(_pairs(value))}}}"
    raise NotToml(f"a {type(value).__name__} can't be written as TOML")


def _number(value: float) -> str:
    try:
        return repr(int(value)) if isinstance(value, int) else repr(float(value))
    except ValueError as error:  # more digits than Python prints
        raise NotToml("so long a number can't be written as TOML") from error


def _pairs(value: Mapping[object, object]) -> Iterable[str]:
    for key, inner in value.items():
        if not isinstance(key, str):
            raise NotToml(f"{key!r} can't be a key of TOML")
        yield f"{_key(key)} = {_text(inner)}"
