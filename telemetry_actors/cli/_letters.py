"""``telemetry-actors dead-letters list|show|purge``: what is in a directory of dead letters.

Nothing is started and nothing is sent. Exit codes: see the commands' help (`cli/_app.py`).
"""

from __future__ import annotations

import base64
import json
import math
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from supervisors import SystemClock
from telemetry_actors.base.log import printable
from telemetry_actors.base.nearest import nearest
from telemetry_actors.books.meanings import what_to_do
from telemetry_actors.cli._books import print_advice, print_bad, print_error, print_letters
from telemetry_actors.cli._endpoint import UsageError
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.stores.letters import BadLetter, LetterDirectory, StoredLetter

_OK, _NOT_ALL, _USAGE = 0, 1, 2
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEEPEST = 64


class Filter(NamedTuple):
    """Which letters are meant; what is None or empty lets every one pass."""

    reasons: tuple[str, ...] = ()
    case: str | None = None
    tenant: str | None = None
    since: str | None = None
    """So long ago (``2h``), or a point in time in ISO 8601; dropped at or after it."""
    older_than: str | None = None
    """So long ago; dropped before it."""

    @property
    def is_of_content(self) -> bool:
        """It asks for something that stands inside a letter, not in its name."""
        return bool(self.reasons) or self.case is not None or self.tenant is not None

    def window(self, now_ns: int) -> tuple[int, int]:
        """From, and before: ns since the epoch.

        Raises:
            UsageError: it names no time.
        """
        from_ns = 0 if self.since is None else _point(self.since, now_ns)
        before_ns = 2**63
        if self.older_than is not None:
            before_ns = now_ns - int(seconds_of("--older-than", self.older_than) * 1e9)
        return from_ns, before_ns

    def passes(self, stored: StoredLetter) -> bool:
        """All but the time."""
        letter = stored.letter
        return (
            (not self.reasons or str(letter.reason) in self.reasons)
            and self.case in (None, letter.envelope.case)
            and (self.tenant is None or bounded_id(self.tenant) == letter.envelope.tenant_id)
        )


def seconds_of(option: str, text: str) -> float:
    """``90s``, ``30m``, ``2h``, ``7d`` or ``1w`` in seconds.

    Raises:
        UsageError: it is none.

    >>> seconds_of("--since", "1.5h")
    5400.0
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"{option} {text!r}: must be a time such as 90s, 30m, 2h, 7d")
    return float(found[1]) * _UNIT_S[found[2]]


def _point(text: str, now_ns: int) -> int:
    if _DURATION.fullmatch(text):
        return now_ns - int(seconds_of("--since", text) * 1e9)
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else _local(at)
    except ValueError:
        raise UsageError(
            f"--since {text!r}: must be a time such as 30m, 2h, 7d, or a date such as 2025-01-31"
        ) from None
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _local(at: datetime) -> datetime:
    """In the zone of this machine; in UTC where no clock of it goes so far."""
    try:
        return at.astimezone()
    except (ValueError, OverflowError, OSError):
        return at.replace(tzinfo=UTC)


def opened(path: Path) -> LetterDirectory:
    """The directory, if it can be read.

    Raises:
        UsageError: it can't.
    """
    directory = LetterDirectory(path)
    try:
        directory.names()
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    return directory


def sorted_out(
    directory: LetterDirectory, wanted: Filter, bad: list[BadLetter]
) -> Iterator[StoredLetter]:
    """The letters that are meant, oldest first; files that are none go to *bad*.

    Raises:
        UsageError: *wanted* names no time.
    """
    from_ns, before_ns = wanted.window(SystemClock().now_ns())

    def found() -> Iterator[StoredLetter]:
        for one in directory.letters():
            if isinstance(one, BadLetter):
                if from_ns <= int(one.name[:16], 16) < before_ns:
                    bad.append(one)
            elif from_ns <= one.at_ns < before_ns and wanted.passes(one):
                yield one

    return found()


def print_none(directory: LetterDirectory, wanted: Filter) -> bool:
    """Of a filter that lets none of the letters pass: so on stderr, with the case that was meant.

    Returns:
        False: there is no filter, or no letter.
    """
    count = len(directory.names())
    if wanted == Filter() or not count:
        return False
    there = {
        one.letter.envelope.case for one in directory.letters() if isinstance(one, StoredLetter)
    }
    meant = ""
    if wanted.case is not None and wanted.case not in there:
        near = nearest(wanted.case, there | set(TelemetryCase))
        meant = "" if near is None else f"; {wanted.case}: did you mean {near}?"
    print_error(f"no letter matches ({count:,} letters in {directory.path}){meant}")
    return True


# -- list -----------------------------------------------------------------------------------------


def list_letters(path: Path, wanted: Filter, *, as_json: bool) -> int:
    """Print a table of letters, without their payloads.

    Returns:
        The exit code.
    """
    bad: list[BadLetter] = []
    try:
        directory = opened(path)
        letters = sorted_out(directory, wanted, bad)
    except UsageError as error:
        print_error(str(error))
        return _USAGE
    print_found(directory, wanted, letters, bad, as_json=as_json)
    return _OK


def print_found(
    directory: LetterDirectory,
    wanted: Filter,
    letters: Iterator[StoredLetter],
    bad: list[BadLetter],
    *,
    as_json: bool,
) -> None:
    """What is listed; where that is nothing, why."""
    found = list(map(row_of, letters))
    _print_list(found, bad, as_json=as_json)
    if not found:
        print_none(directory, wanted)


def _print_list(found: list[dict[str, Any]], bad: list[BadLetter], *, as_json: bool) -> None:
    """Rows as a table, or as one line of JSON."""
    print_bad(bad)
    if as_json:
        skipped = [one._asdict() for one in bad]
        print(json.dumps({"letters": found, "unreadable": skipped}, separators=(",", ":")))
        return
    now_ns = SystemClock().now_ns()
    print_letters([_cells(row, now_ns) for row in found])
    print_advice(row["reason"] for row in found)


def row_of(stored: StoredLetter) -> dict[str, Any]:
    letter, envelope = stored.letter, stored.letter.envelope
    return {
        "id": stored.id,
        "at": stored.at_ns,
        "reason": str(letter.reason),
        "stage": letter.stage,
        "error": letter.error,
        "case": envelope.case,
        "tenant_id": envelope.tenant_id,
        "event_id": envelope.event_id,
        "measured": letter.measured,
        "attribution": letter.attribution,
        "replays": stored.replays,
    }


def _cells(row: dict[str, Any], now_ns: int) -> tuple[str, ...]:
    """Ids are those of the host's users: nothing in them reaches the terminal as it is (g29)."""
    reason = row["reason"] + (" (assumed)" if row["attribution"] else "")
    ids = [quote(row[key], safe="", errors="replace") for key in ("case", "tenant_id", "event_id")]
    age, stage = _age((now_ns - row["at"]) / 1e9), quote(row["stage"])
    again = f"; sent {row['replays'] + 1} times" if row["replays"] else ""
    return (
        f"{row['id']}  {age}  {reason}  {stage}",
        f"{ids[0]}  tenant {ids[1] or '(none)'}  event {ids[2]}",
        f"{printable(row['error']) or 'no more is known'}{again}",
    )


def _age(seconds: float) -> str:
    """In the largest unit of which there is one, rounded down.

    >>> _age(59.9), _age(3700), _age(200_000)
    ('59s', '1h', '2d')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0) // 1:.0f}s"


# -- show -----------------------------------------------------------------------------------------


def show_letter(path: Path, wanted_id: str) -> int:
    """Print one letter as JSON.

    Args:
        wanted_id: of the letter (or how it begins), or of the event.

    Returns:
        The exit code.
    """
    bad: list[BadLetter] = []
    event_id = bounded_id(wanted_id)
    try:
        found = [
            stored
            for stored in sorted_out(opened(path), Filter(), bad)
            if stored.id.startswith(wanted_id) or stored.letter.envelope.event_id == event_id
        ]
        stored = _only(found, wanted_id, path)
    except UsageError as error:
        print_bad([one for one in bad if one.name.startswith(wanted_id)])
        print_error(str(error))
        return _USAGE
    print(json.dumps(_whole(stored), indent=2))
    return _OK


def _only(found: list[StoredLetter], wanted_id: str, path: Path) -> StoredLetter:
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no letter {wanted_id!r} in {path}")
    ids = ", ".join(stored.id for stored in found[:5])
    raise UsageError(f"{len(found)} letters are meant by {wanted_id!r}: {ids}")


def _whole(stored: StoredLetter) -> dict[str, object]:
    letter, among = stored.letter, stored.letter.among
    assumed = among and {"rejected": among.rejected, "event_ids": list(among.event_ids)}
    return {
        **row_of(stored),
        "at_text": _time(stored.at_ns),
        "what_to_do": what_to_do(str(letter.reason)),
        "among": assumed,
        "process": {"id": stored.process, "pid": stored.pid, "serial": letter.serial},
        "envelope": _envelope(stored),
    }


def _envelope(stored: StoredLetter) -> dict[str, object]:
    envelope = stored.letter.envelope
    return {
        "case": envelope.case,
        "tenant_id": envelope.tenant_id,
        "event_id": envelope.event_id,
        "emitted_at": envelope.emitted_at,
        "context": _read(envelope.context),
        "payload": _read(envelope.payload),
        "payload_fallback": _plain(envelope.payload_fallback),
        "metadata": _plain(envelope.metadata),
    }


def _read(packed: bytes | None) -> object:
    try:
        return None if packed is None else _plain(unpack_map(packed))
    except EnvelopeError as error:
        return {"unreadable": str(error), "base64": _plain(packed)}


def _plain(value: object, depth: int = 0) -> object:
    """As JSON can say it: bytes in base64; numbers that are none, and what is too deep, as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and depth > _DEEPEST:
        return "..."
    if isinstance(value, dict):
        return {str(key): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    return value


def _time(at_ns: int) -> str:
    """Of any ns that a letter can hold."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")


# -- purge ----------------------------------------------------------------------------------------


def purge_letters(path: Path, wanted: Filter, *, sure: bool) -> int:
    """Remove letters for good, after asking.

    Files that are no whole letters are among them, unless it is asked for what only a letter says.

    Returns:
        The exit code.
    """
    bad: list[BadLetter] = []
    try:
        directory = opened(path)
        names = [stored.name for stored in sorted_out(directory, wanted, bad)]
        if not wanted.is_of_content:
            names += [one.name for one in bad]
        if not (sure or not names or _confirmed(len(names), path)):
            print_error("nothing was removed")
            return _NOT_ALL
    except UsageError as error:
        print_error(str(error))
        return _USAGE
    return _remove(directory, names)


def _confirmed(count: int, path: Path) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{count:,} letters would be removed: give --yes if they are to be")
    question = f"Remove {count:,} letters in {path} for good? [y/N] "
    print(printable(question), end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(directory: LetterDirectory, names: list[str]) -> int:
    removed, problem = 0, ""
    for name in names:
        try:
            removed += directory.remove(name)
        except OSError as error:
            problem = f"{name} can't be removed: {error.strerror}"
    print(f"{removed:,} letters removed")
    if problem:
        print_error(problem)
    return _NOT_ALL if problem else _OK
