"""A payload as an object of the payload store: UTF-8 JSON, and back to the same packed bytes.

What comes back is what went away: a value that JSON can't carry as it is (bytes) makes the
payload unfit, and it travels inline. An object's text is from outside (g28): it is read with
bounds on size and depth, must be one map, and must pack again.
"""

from __future__ import annotations

import json
from typing import Any, cast

import msgpack

from telemetry_actors.event.decoding import check_json
from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.event.sanitise import sanitise
from telemetry_actors.ports import Unfit

_DEEPEST = 128
"""Levels of nesting; what is sanitised has 100 at most."""


def text_of(payload: dict[str, object]) -> bytes:
    """The text of *payload*.

    Raises:
        Unfit: JSON can't carry it as it is, or not so deep.
    """
    try:
        _check_depth(payload)
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit(type(error).__name__) from None


def _check_depth(payload: Any) -> None:
    """As wide as it is, a level at a time: no recursion."""
    level = [payload]
    for _ in range(_DEEPEST):
        level = [
            below
            for container in level
            for below in (container.values() if isinstance(container, dict) else container)
            if isinstance(below, dict | list)
        ]
        if not level:
            return
    raise ValueError("too deep")


def packed_of(text: bytes) -> bytes:
    """The packed payload of an object's text. Not longer than a small multiple of it in memory.

    Raises:
        Unfit: the text is no payload.
    """
    try:
        check_json(text)
        payload = json.loads(text)
        if type(payload) is not dict:
            raise Unfit("not a map")
        _check_depth(payload)
        packed = _packed(payload)
        unpack_map(packed)  # whoever is next must be able to
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 -- a parser of bytes from outside
        raise Unfit(type(error).__name__) from None
    return packed


def _packed(payload: dict[str, object]) -> bytes:
    try:
        return cast("bytes", msgpack.packb(payload))
    except UnicodeError:  # another writer's: an escape of half a surrogate pair
        return cast("bytes", msgpack.packb(sanitise(payload)))
