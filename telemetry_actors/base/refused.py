"""What pydantic's words for a refusal mean, in ours: of a model's fields, never with a value.

Beside the way, wherever a model has refused something. Pure; it imports no pydantic. A validator's
own text is left out: it may repeat what it was given (g21).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

_BY_WORDS: Final = {
    "missing": "missing",
    "no such key": "extra_forbidden",
    "must be a text": "string_type string_sub_type string_unicode",
    "must be a whole number": "int_type int_parsing int_from_float",
    "must be a whole number of reasonable size": "int_parsing_size",
    "must be a number": "float_type float_parsing decimal_type decimal_parsing",
    "must be a finite number": "finite_number",
    "must be a bool": "bool_type bool_parsing",
    "must be bytes": "bytes_type",
    "must be a map": "dict_type mapping_type model_type model_attributes_type dataclass_type",
    "must be a list": "list_type tuple_type set_type frozen_set_type iterable_type",
    "must be null": "none_required",
    "must be one of those that the model names": "literal_error enum",
    "must be a date": "date_type date_parsing date_from_datetime_parsing"
    " date_from_datetime_inexact",
    "must be a time of day": "time_type time_parsing",
    "must be a date and a time": "datetime_type datetime_parsing datetime_from_date_parsing"
    " datetime_object_invalid",
    "must have a time zone": "timezone_aware",
    "must be a duration": "time_delta_type time_delta_parsing",
    "must be a UUID": "uuid_type uuid_parsing",
    "must be a URL": "url_type url_parsing url_scheme",
    "is too small": "greater_than greater_than_equal",
    "is too large": "less_than less_than_equal",
    "is too short": "string_too_short too_short bytes_too_short",
    "is too long": "string_too_long too_long bytes_too_long url_too_long",
    "must be a multiple of what the model says": "multiple_of",
    "must have the form that the model says": "string_pattern_mismatch",
    "refused by a validator of the model": "value_error assertion_error",
}
REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {kind: words for words, kinds in _BY_WORDS.items() for kind in kinds.split()}
)
"""By pydantic's type of an error."""


def refusal(kind: str) -> str:
    """In words what a model has against a value.

    >>> refusal("int_parsing"), refusal("odd_seat")
    ('must be a whole number', 'refused by the model (odd_seat)')
    """
    return REFUSED.get(kind) or f"refused by the model ({kind})"


def refusals(problems: Iterable[Any], whole: str) -> str:
    """All of them, each with its key.

    Args:
        problems: as pydantic tells them.
        whole: what is refused as a whole, where no key is named.

    >>> refusals([{"loc": ("a", 0), "type": "string_type"}], "the payload")
    'a.0: must be a text'
    """
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or whole}: {refusal(problem['type'])}"
        for problem in problems
    )
