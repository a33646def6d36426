"""A wall clock that is never set back: for two readings that are compared.

A point whose time is before its start is refused by receivers, for as long as the process lives.
Where the machine's clock is set back, time stands still here until it has caught up.
"""

from __future__ import annotations

from collections.abc import Callable


class NeverBack:
    """Call it for the time. Any thread.

    Args:
        now_ns: the wall clock, ns since the epoch.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._last_ns = 0

    def __call__(self) -> int:
        """Ns since the epoch; never less than before."""
        self._last_ns = max(self._last_ns, self._now_ns())
        return self._last_ns
