"""``telemetry-actors demo``: a simulated application through the real tree, with accidents.

Exit codes: see the command's help (`cli/_app.py`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from supervisors import SystemClock
from telemetry_actors.books.ledger import SignalLine
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
from telemetry_actors.demo.application import Application
from telemetry_actors.demo.faults import Accidents
from telemetry_actors.demo.receiver import ReceiverProcess
from telemetry_actors.demo.session import Books, Session
from telemetry_actors.errors import SettingsError
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.settings import TelemetrySettings

_OK, _DISAGREES, _USAGE, _INTERRUPTED = 0, 1, 2, 130
_ENDED_BY_FORCE = ("handlers/app_created", "sinks/logs")


class _Received(NamedTuple):
    """Distinct records that our own receiver has counted."""

    logs: int
    spans: int
    points: int


def run_demo(
    *, events: int, endpoint: str | None, config: Path | None, as_json: bool, seed: int
) -> int:
    """Run the demo and print the books.

    Returns:
        The exit code.
    """
    receiving: AbstractContextManager[ReceiverProcess | None] = (
        ReceiverProcess() if endpoint is None else nullcontext()
    )
    try:
        with receiving as receiver:
            url = endpoint if receiver is None else receiver.endpoint
            settings = sending_settings(url, config)
            books, came_back = _run(settings, events, seed)
            received = None if receiver is None else _counted(receiver)
    except (UsageError, SettingsError) as error:
        print_error(str(error))
        return _USAGE
    return _report(books, received, came_back, as_json=as_json)


def _run(settings: TelemetrySettings, events: int, seed: int) -> tuple[Books, dict[str, bool]]:
    clock = SystemClock()
    application = Application(seed=seed, start_ns=clock.now_ns())
    with ProgressDisplay(clock, total=events) as progress, TelemetryGateway(settings) as gateway:
        accidents = Accidents(gateway, _ENDED_BY_FORCE, progress.note)
        session = Session(
            gateway,
            clock,
            progress,
            stop_timeout_s=settings.lifecycle.stop_timeout_s,
            watcher=Prospects(gateway, clock, progress.note),
        )
        session.feed(accidents.within(islice(application.events(), events), events))
        return session.close(), accidents.came_back


def _counted(receiver: ReceiverProcess) -> _Received:
    stats = receiver.stats()
    return _Received(stats["logs"], stats["spans"], stats["points"])


def _report(
    books: Books, received: _Received | None, came_back: dict[str, bool], *, as_json: bool
) -> int:
    checks = {"the books balance": books.balanced}
    checks.update({f"{path} came back": back for path, back in came_back.items()})
    checks.update(_acceptance(books) if received is None else _agreement(books, received))
    print_books(books, to_stderr=as_json)
    print_checks(checks, to_stderr=as_json)
    if as_json:
        print_json(books, received=None if received is None else received._asdict())
    ledger = books.ledger
    print_last_words(books, ledger.exported, books.made)
    if books.interrupted:
        return _INTERRUPTED
    return _OK if all(checks.values()) else _DISAGREES


def _acceptance(books: Books) -> dict[str, bool]:
    """A receiver that can't be asked: did it say yes to everything?"""
    ledger = books.ledger
    text = f"the receiver accepted {ledger.exported:,} of {ledger.accepted:,} events"
    return {text: ledger.exported == ledger.accepted}


def _agreement(books: Books, received: _Received) -> dict[str, bool]:
    """The rule of semantics.md: exported ≤ distinct received ≤ exported + unconfirmed."""
    signals = books.ledger.signals
    checks = {}
    for name, line, count in (
        ("log records", signals.logs, received.logs),
        ("spans", signals.spans, received.spans),
    ):
        text = f"{name}: received {count:,}, exported {line.exported:,}{_unconfirmed(line)}"
        checks[text] = line.exported <= count <= line.exported + line.dropped.get("unconfirmed", 0)
    points = f"metric points: received {received.points:,}"
    checks[points] = received.points > 0 or signals.measurements.recorded == 0
    return checks


def _unconfirmed(line: SignalLine) -> str:
    count = line.dropped.get("unconfirmed", 0)
    return f", unconfirmed {count:,}" if count else ""
