"""Finds folders that have lost their owner, and takes them over, a segment at a time.

The gateway's thread, so that nobody waits for a large journal to be read. What is found goes
into the index as pending and into the books as taken in; what is known to be missing is
booked as ``lost_on_crash``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from telemetry_actors._books import Books
from telemetry_actors._say import say, warn
from telemetry_actors.stores.journal._adoption import Adopted, adopt, lost_by_case, page_of
from telemetry_actors.stores.journal._folder import Folder, abandoned
from telemetry_actors.stores.journal._index import Index
from telemetry_actors.stores.journal._live import Lived
from telemetry_actors.stores.journal._segment import PENDING, Segment

__all__ = ["Adopter"]

_SOURCE = "journal"


class Adopter:
    """See the module.

    Args:
        directory: of the journal.
        cases: names by row of the books; the last is for unknown ones.
        serials: gives the next admission serial.
        index: gets what is found.
        books: told of it.
    """

    def __init__(
        self,
        directory: Path,
        cases: Sequence[str],
        serials: Callable[[], int],
        index: Index,
        books: Books,
    ) -> None:
        self._directory = directory
        self._rows = {case: row for row, case in enumerate(cases)}
        self._serials = serials
        self._index = index
        self._books = books
        self._folders: dict[Path, Folder] = {}
        self._done_reading: set[Path] = set()
        self._steps: Iterator[None] | None = self._adopt_all()
        self.recovered = 0
        self.lost = 0
        self.damaged = 0
        self.foreign: list[str] = []
        self.unreadable: list[str] = []

    def step(self) -> bool:
        """Read one more segment. False: there is nothing more to adopt."""
        if self._steps is None:
            return False
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            return False
        except OSError as error:
            warn("the journal can't adopt %s: %s", self._directory, error)
            self._steps = None
            return False
        return True

    @property
    def busy(self) -> bool:
        """There may be more to adopt."""
        return self._steps is not None

    def folders(self) -> list[Folder]:
        """Those that are ours at present."""
        return list(self._folders.values())

    def finished(self, path: Path) -> None:
        """A segment of the folder at *path* is done with; with the last one it is removed."""
        if path in self._done_reading and not self._index.files_in(path):
            folder = self._folders.pop(path, None)
            if folder is not None:
                folder.remove()

    def close(self) -> None:
        """Give all of them back."""
        self._steps = None
        for folder in self.folders():
            folder.close()
        self._folders.clear()

    def note_damage(self, events: int) -> None:
        """So many events could not be read when their time came."""
        self.damaged += events

    def problems(self) -> list[str]:
        """Sentences about what is wrong."""
        found = [f"the journal holds a file that is none of ours: {n}" for n in self.foreign]
        found += [f"the journal can't read {name}" for name in self.unreadable]
        if self.damaged:
            found.append(f"{self.damaged} events in the journal could not be read")
        return found

    # -- one folder after another -----------------------------------------------------------------

    def _adopt_all(self) -> Iterator[None]:
        for path in abandoned(self._directory):
            folder = Folder.take(path)
            if folder is None:
                continue
            try:
                yield from self._adopt(folder)
            except OSError as error:
                self.unreadable.append(f"{path.name} ({error.strerror or type(error).__name__})")
                warn("the journal can't adopt %s: %s", path, error)
                self._folders.pop(path, None)
                folder.close()

    def _adopt(self, folder: Folder) -> Iterator[None]:
        self._folders[folder.path] = folder
        lived = page_of(folder)
        beyond: Counter[str] = Counter()
        damaged = 0
        for adopted in adopt(folder, lived, self._rows, self._new_segment, self._serials):
            beyond += adopted.beyond
            damaged += adopted.damaged
            self._take_in(adopted)
            yield
        self._count_lost(folder, lived, beyond, damaged)
        for name in folder.foreign():
            self.foreign.append(f"{folder.path.name}/{name}")
        self._done_reading.add(folder.path)
        self.finished(folder.path)

    def _new_segment(self, number: int, path: Path) -> Segment:
        return Segment(self._index.new_uid(adopted=True), number, path)

    def _take_in(self, adopted: Adopted) -> None:
        segment = adopted.segment
        if adopted.foreign:
            self.foreign.append(f"{segment.path.parent.name}/{segment.path.name}")
            return
        cases = Counter(
            case
            for case, state in zip(segment.cases, segment.states, strict=True)
            if state == PENDING
        )
        if not cases:
            segment.path.unlink(missing_ok=True)
            segment.ack_path.unlink(missing_ok=True)
            return
        self._books.take_in(_SOURCE, cases)
        self._index.put(segment)
        self.recovered += cases.total()

    def _count_lost(
        self, folder: Folder, lived: Lived | None, beyond: Counter[str], damaged: int
    ) -> None:
        """Once: the page is removed, so that whoever adopts after us does not count again."""
        unknown = len(self._rows) - 1
        lost = Counter({unknown: damaged})
        if lived is not None:
            for case, n in lost_by_case(lived, beyond).items():
                lost[self._rows.get(case, unknown)] += n
        (folder.path / "live").unlink(missing_ok=True)
        self.damaged += damaged
        if lost.total():
            self.lost += lost.total()
            self._books.lose(lost)
            warn("%d events were lost when process %s ended", lost.total(), folder.path.name)
        if self.recovered:
            say("%d events of an earlier process are in the journal", self.recovered)
