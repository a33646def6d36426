"""``telemetry-actors dead-letters replay``: dropped events through the real tree once more.

A letter goes away once its event is exported, or is a duplicate; but a replay that delivered
nothing removes nothing, since whoever has all those ids may not have delivered them either. One
whose event is dropped again stays, and says so: the new reason, and whether it has been measured.
Exit codes: see the command's help (`cli/_app.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from supervisors import SystemClock
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Admission, Outcome
from telemetry_actors.cli._books import (
    print_bad,
    print_books,
    print_checks,
    print_error,
    print_json,
    print_last_words,
)
from telemetry_actors.cli._endpoint import UsageError, sending_settings
from telemetry_actors.cli._letters import (
    Filter,
    opened,
    print_found,
    print_none,
    sorted_out,
)
from telemetry_actors.cli._progress import ProgressDisplay
from telemetry_actors.cli._prospects import Prospects
from telemetry_actors.demo.event import MadeEvent
from telemetry_actors.demo.session import Books, Session
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.stores.letters import BadLetter, LetterDirectory, StoredLetter

_OK, _NOT_ALL, _USAGE, _INTERRUPTED = 0, 1, 2, 130


def run_resend(
    path: Path,
    wanted: Filter,
    *,
    endpoint: str | None,
    config: Path | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Replay the letters of one directory and print the books.

    Returns:
        The exit code.
    """
    bad: list[BadLetter] = []
    try:
        directory = opened(path)
        letters = sorted_out(directory, wanted, bad)
        if dry_run:
            print_found(directory, wanted, letters, bad, as_json=as_json)
            return _OK
        # A letter of a replay that fails is the one that is there: none is written beside it.
        settings = sending_settings(endpoint, config, dead_letters={"directory": None})
    except UsageError as error:
        print_error(str(error))
        return _USAGE
    resend = _Resend(directory, letters)
    books = resend.run(settings, total=len(directory.names()) if wanted == Filter() else None)
    print_bad(bad)
    none = not (resend.ended["read"] or books.interrupted) and print_none(directory, wanted)
    return _report(books, resend, len(bad), none=none, as_json=as_json)


class _End(NamedTuple):
    stored: StoredLetter
    outcome: Outcome
    letter: DeadLetter | None


class _Resend:
    """One replay, and what has become of each letter."""

    def __init__(self, directory: LetterDirectory, letters: Iterator[StoredLetter]) -> None:
        self._directory = directory
        self._letters = letters
        self._ends: SimpleQueue[_End] = SimpleQueue()
        self._duplicates: list[StoredLetter] = []
        self.ended: Counter[str] = Counter()
        """By outcome; ``read``: all; ``kept``: letters that could not be taken away or marked."""

    def run(self, settings: TelemetrySettings, total: int | None) -> Books:
        clock = SystemClock()
        with ProgressDisplay(clock, total=total) as progress, TelemetryGateway(settings) as gateway:
            session = Session(
                gateway,
                clock,
                progress,
                stop_timeout_s=settings.lifecycle.stop_timeout_s,
                watcher=Prospects(gateway, clock, progress.note),
            )
            session.feed(self._events(gateway))
            books = session.close()
        self._settle()
        if self.ended[Outcome.EXPORTED]:
            for stored in self._duplicates:
                self._on_disk(stored, partial(self._directory.remove, stored.name))
        return books

    def _events(self, gateway: TelemetryGateway) -> Iterator[MadeEvent]:
        for stored in self._letters:
            self.ended["read"] += 1
            self._settle()
            enter = partial(self._enter, gateway, stored)
            yield MadeEvent(stored.letter.envelope.case, {}, {}, enter=enter)

    def _enter(self, gateway: TelemetryGateway, stored: StoredLetter) -> Admission:
        return gateway.replay(
            stored.letter, lambda outcome, letter: self._ends.put(_End(stored, outcome, letter))
        )

    def _settle(self) -> None:
        """Take away or mark the letters whose events have their outcome by now."""
        while True:
            try:
                end = self._ends.get_nowait()
            except Empty:
                return
            self.ended[end.outcome] += 1
            if end.outcome is Outcome.DUPLICATE:
                self._duplicates.append(end.stored)
                continue
            self._on_disk(end.stored, partial(self._settle_one, end))

    def _on_disk(self, stored: StoredLetter, change: Callable[[], object]) -> None:
        try:
            change()
        except OSError as error:
            self.ended["kept"] += 1
            if self.ended["kept"] == 1:
                print_error(f"{stored.name} stays as it was: {error.strerror}")

    def _settle_one(self, end: _End) -> None:
        if end.letter is None:
            self._directory.remove(end.stored.name)
            return
        # Number and content are those of the first admission, whatever is let through here.
        first = end.stored.letter
        letter = end.letter._replace(envelope=first.envelope, serial=first.serial)
        self._directory.replace(end.stored._replace(letter=letter, replays=end.stored.replays + 1))


def _report(books: Books, resend: _Resend, unreadable: int, *, none: bool, as_json: bool) -> int:
    """*none*: there are letters, and not one of them was meant."""
    ended = resend.ended
    arrived = ended[Outcome.EXPORTED] + ended[Outcome.DUPLICATE]
    checks = {
        "the books balance": books.balanced,
        f"exported + duplicate = {arrived:,} of {ended['read']:,} letters": arrived
        >= ended["read"],
        "each of them was removed, or says what happened": not ended["kept"],
        "something was delivered": bool(ended[Outcome.EXPORTED]) or not (ended["read"] or none),
    }
    if ended[Outcome.DUPLICATE] and not ended[Outcome.EXPORTED]:
        print_error(
            f"{ended[Outcome.DUPLICATE]:,} letters stay: others have their ids, and nothing was"
            " delivered here. If their events arrived, remove them by: dead-letters purge"
        )
    print_books(books, to_stderr=as_json)
    print_checks(checks, to_stderr=as_json)
    if as_json:
        outcomes = {str(outcome): ended[outcome] for outcome in Outcome}
        letters = {"read": ended["read"], **outcomes, "kept": ended["kept"]}
        print_json(books, letters={**letters, "unreadable": unreadable})
    print_last_words(books, arrived, ended["read"], "letters")
    if books.interrupted:
        return _INTERRUPTED
    return _OK if all(checks.values()) and not books.given_up else _NOT_ALL
