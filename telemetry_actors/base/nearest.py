"""The word that was meant, for the end of a sentence about one that is unknown.

Beside everything: pure. Never called on `emit()`'s way without `strict`.
"""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = 0.6
_LONGEST = 64


def nearest(word: str, words: Iterable[str], alike: float = _ALIKE) -> str | None:
    """The one of *words* that is most like *word*, if any is.

    Args:
        word: that is none of them; only its beginning counts, since it may be anything.
        words: that there are.
        alike: from 0.0 to 1.0; how much they must have in common.

    >>> nearest("app_craeted", ["app_created", "app_deleted"])
    'app_created'
    """
    from difflib import get_close_matches  # only who mistypes pays for it

    found = get_close_matches(word[:_LONGEST], list(words), 1, alike)
    return found[0] if found else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean app_created?``, or "" where none is near.

    >>> did_you_mean("xyz", ["app_created"])
    ''
    """
    found = nearest(word, words)
    return f"; did you mean {found}?" if found is not None else ""
