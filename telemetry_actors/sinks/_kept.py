"""How far a connection that was kept is trusted: it may have died without a word.

A load balancer forgets it, a NAT drops it, and the next request on it is never answered, while one
on a new connection would be. So one that was idle for long isn't used again, and an attempt on a
kept one gets a share of its time: enough for a receiver that is as slow as it was of late. Pure;
one per channel, for HTTP and gRPC alike.
"""

from __future__ import annotations

from typing import Final

_IDLE_S: Final = 45.0
"""Below what balancers and servers keep an idle connection for (60 s and more)."""
_SHARE: Final = 1 / 4
_TIMES: Final = 4.0
_FADING: Final = 0.9


class Trust:
    """In the connection of one channel."""

    def __init__(self) -> None:
        self._slowest_s = 0.0
        self._answered_at_s = 0.0

    def answered(self, took_s: float, now_s: float) -> None:
        """An exchange on it has gone well."""
        self._slowest_s = max(took_s, self._slowest_s * _FADING)
        self._answered_at_s = now_s

    def is_fresh(self, now_s: float) -> bool:
        """It was not idle for too long."""
        return now_s - self._answered_at_s < _IDLE_S

    def share_s(self, timeout_s: float) -> float:
        """Of *timeout_s*, what an attempt on it gets before a new one is to be tried.

        >>> trust = Trust()
        >>> trust.answered(0.05, 0.0), trust.share_s(10.0)
        (None, 2.5)
        >>> trust.answered(2.0, 0.0), trust.share_s(10.0)
        (None, 8.0)
        """
        return min(timeout_s, max(timeout_s * _SHARE, self._slowest_s * _TIMES))
