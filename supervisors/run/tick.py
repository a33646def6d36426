"""`TICK`: what a slot says to its actor when a time that was asked for has come."""

from __future__ import annotations


class _Tick:
    """The message that says: the time asked for with `SupervisedActor.wake_in` has come."""

    def __repr__(self) -> str:
        return "TICK"


TICK = _Tick()
