"""Finds folders that have lost their owner, and takes them over, a segment at a time.

The gateway's thread, so that nobody waits for a large journal to be read. What is found goes
into the index as pending and into the books as taken in; what is known to be missing is
booked as ``lost_on_crash``. It looks again every few seconds: a process may be killed while
we live, and its lock may be held a moment longer by a child of it. Each folder stands for
itself: what is wrong with one is said once, and hinders no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from supervisors import Clock
from telemetry_actors.base.log import say, warn
from telemetry_actors.books.books import Books
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal._adoption import (
    Adopted,
    NewerVersion,
    adopt,
    check_version,
    lost_by_case,
)
from telemetry_actors.stores.journal._index import Index
from telemetry_actors.stores.journal._live import Lived, PageGone, forget_live, read_live
from telemetry_actors.stores.journal.folder import Folder, abandoned
from telemetry_actors.stores.journal.segment import PENDING, Segment

_SOURCE = "journal"
LOOK_AGAIN_S = 5.0
"""Seconds between two looks for folders that have lost their owner."""


class Adopter:
    """See the module.

    Args:
        settings: of the journal, with a directory.
        cases: names by row of the books; the last is for unknown ones.
        index: gets what is found.
    """

    def __init__(
        self,
        settings: JournalSettings,
        cases: Sequence[str],
        clock: Clock,
        serials: Callable[[], int],
        index: Index,
        books: Books,
    ) -> None:
        assert settings.directory is not None
        self._directory = settings.directory
        self._pages = settings.memory_directory
        self._rows = {case: row for row, case in enumerate(cases)}
        self._clock = clock
        self._serials = serials
        self._index = index
        self._books = books
        self._folders: dict[Path, Folder] = {}
        self._done_reading: set[Path] = set()
        self._left_alone: set[Path] = set()
        """Those that can't be read, or not be removed: said once, and not tried again in this
        life."""
        self._taken_in: dict[Path, set[Path]] = {}
        """By folder, files with events that are ours. One stays until its outcomes are noted, which
        is a while after the index has done with it."""
        self._steps: Iterator[None] | None = self._adopt_all()
        self._look_again_s = 0.0
        self.waiting = 0
        """Folders of ended processes that are still to be read, as far as we have looked."""
        self.recovered = 0
        self.lost = 0
        self.unknown = 0
        """Ended processes of which nobody knows how many events they lost."""
        self.damaged = 0
        self.foreign: list[str] = []
        self.unreadable: list[str] = []

    def step(self, *, ill: bool = False) -> bool:
        """Read one more segment. False: there is nothing more to adopt, for now.

        Args:
            ill: the journal fails, which has been said: its directory is not told again.
        """
        if self._steps is None:
            if self._clock.now_s() < self._look_again_s:
                return False
            self._steps = self._adopt_all()
        try:
            next(self._steps)
        except StopIteration:
            self._rest()
            return False
        except OSError as error:
            if not ill:
                self._say_once(self._directory, error.strerror or type(error).__name__)
            self._rest()
            return False
        return True

    def _rest(self) -> None:
        self._steps = None
        self._look_again_s = self._clock.now_s() + LOOK_AGAIN_S

    @property
    def busy(self) -> bool:
        """There is more to adopt, or nobody has looked yet."""
        return self._steps is not None

    def folders(self) -> list[Folder]:
        """Those that are ours at present."""
        return list(self._folders.values())

    def finished(self, segment: Path) -> None:
        """The file *segment* has been removed; with the last one its folder is."""
        self._taken_in.get(segment.parent, set()).discard(segment)
        self._remove_if_done(segment.parent)

    def _remove_if_done(self, path: Path) -> None:
        if path not in self._done_reading or self._taken_in.get(path):
            return
        folder = self._folders.pop(path, None)
        if folder is not None:
            self._done_reading.discard(path)
            self._taken_in.pop(path, None)
            folder.remove()
            if path.exists():  # for what is none of ours; it would be taken over again and again
                self._left_alone.add(path)

    def close(self) -> None:
        """Give all of them back."""
        self._steps = None
        self._look_again_s = float("inf")
        for folder in self.folders():
            folder.close()
        self._folders.clear()

    def counts(self) -> dict[str, int]:
        """Fields of `JournalStatus` by name. Any thread."""
        return {
            "recovered": self.recovered,
            "lost_on_crash": self.lost,
            "lost_unknown": self.unknown,
            "adoptable": self.waiting,
            "damaged": self.damaged,
            "refused_folders": len(self._left_alone),
            "foreign_files": len(self.foreign),
        }

    def note_damage(self, events: int) -> None:
        """So many events could not be read when their time came."""
        self.damaged += events

    def problems(self) -> list[str]:
        """Sentences about what is wrong."""
        found = [f"the journal holds a file that is none of ours: {n}" for n in self.foreign]
        found += [f"the journal can't adopt {name}" for name in self.unreadable]
        if self.damaged:
            found.append(f"{self.damaged} events in the journal could not be read")
        return found

    # -- one folder after another -----------------------------------------------------------------

    def _adopt_all(self) -> Iterator[None]:
        for path in abandoned(self._directory):
            if path in self._folders or path in self._left_alone:
                continue
            try:
                folder = Folder.take(path)
                if folder is not None:
                    self.waiting += 1
                    yield from self._adopt(folder)
            except NewerVersion:
                self._leave_alone(path, "a later version has written it; that one can read it")
            except OSError as error:
                self._leave_alone(path, error.strerror or type(error).__name__)
            self.waiting = 0

    def _leave_alone(self, path: Path, why: str) -> None:
        self._left_alone.add(path)
        self._say_once(path, why)
        if self._taken_in.get(path):  # what was read of it is ours, until it has its outcome
            self._done_reading.add(path)
            return
        folder = self._folders.pop(path, None)
        if folder is not None:
            folder.close()

    def _say_once(self, path: Path, why: str) -> None:
        words = f"{path.name} ({why})"
        if words not in self.unreadable:
            self.unreadable.append(words)
            warn("the journal can't adopt %s: %s", path, why)

    def _adopt(self, folder: Folder) -> Iterator[None]:
        self._folders[folder.path] = folder
        check_version(folder)
        lived, known = self._page_of(folder)
        beyond: Counter[str] = Counter()
        damaged = 0
        for adopted in adopt(folder, lived, self._rows, self._new_segment, self._serials):
            beyond += adopted.beyond
            damaged += adopted.damaged
            self._take_in(adopted)
            yield
        self._count_lost(folder, lived, beyond, damaged)
        if not known:
            self._note_unknown(folder)
        for name in folder.foreign():
            self.foreign.append(f"{folder.path.name}/{name}")
        self._done_reading.add(folder.path)
        self._remove_if_done(folder.path)

    def _page_of(self, folder: Folder) -> tuple[Lived | None, bool]:
        """What it says; and whether it can be known."""
        try:
            return read_live(folder.path, self._pages), True
        except (PageGone, OSError):  # a bad page costs the number, never the events
            return None, False

    def _note_unknown(self, folder: Folder) -> None:
        self.unknown += 1
        warn(
            "how many events were lost when process %s ended is not known: its count was in memory"
            " that is gone (journal.memory_directory)",
            folder.path.name,
        )

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
        segment.since_s = self._clock.now_s()
        self._taken_in.setdefault(segment.path.parent, set()).add(segment.path)
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
        with suppress(OSError):  # it is no file of ours, then
            forget_live(folder.path, self._pages)
        self.damaged += damaged
        if lost.total():
            self.lost += lost.total()
            self._books.lose(lost)
            warn("%d events were lost when process %s ended", lost.total(), folder.path.name)
        if self.recovered:
            say("%d events of an earlier process are in the journal", self.recovered)
