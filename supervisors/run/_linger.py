"""When a mailbox hands out what it holds, and how it says that nothing is due yet.

Beside `run/mailbox.py`. Pure.
"""

from __future__ import annotations

from typing import NamedTuple


class Wait(NamedTuple):
    """Nothing is due: ask again after a wake-up, or after *seconds* (None = only then)."""

    seconds: float | None


class Batching(NamedTuple):
    """How large a batch of a coalescing mailbox may become, and how long it may wait to."""

    linger_s: float
    max_items: int
    max_bytes: int
