"""What fails, told: once with its cause and address, once a minute while it lasts, and the end.

Of one endpoint, which may fail for several causes at once; `base/outage.py` is for all else.
Called on whatever thread finds out; two at once may say a line too many, and nothing worse. Never
waits, and never says a line per request.
"""

from __future__ import annotations

from telemetry_actors.base.log import warn
from telemetry_actors.base.outage import SUMMARY_S, counted, duration
from telemetry_actors.ports import ExportResult, Verdict


class _Outage:
    """One cause, while it lasts."""

    __slots__ = ("failures", "kinds", "said_s", "since_s", "words")

    def __init__(self, words: str, now_s: float) -> None:
        self.words = words
        self.since_s = self.said_s = now_s
        self.kinds: set[str] = set()
        self.failures = 0


class Outages:
    """Those of one endpoint.

    Args:
        sink: its name.
        place: scheme, host and port, without secrets.
    """

    def __init__(self, sink: str, place: str) -> None:
        self._sink = sink
        self._place = place
        self._of = f"{sink} {place}"
        self._now: dict[str, _Outage] = {}
        self._over: _Outage | None = None
        """The last one that ended."""
        self._said_well = True
        """What the last line said."""

    def failed(self, kind: str, cause: str, result: ExportResult, now_s: float) -> None:
        """A request of *kind* has failed for *cause*."""
        for other, earlier in list(self._now.items()):
            if other != cause:
                self._leave(other, earlier, kind)
        outage = self._now.get(cause)
        if outage is None:
            outage = self._now[cause] = _Outage(words_of_failure(result, self._place), now_s)
            of = f"{self._of} {cause}"
            words = f"{outage.words}: {result.advice}" if result.advice else outage.words
            if warn("sink %s/%s fails %s", self._sink, kind, words, of=of, at_once=1):
                self._said_well = False
        outage.kinds.add(kind)
        outage.failures += 1
        if now_s - outage.said_s >= SUMMARY_S:
            outage.said_s = now_s
            self._said_well = False
            warn(
                "sink %s still fails (%s) after %s: %s so far. %s",
                self._sink,
                ", ".join(sorted(outage.kinds)),
                duration(now_s - outage.since_s),
                counted(outage.failures, "request"),
                outage.words,
                of=f"{self._of} {cause}",
            )

    def succeeded(self, kind: str, now_s: float) -> None:
        """A request of *kind* was answered well."""
        for cause, outage in list(self._now.items()):
            if self._leave(cause, outage, kind):
                self._over = outage
        if self._said_well or self._now or self._over is None:
            return
        # What is left out is said with a later answer: the last line must not be that it fails.
        self._said_well = warn(
            "sink %s accepts again after %s; %s had failed",
            self._sink,
            duration(now_s - self._over.since_s),
            counted(self._over.failures, "request"),
            of=self._of,
            at_once=1,
        )

    def _leave(self, cause: str, outage: _Outage, kind: str) -> bool:
        """*kind* doesn't fail for *cause* any more. True: and no other does."""
        if kind not in outage.kinds:
            return False
        outage.kinds.discard(kind)
        if outage.kinds:
            return False
        self._now.pop(cause, None)
        return True

    def words(self) -> str:
        """What fails now and why, on one line; "" = nothing does."""
        return "; ".join(
            f"sink {self._sink} ({', '.join(sorted(outage.kinds))}) fails {outage.words}"
            for outage in list(self._now.values())
        )


def words_of_failure(result: ExportResult, place: str) -> str:
    """The verdict, the receiver's or the network's words, and the address.

    >>> words_of_failure(ExportResult(Verdict.RETRY, message="HTTP 503"), "http://far:4318")
    '(retry: HTTP 503) at http://far:4318'
    """
    return f"({what_failed(result)}) at {result.url or place}"


def what_failed(result: ExportResult) -> str:
    """The same without the address, as `status()` has it."""
    what = str(result.verdict)
    if result.verdict is Verdict.ACCEPTED:
        what = f"{result.rejected} records of a request were rejected"
    return what + (f": {result.message}" if result.message else "")
