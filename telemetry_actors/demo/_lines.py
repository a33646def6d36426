"""The lines of a stream that nobody vouches for: numbered, and bounded in length.

A file without a line break must not end up in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

LONGEST_LINE_BYTES = 67_108_864
_BOM = b"\xef\xbb\xbf"


def numbered_lines(
    stream: BinaryIO, longest_bytes: int = LONGEST_LINE_BYTES
) -> Iterator[tuple[int, bytes | None]]:
    r"""Number (from 1) and content of each line, without its line break.

    A line over *longest_bytes* comes as ``None``: it is read past, never held. An empty
    line comes as ``b""``. A byte order mark at the start is taken off.

    >>> import io
    >>> list(numbered_lines(io.BytesIO(b"a\r\n\nlong one\nb"), longest_bytes=4))
    [(1, b'a'), (2, b''), (3, None), (4, b'b')]
    """
    number = 0
    while line := stream.readline(longest_bytes + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) > longest_bytes and not line.endswith(b"\n"):
            _skip_rest(stream, longest_bytes)
            yield number, None
        else:
            yield number, line.rstrip(b"\r\n")


def _skip_rest(stream: BinaryIO, piece_bytes: int) -> None:
    while piece := stream.readline(piece_bytes + 1):
        if piece.endswith(b"\n"):
            return
