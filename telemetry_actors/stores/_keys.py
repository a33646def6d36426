"""Keys in other systems' stores: an id can't leave its place (g29).

Ids come from the host's users. Between the separators of a key (``:`` in Redis, ``/`` in a
folder or bucket) an id is written so that it holds none, two ids are never written alike, and
ids of the usual kind look as they are, since mixed fleets share the keys.

Pure, and the same for dedup claims and payload objects.
"""

from __future__ import annotations

import re
from typing import Final

from telemetry_actors.event.ids import MAX_ID_BYTES, bounded_id

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]*")
_WRITTEN: Final = tuple(
    chr(byte) if _PLAIN.fullmatch(chr(byte)) else f"%{byte:02X}" for byte in range(256)
)
_DIGEST: Final = re.compile(r"~[0-9a-f]{64}")
_UP: Final = {".": "%2E", "..": "%2E%2E"}


def encoded_id(text: str) -> str:
    """*text* in letters, digits and ``._-%``, or ``~`` and 64 hex digits.

    No two are alike, but that a long id and its digest are one id, here as at the door.

    >>> encoded_id("run-17.a_B"), encoded_id("a/b:ü~")
    ('run-17.a_B', 'a%2Fb%3A%C3%BC%7E')
    """
    if len(text) <= MAX_ID_BYTES and _PLAIN.fullmatch(text):
        return text
    text = bounded_id(text)
    if _DIGEST.fullmatch(text):
        return text
    raw = text.encode("utf-8", "surrogatepass")  # a caller may give any text as an id
    return "".join([_WRITTEN[byte] for byte in raw])


def dedup_key(tenant_id: str, event_id: str) -> str:
    """The Redis key of a claim.

    >>> dedup_key("acme", "e:1")
    'telemetry:dedup:acme:e%3A1'
    """
    return f"telemetry:dedup:{encoded_id(tenant_id)}:{encoded_id(event_id)}"


def payload_key(tenant_id: str, event_id: str) -> str:
    """The name of a payload's object, below the root of its store.

    A tenant called ``.`` or ``..`` is the one case in which plain letters would lead out of
    their folder. (An event can't: ``.json`` follows.) No tenant gives an empty folder name.

    >>> payload_key("acme", "e1"), payload_key("..", "..")
    ('telemetry/acme/e1.json', 'telemetry/%2E%2E/...json')
    """
    tenant = encoded_id(tenant_id)
    return f"telemetry/{_UP.get(tenant, tenant)}/{encoded_id(event_id)}.json"
