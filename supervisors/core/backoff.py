"""Back-off: how long to wait before the next restart of one child.

The restart budget (`_intensity`) says *whether* a child is restarted, this
says *when*. The wait grows with each failure of the same child in a row and
starts over once an incarnation has been up for ``stable_after_s``: a start
that succeeds proves nothing, a child that stays up does.

OTP restarts at once; so does a `Backoff` with ``min_s`` 0, the default.
No clock and no generator here: the caller hands in the failure count and a
draw from its seeded generator.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisors.core import check as _check
from supervisors.errors import SpecError

_LONGEST_POWER = 1024
"""Past this power every factor above 1.5 has overflowed any max_s; keeps ``**`` finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The wait before the n-th restart in a row: ``min_s * factor ** (n - 1)``, at most ``max_s``.

    Jitter only shortens a wait, so ``max_s`` is a promise.
    """

    min_s: float = 0.0
    """Seconds before the first restart. 0 restarts at once, always."""
    max_s: float = 30.0
    """Seconds that no wait exceeds."""
    factor: float = 2.0
    """Growth from one failure to the next."""
    jitter: float = 0.2
    """Part of the wait that chance may take away: 0 none, 1 all of it ("full jitter")."""
    stable_after_s: float = 10.0
    """Seconds an incarnation must be up for the failures before it to be forgotten."""

    def __post_init__(self) -> None:
        """Check every field, and that ``max_s`` isn't below ``min_s``."""
        _check.at_least("Backoff.min_s", self.min_s, 0)
        _check.at_least("Backoff.max_s", self.max_s, 0)
        _check.at_least("Backoff.factor", self.factor, 1)
        _check.at_least("Backoff.jitter", self.jitter, 0)
        _check.at_least("Backoff.stable_after_s", self.stable_after_s, 0)
        if self.jitter > 1:
            raise SpecError("Backoff.jitter", self.jitter, "between 0 and 1")
        if self.max_s < self.min_s:
            raise SpecError("Backoff.max_s", self.max_s, f"at least min_s ({self.min_s:g})")

    def delay_s(self, failures: int, draw: float = 0.0) -> float:
        """Seconds to wait after the *failures*-th failure in a row.

        Args:
            failures: 1 for the first; must be at least 1.
            draw: Chance, from 0 (no jitter) up to but not including 1.

        Returns:
            0.0 for "at once"; never more than ``max_s``.

        >>> [Backoff(min_s=1.0, max_s=5.0).delay_s(n) for n in (1, 2, 3, 4)]
        [1.0, 2.0, 4.0, 5.0]
        """
        if self.min_s == 0:
            return 0.0
        power = min(failures - 1, _LONGEST_POWER)
        try:
            full_s = min(self.max_s, self.min_s * self.factor**power)
        except OverflowError:
            full_s = self.max_s
        return full_s * (1.0 - self.jitter * draw)

    def is_stable(self, uptime_s: float) -> bool:
        """Whether an incarnation that was up for *uptime_s* wipes out the failures before it."""
        return uptime_s >= self.stable_after_s

    def shortest_s(self, restarts: int) -> float:
        """Seconds between the first and the last of *restarts* + 1 restarts in a row, at least.

        >>> Backoff(min_s=1.0, max_s=8.0, jitter=0.0).shortest_s(3)
        14.0
        """
        rising = min(restarts, _LONGEST_POWER)  # from there on each wait is as long as the last
        delays_s = sum(self.delay_s(n + 1) for n in range(1, rising + 1))
        delays_s += (restarts - rising) * self.delay_s(_LONGEST_POWER + 1)
        return delays_s * (1.0 - self.jitter)
