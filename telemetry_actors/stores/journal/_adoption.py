"""Taking over what a process left behind when it ended: its folder, if its lock can be had.

What is read is not believed (g28): only records whose checksums are right and whose bodies are
envelopes count as recovered. What is known to have been there and can't be read is counted as
lost, with what the dead process had accepted and never put into its journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from telemetry_actors.event.envelope import is_of_later_version
from telemetry_actors.stores.journal._acks import MEASURED, acked
from telemetry_actors.stores.journal._live import Lived
from telemetry_actors.stores.journal._reader import envelope_of
from telemetry_actors.stores.journal._record import HEAD_BYTES, MARK, is_newer, most_records
from telemetry_actors.stores.journal.folder import Folder
from telemetry_actors.stores.journal.segment import DONE, PENDING, Segment


class NewerVersion(Exception):
    """A version after this one has written it: it is left alone, and nothing of it is lost."""


class Adopted(NamedTuple):
    """One segment of a folder that was taken over."""

    segment: Segment
    damaged: int
    """Events that are known to have been in it without an outcome, and can't be read."""
    beyond: Counter[str]
    """Events by case after the position up to which the live page counts."""
    foreign: bool
    """Nothing in the file looks like ours; it is left as it is."""


def check_version(folder: Folder) -> None:
    """Look at the first event of each segment, before anything is done to any.

    Raises:
        NewerVersion: it is not ours to touch.
        OSError: a file can't be read.
    """
    for _, path in folder.segments():
        segment = Segment(0, 0, path)
        if is_newer(_start_of(path)):
            raise NewerVersion
        body = next((found.body for found in segment.read() if found.body is not None), None)
        if body is not None and is_of_later_version(body):
            raise NewerVersion


def adopt(
    folder: Folder,
    lived: Lived | None,
    cases: Mapping[str, int],
    new_segment: Callable[[int, Path], Segment],
    serials: Callable[[], int],
) -> Iterator[Adopted]:
    """Each segment of *folder*, read through once.

    Args:
        folder: locked by us.
        cases: rows of the books by case; an unknown case has the last row.
        new_segment: makes a segment of its number and path.

    Raises:
        OSError: a file can't be read.
    """
    for number, path in folder.segments():
        yield _read(new_segment(number, path), lived, cases, serials)


def _read(
    segment: Segment, lived: Lived | None, cases: Mapping[str, int], serials: Callable[[], int]
) -> Adopted:
    done, measured = _acks_of(segment)
    found: dict[int, tuple[int, int]] = {}
    beyond: Counter[str] = Counter()
    for number, _end, body in segment.read():
        envelope = envelope_of(body)
        if envelope is None or number in found:
            continue
        found[number] = (cases.get(envelope.case, len(cases) - 1), envelope.emitted_at)
        if _is_beyond(segment.number, number, lived):
            beyond[envelope.case] += 1
    highest = max(found, default=-1) + 1
    if lived is not None and segment.number == lived.segment:
        # Up to here they were there; a forged number is no reason to make room for more.
        highest = max(highest, min(lived.records, most_records(segment.path.stat().st_size)))
    damaged = 0
    for number in range(highest):
        case, born_ns = found.get(number, (0, 0))
        pending = number in found and number not in done
        damaged += number not in found and number not in done
        segment.add([serials() if pending else 0], [case], PENDING if pending else DONE, born_ns)
    segment.measured = measured
    segment.sealed = True
    segment.size_bytes = segment.path.stat().st_size
    segment.born_ns = min((born for _, born in found.values()), default=0)
    return Adopted(segment, damaged, beyond, not found and not _looks_like_ours(segment.path))


def _acks_of(segment: Segment) -> tuple[set[int], set[int]]:
    done, measured = set(), set()
    for value in acked(segment.ack_path):
        if value & MEASURED:
            measured.add(value ^ MEASURED)
        else:
            done.add(value)
    return done, measured


def _is_beyond(segment: int, number: int, lived: Lived | None) -> bool:
    return lived is not None and (segment, number) >= (lived.segment, lived.records)


def _looks_like_ours(path: Path) -> bool:
    return _start_of(path)[: len(MARK)] in (MARK, b"")


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def lost_by_case(lived: Lived, beyond: Counter[str]) -> Counter[str]:
    """Events that the dead process accepted, and that had neither journal nor outcome.

    Never below 0: an event may have been in the journal before its thread had counted it.
    """
    lines = zip(lived.cases, lived.accepted, lived.safe, lived.ended, strict=True)
    lost = {case: a - safe - ended - beyond[case] for case, a, safe, ended in lines}
    return Counter({case: n for case, n in lost.items() if n > 0})
