"""A receiver's words without what it repeats of our request: values, and keys cut or encoded (g30).

Pure; on the thread of a sink whose request got an answer with words in it, so on no event's
way. Its work is bounded: words of 1,000 characters, and so many searches of the request's body.
`_redaction` takes whole secrets out, wherever they come from; this takes out pieces of the request
in hand. Too much rather than too little: prose in a payload may cost a receiver's sentence a word.

Escapes (percent, JSON's, HTML's numbers) are read as what they stand for; base64 and hexadecimal,
with colons or spaces in between, too. Not found: a value's text of fewer than 8 bytes, unless it
stands in quotes, and one that the receiver has changed in another way (translated). Numbers travel
as bytes, so 8 digits are hidden anyway.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

RUN_BYTES: Final = 8
"""So many in a row are no accident, and no word of a refusal is left alone by fewer: names, mail
addresses and telephone numbers are as long, "invalid", "field" and "missing" are shorter."""
_RUN_OF_HEADERS: Final = 6  # a key is less like words, and is shown cut short
_MOST_CHARS = 1_000  # 500 are shown
_GRAM = 4  # bytes of a machine word: each run of 7 has one at a place that it divides
_MOST_SEARCHED_BYTES = 16_000_000
_PIECE = 20_000  # words
_HIDDEN = "***"
_ALIKE = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\t\r\n\v\f", b"abcdefghijklmnopqrstuvwxyz     "
)
_QUOTES = re.compile(rb"(['\"`])(.{4,200}?)\1", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]{8,}")
_PAIR = rb"(?:0x)?([0-9A-Fa-f]{2})"
_CODED = re.compile(
    rb"\b" + _PAIR + rb"(?:[ :,-]{1,2}" + _PAIR + rb"){5,}\b|[A-Za-z0-9+/_-]{8,}={0,2}"
)
_PAIRS = re.compile(_PAIR)
_ESCAPE = re.compile(
    rb"(?:%|\\x)([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|&#(?:x([0-9A-Fa-f]{2,6})|([0-9]{2,7}));"
)
_MOST_POINT: Final = 0x10FFFF
_OURS = re.compile(  # no content: names of the encoding's, and of what every receiver says
    rb"(?<![0-9a-z_])(?:resource_?(?:logs|spans|metrics)|scope_?(?:logs|spans|metrics)"
    rb"|log_?records?|attributes?|resources?|data_?points?|observed_?time_?unix_?nano"
    rb"|(?:start_?|end_?)?time_?unix_?nano|severity_?(?:number|text)|event_?name|string_?value"
    rb"|service[._]name|service[._]instance[._]id|service[._]version|schema_?url|trace_?id|span_?id"
    rb"|telemetry[._]sdk[._](?:name|language|version)|log[._]record[._]uid|tenant[._]id"
    rb"|opentelemetry|protobuf|application|authorization|unauthorized|unauthenticated|permission"
    rb"|invalid|missing|required|exceeded|rejected|request|message|service|receiver|collector"
    rb"|exporter|internal|unavailable|argument|bearer|field|value|error|unknown|limit|empty|the|is"
    rb"|not|of|in|for|must|be|api[-_ ]key|content[-_ ]type)(?![0-9a-z_])"
)


def without_echo(text: str, body: bytes, headers: Mapping[str, str]) -> str:
    """*text* with ``***`` for what occurs in the request.

    Args:
        text: a receiver's.
        body: as it was before it was compressed; texts in it are UTF-8.
        headers: that were sent, with their values.

    >>> without_echo("invalid field resourceLogs: Jane Q. Doe!", b"..Jane Q. Doe..", {})
    'invalid field resourceLogs: ***!'
    """
    if not text:
        return text
    raw = text[:_MOST_CHARS].encode("utf-8", "replace")
    body = body.translate(_ALIKE)
    values = b"\n".join(_forms(headers.values())).translate(_ALIKE)
    hidden = bytearray(len(raw))
    for said, spans in _read(raw):
        _hide_in(said, spans, hidden, body, values)
    return _shown(raw.decode(), hidden)


def _read(raw: bytes) -> Iterator[tuple[bytes, Sequence[tuple[int, int]]]]:
    """*raw* as it is, and with what its escapes stand for; with the place of each byte in *raw*."""
    yield raw, [(place, place + 1) for place in range(len(raw))]
    said, spans, end = b"", list[tuple[int, int]](), 0
    for match in _ESCAPE.finditer(raw):
        number = int(match[4]) if match[4] else int(match[1] or match[2] or match[3], 16)
        point = chr(min(number, _MOST_POINT)).encode("utf-8", "replace")
        meant = bytes([number]) if match[1] else point
        said += raw[end : match.start()] + meant
        spans += [(place, place + 1) for place in range(end, match.start())]
        spans += [match.span()] * len(meant)
        end = match.end()
    if end:
        yield said + raw[end:], spans + [(place, place + 1) for place in range(end, len(raw))]


def _hide_in(
    said: bytes, spans: Sequence[tuple[int, int]], hidden: bytearray, body: bytes, values: bytes
) -> None:
    """Mark in *hidden* what of *said* occurs in the request."""
    coded = [match.span() for match in _CODED.finditer(said)]
    plain = [(b.translate(_ALIKE), span) for span in coded for b in _decoded(said[slice(*span)])]
    likes = [said.translate(_ALIKE), *(like for like, _ in plain)]
    is_ours = _ours(likes[0])
    found = bytearray(len(said))
    for haystack, run in ((body, RUN_BYTES), (values, _RUN_OF_HEADERS)):
        for index, start in _found(likes, haystack, run):
            if index:
                _hide(found, *plain[index - 1][1])
            elif is_ours[start : start + run].count(0) >= _GRAM:
                for place in range(start, start + run):
                    found[place] |= 1 - is_ours[place]
    _hide_words(found, likes[0], body + values)
    for span, is_found in zip(spans, found, strict=True):
        if is_found:
            _hide(hidden, *span)


def _ours(like: bytes) -> bytearray:
    """1 for each byte of a name of ours."""
    found = bytearray(len(like))
    for match in _OURS.finditer(like):
        _hide(found, *match.span())
    return found


def _hide(hidden: bytearray, first: int, last: int) -> None:
    hidden[first:last] = b"\1" * (last - first)


def _found(likes: Sequence[bytes], haystack: bytes, run: int) -> Iterator[tuple[int, int]]:
    """Where runs begin that occur in *haystack*: whose, and at which byte.

    Where too much would have to be searched, also some that only may occur.
    """
    left = max(32, _MOST_SEARCHED_BYTES // max(1, len(haystack)))
    for index, start in _possible(likes, haystack, run):
        left -= 1
        if left < 0 or likes[index][start : start + run] in haystack:
            yield index, start


def _possible(likes: Sequence[bytes], haystack: bytes, run: int) -> Iterable[tuple[int, int]]:
    """All beginnings of runs; with a large *haystack* most are left out by one pass through it."""
    runs = [range(len(like) - run + 1) for like in likes]
    if run < 2 * _GRAM - 1 or len(haystack) < _MOST_CHARS:
        return [(index, start) for index, starts in enumerate(runs) for start in starts]
    grams: dict[int, list[tuple[int, int]]] = {}
    for index, like in enumerate(likes):
        for place in range(len(like) - _GRAM + 1):
            grams.setdefault(_number(like[place : place + _GRAM]), []).append((index, place))
    return sorted({
        (index, start)
        for word in _common(set(grams), haystack)
        for index, place in grams[word]
        for start in range(place - run + _GRAM, place + 1)
        if start in runs[index]
    })  # fmt: skip


def _common(grams: set[int], haystack: bytes) -> set[int]:
    """Piece by piece: other threads have their turn in between."""
    words = memoryview(haystack)[: len(haystack) // _GRAM * _GRAM].cast("I")
    pieces = (words[start : start + _PIECE] for start in range(0, len(words), _PIECE))
    return set().union(*(grams.intersection(piece) for piece in pieces))


def _number(gram: bytes) -> int:
    return memoryview(gram).cast("I")[0]


def _hide_words(hidden: bytearray, like: bytes, haystack: bytes) -> None:
    """What stands in quotes and occurs, however short; and long numbers."""
    for match in _QUOTES.finditer(like):
        if not _OURS.fullmatch(match[2]) and match[2] in haystack:
            _hide(hidden, *match.span(2))
    for match in _DIGITS.finditer(like):
        _hide(hidden, *match.span())


def _decoded(word: bytes) -> Iterator[bytes]:
    with suppress(ValueError):
        yield bytes.fromhex(word.decode())
    if not word.isalnum():
        yield bytes.fromhex(b"".join(_PAIRS.findall(word)).decode())
    word = word.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for offset in range(_GRAM):
        rest = word[offset:]
        with suppress(binascii.Error):
            yield base64.b64decode(rest[: len(rest) // 4 * 4])


def _forms(values: Iterable[str]) -> Iterator[bytes]:
    """Each value, and what it is base64 of (the login of ``Basic``)."""
    for value in values:
        plain = value.encode("utf-8", "replace")
        yield plain
        for part in plain.split():
            with suppress(binascii.Error):
                yield base64.b64decode(part + b"=" * (-len(part) % 4), validate=True)


def _shown(text: str, hidden: bytearray) -> str:
    shown, place, was_hidden = [], 0, False
    for character in text:
        size = len(character.encode())
        is_hidden = any(hidden[place : place + size]) and (was_hidden or not character.isspace())
        if not is_hidden:
            shown.append(character)
        elif not was_hidden:
            shown.append(_HIDDEN)
        place, was_hidden = place + size, is_hidden
    return "".join(shown)
