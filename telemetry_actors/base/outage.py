"""What fails, told: once with its cause, once a minute while it lasts, and its end.

Of one thing, such as a journal or a store; `sinks/outages.py` has the one for endpoints, which
fail for several causes at once. Called on whatever thread finds out; two at once may say a line
too many, and nothing worse. Never waits, and never says a line per request.
"""

from __future__ import annotations

from typing import Final

from telemetry_actors.base.log import warn

SUMMARY_S: Final = 60.0


class Outage:
    """Of one thing.

    Args:
        of: which; another one's lines are bounded by themselves.
    """

    def __init__(self, of: str) -> None:
        self._of = of
        self._since_s: float | None = None
        self._said_s = 0.0
        self._failures = 0
        self._said_ill = False
        """What the last line said."""

    def failed(self, now_s: float, message: str, *args: object) -> None:
        """It has failed (again). *message* says what does, where, why, and what follows from it."""
        self._failures += 1
        if self._since_s is None:
            self._since_s = self._said_s = now_s
            self._failures = 1
            self._said_ill = warn(message, *args, of=self._of) or self._said_ill
        elif now_s - self._said_s >= SUMMARY_S:
            self._said_s = now_s
            lasts = duration(now_s - self._since_s)
            words = f"for %s now, and %s: {message}"
            said = warn(words, lasts, counted(self._failures, "failure"), *args, of=self._of)
            self._said_ill = said or self._said_ill

    def over(self, message: str, *args: object) -> None:
        """It works. Said if the last line said that it fails; now, or when it next works."""
        self._since_s = None
        if self._said_ill:
            self._said_ill = not warn(message, *args, of=self._of)


def counted(number: int, what: str) -> str:
    """As one says it.

    >>> counted(1, "request"), counted(41, "request")
    ('1 request', '41 requests')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def duration(seconds: float) -> str:
    """In the unit that fits.

    >>> duration(0.4), duration(70), duration(7200)
    ('0 s', '70 s', '120 min')
    """
    seconds = max(0.0, seconds)  # a wall clock may go back
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
