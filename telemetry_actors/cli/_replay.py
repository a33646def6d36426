"""``telemetry-actors replay``: recorded events through the real tree.

Exit codes: see the command's help (`cli/_app.py`).
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from supervisors import SystemClock
from telemetry_actors.cli._books import (
    print_books,
    print_checks,
    print_error,
    print_json,
    print_last_words,
)
from telemetry_actors.cli._endpoint import UsageError, sending_settings
from telemetry_actors.cli._progress import ProgressDisplay
from telemetry_actors.cli._prospects import Prospects
from telemetry_actors.demo.azure import NotArrivalsError, read_azure
from telemetry_actors.demo.event import BadLine, MadeEvent
from telemetry_actors.demo.jsonl import read_jsonl
from telemetry_actors.demo.session import Books, Session
from telemetry_actors.errors import SettingsError
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.settings import TelemetrySettings

_SILENT_S = 0.5
_OK, _LOST, _USAGE, _INTERRUPTED = 0, 1, 2, 130


def run_replay(
    *,
    file: Path | None,
    azure_llm: Path | None,
    speed: float,
    endpoint: str | None,
    config: Path | None,
    as_json: bool,
) -> int:
    """Replay one source and print the books.

    Returns:
        The exit code.
    """
    try:
        path, reader = _source(file, azure_llm)
        settings = sending_settings(endpoint, config)
        with _opened(path) as stream:
            books = _replay(_events(path, reader, stream), settings, speed, bar=str(path) != "-")
    except (UsageError, SettingsError) as error:
        print_error(str(error))
        return _USAGE
    return _report(books, as_json=as_json)


def _source(
    file: Path | None, azure_llm: Path | None
) -> tuple[Path, Callable[[BinaryIO], Iterator[MadeEvent | BadLine]]]:
    if file is not None and azure_llm is None:
        return file, read_jsonl
    if azure_llm is not None and file is None:
        return azure_llm, read_azure
    raise UsageError("give either FILE or --azure-llm CSV")


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed; give a FILE or lines")
        return nullcontext(BufferedReader(_Awaited(sys.stdin.buffer)))
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None


def _events(
    path: Path, reader: Callable[[BinaryIO], Iterator[MadeEvent | BadLine]], stream: BinaryIO
) -> Iterator[MadeEvent | BadLine]:
    try:
        return reader(stream)
    except (NotArrivalsError, OSError) as error:
        raise UsageError(f"can't read {path}: {error}") from None


class _Awaited(RawIOBase):
    """Standard input: says once that it is waited for, if it is typed or nothing comes.

    Wakes up now and then, too: a signal that comes just before a read blocks would be noticed with
    the next line, or never.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._raw: Any = getattr(stream, "raw", stream)
        self._unsaid = "; Ctrl-D ends it" if stream.isatty() else ""
        self._is_said = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int | None:
        if self._unsaid:
            self._say()
        with suppress(OSError, ValueError):  # of what can't be asked, such as a pipe on Windows
            while not select.select([self._raw], [], [], _SILENT_S)[0]:
                self._say()
        self._is_said = True  # from here on it's known that lines come
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def _say(self) -> None:
        if not self._is_said:
            self._is_said = True
            print_error(f"waiting for lines on standard input{self._unsaid}")


def _replay(
    events: Iterator[MadeEvent | BadLine], settings: TelemetrySettings, speed: float, *, bar: bool
) -> Books:
    clock = SystemClock()
    with ProgressDisplay(clock, bar=bar) as progress, TelemetryGateway(settings) as gateway:
        session = Session(
            gateway,
            clock,
            progress,
            stop_timeout_s=settings.lifecycle.stop_timeout_s,
            watcher=Prospects(gateway, clock, progress.note),
            speed=speed,
        )
        session.feed(events)
        return session.close()


def _report(books: Books, *, as_json: bool) -> int:
    ledger = books.ledger
    arrived = ledger.exported + ledger.duplicate
    checks = {
        "the books balance": books.balanced,
        f"exported + duplicate = {arrived:,} of {books.made:,} events": arrived >= books.made,
    }
    print_books(books, to_stderr=as_json)
    if books.bad_lines:
        print_error(f"{books.bad_lines:,} bad lines")
    print_checks(checks, to_stderr=as_json)
    if as_json:
        first = [line._asdict() for line in books.first_bad_lines]
        print_json(books, bad_lines={"count": books.bad_lines, "first": first})
    print_last_words(books, arrived, books.made)
    if not (books.made or books.interrupted or books.read_error):
        print_error("no event was sent: there was no good line")
    return _exit_code(books, holds=all(checks.values()) and not books.given_up)


def _exit_code(books: Books, *, holds: bool) -> int:
    if books.interrupted:
        return _INTERRUPTED
    if books.read_error is not None:
        return _USAGE
    return _OK if holds else _LOST
