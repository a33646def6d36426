"""Whether going on is of any use: what keeps events from arriving, and for how long it has.

Stands beside a session (`demo/session.py`), which asks while it feeds and while it waits: on the
command's own thread, and never in `emit()`. It says now and then what is waited for, and ends a
session that nothing comes of, long before every event has been given up one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from supervisors import Clock
from telemetry_actors.demo.session import Hopeless
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.ports import Verdict
from telemetry_actors.sinks.health import Endpoint

_LOOK_EVERY_S: Final = 0.25
_NOTE_AFTER_S: Final = 1.5
_NOTE_EVERY_S: Final = 5.0
_NEVER_S: Final = 10.0
"""Patience with a receiver that has taken nothing so far."""
_REFUSED_S: Final = 2.0
"""With one that says no to all."""
_NOT_ANY_MORE_S: Final = 60.0
"""With one that has taken something: it may be restarted at this moment."""


def cause_of(gateway: TelemetryGateway) -> str:
    """What fails now: address, what happened, what to do, on one line; "" = nothing does."""
    return "; ".join(filter(None, map(_words, _endpoints(gateway))))


def _words(endpoint: Endpoint) -> str:
    words = endpoint.outages.words()
    if not words:
        return ""
    advice = [one.result.advice for one in list(endpoint.failures) if one.result.advice]
    return f"{words}: {advice[-1]}" if advice else words


def _endpoints(gateway: TelemetryGateway) -> list[Endpoint]:
    return gateway._endpoints()


class Prospects:
    """Those of one session.

    Args:
        note: told, in a line, what is waited for.
    """

    def __init__(
        self, gateway: TelemetryGateway, clock: Clock, note: Callable[[str], None]
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._note = note
        now_s = clock.now_s()
        self._look_s = now_s + _LOOK_EVERY_S
        self._moved_s = now_s
        self._note_s = 0.0
        self._said = ""
        self._delivered = 0
        self._lost = 0

    def look(self) -> None:
        """See how things stand, a few times a second however often it is called.

        Raises:
            Hopeless: nothing has arrived for so long that nothing will.
        """
        now_s = self._clock.now_s()
        if now_s < self._look_s:
            return
        self._look_s = now_s + _LOOK_EVERY_S
        waiting, cause = self._waiting(now_s), cause_of(self._gateway)
        still_s = now_s - self._moved_s
        if cause and still_s >= self._patience_s():
            raise Hopeless(cause)
        if waiting and still_s >= _NOTE_AFTER_S and now_s >= self._note_s:
            self._note_s = now_s + _NOTE_EVERY_S
            self._note(f"{waiting:,} events wait{self._why(cause)}")

    def cause(self) -> str:
        """What fails now; see `cause_of`."""
        return cause_of(self._gateway)

    def _why(self, cause: str) -> str:
        """What no line has said yet: of what fails the log has, above the bar (`_progress.py`)."""
        unsaid = "" if cause else self._unanswered()
        words = f": {unsaid}" if unsaid not in ("", self._said) else ""
        self._said = unsaid
        return words

    def _waiting(self, now_s: float) -> int:
        """How many events have no outcome. Notes when one arrived last, or none was there to."""
        ledger = self._gateway.ledger()
        delivered = ledger.exported + ledger.duplicate
        lost = sum(ledger.dropped.values())
        if delivered != self._delivered or (not ledger.in_flight and lost == self._lost):
            self._moved_s = now_s
        self._delivered, self._lost = delivered, lost
        return ledger.in_flight

    def _patience_s(self) -> float:
        if self._delivered:
            return _NOT_ANY_MORE_S
        last = [one.failures[-1].result for one in _endpoints(self._gateway) if one.failures]
        refused = bool(last) and all(result.verdict is Verdict.REFUSED for result in last)
        return _REFUSED_S if refused else _NEVER_S

    def _unanswered(self) -> str:
        places = ", ".join(endpoint.name for endpoint in _endpoints(self._gateway))
        return f"{places} has not answered so far" if places else "nothing was sent so far"
