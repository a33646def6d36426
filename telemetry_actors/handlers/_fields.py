"""The types of payload keys: strict, and never wider than what can be sent.

Forms of values (docs/values.md) as pydantic types: the one that nearly all have; a `Form` beside
it reads the others (`_forms.py`). No number is let through that no receiver could hold: a counter's
sum is an int64, and one NaN in a histogram spoils its sum for good. Null means "absent", also
for keys with a default, so optional keys are ``X | None`` and mappings say what the default is.

The descriptions are those of the data dictionary (docs/data-dictionary.md).

Models are a `TypedDict` and not a `BaseModel`: 1.2 us against 2.2 us for a workflow run
(pydantic 2.14, timestamps aside).
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator

from telemetry_actors.event.forms import (
    INT64_MAX,
    Form,
    Unreadable,
    count_of,
    index_of,
    price_of,
    seconds_of,
    text_of,
)
from telemetry_actors.handlers._timestamps import timestamp_ns

PAYLOAD: Final = ConfigDict(strict=True, extra="ignore")
"""Of every payload model."""


def _decimal(text: str) -> float:
    try:
        return price_of(text)
    except Unreadable:
        raise ValueError("not a decimal number") from None


def _time_of(value: object) -> object:
    """The value itself, if it is a time: what it says is the model's to find out."""
    try:
        value = text_of(value) if isinstance(value, bytes) else value
        timestamp_ns(value)
    except ValueError:
        raise Unreadable from None
    return value


Count = Annotated[
    int,
    Field(ge=-(2**53), le=2**53, description="int, tokens"),
    Form(count_of, "a whole number of at most 2**53"),
]
"""Tokens. A thousand events of the largest still fit into a counter's 64 bits."""

Index = Annotated[
    int,
    Field(ge=-INT64_MAX - 1, le=INT64_MAX, description="int"),
    Form(index_of, "a whole number of 64 bits"),
]
"""A position, sent as an int64."""

Seconds = Annotated[
    float,
    Field(ge=-9e9, le=9e9, allow_inf_nan=False, description="number, seconds"),
    Form(seconds_of, "a finite number of seconds"),
]
"""A duration, up to 285 years: as nanoseconds it still fits into 64 bits."""

Price = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, AfterValidator(_decimal)],
    Field(union_mode="left_to_right", description="number, or its decimal text"),
    Form(price_of, "a finite number, or its decimal text"),
]
"""A number, or its decimal text (``str(Decimal)``, exponents included). Always a float after."""

Timestamp = Annotated[
    int | float | str,
    PlainValidator(timestamp_ns),
    Field(description="RFC 3339 text, or number of s, ms, us or ns"),
    Form(_time_of, "RFC 3339 text, or a number of s, ms, us or ns since 1970"),
]
"""RFC 3339 text or a number, as a producer may give it. Always nanoseconds after."""
