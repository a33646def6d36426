"""From the first event to the final books: what ``demo`` and ``replay`` have in common.

Feeds a started gateway from one source, waits until all that was accepted has its
outcome, stops the gateway, and hands back what the books say. Ctrl-C ends the feeding,
never the books; so does a receiver of which nothing is to be hoped. SIGTERM does as Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from supervisors import Clock
from telemetry_actors.books.ledger import Admission, Ledger
from telemetry_actors.demo._interrupts import Interrupts
from telemetry_actors.demo._producer import PatientProducer
from telemetry_actors.demo.event import IF_YOUR_OWN, BadLine, MadeEvent
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.observe.status import Status

_FLUSH_SLICE_S = 0.5
_PATIENCE_S = 90.0
"""Without any event getting its outcome for so long, waiting on is of no use."""
_HOPELESS_STOP_S = 1.0
_BAD_LINES_KEPT = 20


class Hopeless(Exception):
    """Nothing arrives, there is a cause, and it has lasted."""


class Observer(Protocol):
    """Somebody who watches: the progress display."""

    def advance(self, made: int) -> None:
        """*made* events have been emitted so far."""

    def note(self, text: str) -> None:
        """Something worth a line of its own happened."""


class Watcher(Protocol):
    """Somebody who sees whether anything arrives."""

    def look(self) -> None:
        """Called again and again, while feeding and while waiting.

        Raises:
            Hopeless: going on is of no use.
        """

    def cause(self) -> str:
        """Why nothing arrives now, on one line; "" = nothing is known to fail."""


@dataclass(slots=True)
class Books:
    """What a session came to."""

    ledger: Ledger
    """After ``stop()``."""
    status: Status
    """Just before ``stop()``, with the tree still up."""
    seconds: float
    """From the first event to the last outcome, without the final stop."""
    made: int
    """Events that the source gave and the producer emitted."""
    interrupted: bool = False
    read_error: str | None = None
    """Why the source broke off, where it did."""
    cause: str = ""
    """What kept events from arriving when it ended, on one line; "" = nothing that is known."""
    given_up: bool = False
    """It ended before the source did, or before each event had its outcome: nothing arrived."""
    bad_lines: int = 0
    first_bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Both lines of the ledger hold to the unit."""
        return self.ledger.balanced()


class Session:
    """One gateway and one producer, for one source."""

    def __init__(
        self,
        gateway: TelemetryGateway,
        clock: Clock,
        observer: Observer,
        *,
        stop_timeout_s: float,
        watcher: Watcher,
        speed: float = 0.0,
    ) -> None:
        self.gateway = gateway
        self._watcher = watcher
        self._stop_timeout_s = stop_timeout_s
        self._clock = clock
        self._observer = observer
        self._interrupts = Interrupts()
        self._producer = PatientProducer(
            gateway,
            clock,
            speed=speed,
            undisturbed=self._interrupts.held,
            while_waiting=watcher.look,
        )
        self._began_s = clock.now_s()
        self._interrupted = False
        self._given_up = False
        self._read_error: str | None = None
        self._refusals = 0
        self._bad_lines = 0
        self._first_bad_lines: list[BadLine] = []

    @property
    def made(self) -> int:
        """Events emitted so far."""
        return self._producer.made

    def feed(self, source: Iterable[MadeEvent | BadLine]) -> None:
        """Emit what *source* gives, until it ends, breaks off, or Ctrl-C comes."""
        try:
            with self._interrupts:
                self._feed(source)
        except KeyboardInterrupt:
            self._interrupted = True
            self._observer.note(f"interrupted; {self._patience_s():g} s for what is under way")
        except Hopeless:
            self._given_up = True
        except OSError as error:  # reading; emit() raises nothing
            self._read_error = error.strerror or str(error)
            self._observer.note(f"the source broke off: {self._read_error}")

    def close(self) -> Books:
        """Wait for the outcomes, stop the gateway, and read the books.

        Interrupted or hopeless: ``stop()`` alone, which has a limit, and counts what is left.
        """
        try:
            if not self._interrupted and not self._given_up:
                with self._interrupts:
                    self._settle()
        except KeyboardInterrupt:
            self._interrupted = True
        except Hopeless:
            self._given_up = True
        seconds = self._clock.now_s() - self._began_s
        status, cause = self.gateway.status(), self._watcher.cause()
        self._stop()
        return Books(
            ledger=self.gateway.ledger(),
            status=status,
            seconds=seconds,
            made=self.made,
            interrupted=self._interrupted,
            read_error=self._read_error,
            cause=cause,
            given_up=self._given_up,
            bad_lines=self._bad_lines,
            first_bad_lines=self._first_bad_lines,
        )

    def _feed(self, source: Iterable[MadeEvent | BadLine]) -> None:
        for item in source:
            if isinstance(item, BadLine):
                self._bad(item)
            else:
                self._emit(item)

    def _patience_s(self) -> float:
        """For a stop: where nothing arrives, waiting is of no use."""
        hopeless = self._given_up or (self._interrupted and self._watcher.cause())
        return min(_HOPELESS_STOP_S, self._stop_timeout_s) if hopeless else self._stop_timeout_s

    def _emit(self, event: MadeEvent) -> None:
        self._watcher.look()
        admission = self._producer.emit(event)
        if not admission:
            self._refused(event, admission)
        self._observer.advance(self.made)

    def _refused(self, event: MadeEvent, admission: Admission) -> None:
        self._refusals += 1
        if self._refusals <= _BAD_LINES_KEPT:
            where = f"line {event.line}: " if event.line else ""
            more = f" ({IF_YOUR_OWN})" if admission is Admission.UNKNOWN_CASE else ""
            self._observer.note(f"{where}{event.case[:60]} refused: {admission.value}{more}")
        elif self._refusals == _BAD_LINES_KEPT + 1:
            self._observer.note("further refused events are counted, not shown")

    def _bad(self, bad: BadLine) -> None:
        self._bad_lines += 1
        if self._bad_lines <= _BAD_LINES_KEPT:
            self._first_bad_lines.append(bad)
            self._observer.note(f"line {bad.line}: {bad.reason}")
        elif self._bad_lines == _BAD_LINES_KEPT + 1:
            self._observer.note("further bad lines are counted, not shown")

    def _stop(self) -> None:
        try:
            with self._interrupts:
                self.gateway.stop(self._patience_s())
        except KeyboardInterrupt:  # a second one: at once
            self._interrupted = True
            self.gateway.stop(0.0)

    def _settle(self) -> None:
        """Flush in slices, as long as it gets on. Metrics alone don't hold it up."""
        left = self._in_flight()
        moved_s = self._clock.now_s()
        while not self.gateway.flush(_FLUSH_SLICE_S):
            self._watcher.look()
            now_left, now_s = self._in_flight(), self._clock.now_s()
            if now_left != left:
                left, moved_s = now_left, now_s
            if now_left == 0 or now_s - moved_s >= _PATIENCE_S:
                return

    def _in_flight(self) -> int:
        return self.gateway.ledger().in_flight
