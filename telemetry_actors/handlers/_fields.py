"""The types of payload keys: strict, and never wider than what can be sent.

payloads.md 1.1 and 1.9 as pydantic types. A value of the wrong type makes an event
invalid, and so does a number that no receiver could hold: a counter's sum is an int64,
and one NaN in a histogram spoils its sum for good. Null means "absent", also for keys
with a default, so optional keys are ``X | None`` and mappings say what the default is.

The descriptions are those of the data dictionary (docs/data-dictionary.md).

Models are a `TypedDict` and not a `BaseModel`: 1.2 us against 2.2 us for a workflow run
(pydantic 2.14, timestamps aside).
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator

from telemetry_actors.handlers._timestamps import INT64_MAX, timestamp_ns

__all__ = ["PAYLOAD", "Count", "Index", "Price", "Seconds", "Timestamp"]

PAYLOAD: Final = ConfigDict(strict=True, extra="ignore")
"""Of every payload model."""

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)


def _decimal(text: str) -> float:
    if len(text) > 100 or not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal number")
    number = float(text)
    if not isfinite(number):
        raise ValueError("a price must be finite")
    return number


Count = Annotated[int, Field(ge=-(2**53), le=2**53, description="int, tokens")]
"""Tokens. A thousand events of the largest still fit into a counter's 64 bits."""

Index = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX, description="int")]
"""A position, sent as an int64."""

Seconds = Annotated[
    float, Field(ge=-9e9, le=9e9, allow_inf_nan=False, description="number, seconds")
]
"""A duration, up to 285 years: as nanoseconds it still fits into 64 bits."""

Price = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, AfterValidator(_decimal)],
    Field(union_mode="left_to_right", description="number, or its decimal text"),
]
"""A number, or its decimal text (``str(Decimal)``, exponents included). Always a float after."""

Timestamp = Annotated[
    int | str,
    PlainValidator(timestamp_ns),
    Field(description="RFC 3339 text, or int of nanoseconds"),
]
"""RFC 3339 text or nanoseconds, as a producer may give it. Always nanoseconds after."""
