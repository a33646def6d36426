"""Text of a wanted length, as an application's prompts and answers would be.

Without it nobody would see that content is gone when content is off. Cheap: a slice of
one long text made at import, so that a replay measures the tree and not this.
"""

from __future__ import annotations

LONGEST_TEXT_CHARS = 8192
_CHARS_A_TOKEN = 4
_SENTENCES = (
    "The invoice of the third quarter lists two deliveries that the warehouse never booked. ",
    "def merge(left, right):\n    return sorted([*left, *right], key=lambda row: row.id)\n",
    "Please summarise the contract for a customer who has never seen one, in plain words. ",
    "The patient may take the tablets with food; two hours should lie between two of them. ",
    "La livraison est prévue pour mardi, sauf si l'entrepôt de Lyon reste fermé. ",
    "Für die Rückgabe genügt die Bestellnummer; ein Beleg ist nicht nötig. ",
    "SELECT region, sum(amount) FROM orders WHERE paid GROUP BY region ORDER BY 2 DESC;\n",
    "返品は三十日以内にお願いいたします。",
)
_TEXT = "".join(_SENTENCES[i * 5 % 8] + _SENTENCES[i * 3 % 7] for i in range(200))


def text_of(tokens: int, seed: int) -> str:
    """About *tokens* tokens of text, at most `LONGEST_TEXT_CHARS` characters.

    Args:
        tokens: length wanted, four characters each; none or less gives an empty text.
        seed: where in the long text to begin; the same seed gives the same text.

    >>> len(text_of(10, seed=1)), text_of(10, seed=1) == text_of(10, seed=1), text_of(0, seed=1)
    (40, True, '')
    """
    length = min(max(tokens, 0) * _CHARS_A_TOKEN, LONGEST_TEXT_CHARS)
    start = seed * 131 % (len(_TEXT) - LONGEST_TEXT_CHARS)
    return _TEXT[start : start + length]
