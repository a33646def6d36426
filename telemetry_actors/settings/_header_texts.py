"""Headers as people write them: ``k=v,k2=v2`` and a key → names and values as HTTP has them.

Stands before `settings/otlp_target.py` and `settings/header_files.py`. Pure. No text of an error
holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

_HEADERS_FORM = "must be key=value pairs with commas between them, percent-encoded"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # what HTTP/1.1 and latin-1 carry


def header_pairs(text: str) -> dict[str, str]:
    """``k=v,k2=v2`` by the rules of W3C baggage: percent-decoded, ``=`` allowed in values.

    Names come back in lower case; the last of two equal names wins.

    Raises:
        ValueError: a pair without ``=``, or a name or value that HTTP can't carry.

    >>> header_pairs("Authorization=Basic%20abc==, x-scope=a=b")
    {'authorization': 'Basic abc==', 'x-scope': 'a=b'}
    """
    pairs: dict[str, str] = {}
    for pair in filter(None, (p.strip() for p in text.split(","))):
        name, equals, raw = pair.partition("=")
        name, value = unquote(name.strip()).lower(), unquote(raw.strip())
        if not equals or not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(_HEADERS_FORM)
        pairs[name] = value
    return pairs


def check_key(key: str) -> str:
    """*key*, if a header can carry it.

    Raises:
        ValueError: it can't.
    """
    if not (key.isprintable() and key.encode("latin-1", "ignore").decode("latin-1") == key):
        raise ValueError("must be printable latin-1 text on one line")
    return key


def headers_of(pairs: Mapping[str, str], key: str) -> dict[str, str]:
    """*pairs*, and *key* (or none, if empty) in the place of any other authorization.

    >>> headers_of({"authorization": "Basic abc", "x-scope": "t"}, "k")
    {'authorization': 'Bearer k', 'x-scope': 't'}
    """
    return {**pairs, "authorization": f"Bearer {key}"} if key else dict(pairs)
