"""The folder that this process writes to: its newest segment, its live page.

Everything here may raise `OSError`; what follows from it is the journal's to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from supervisors import Clock
from telemetry_actors.base.log import warn
from telemetry_actors.books.shards import Shards
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal._index import Index
from telemetry_actors.stores.journal._live import LivePage
from telemetry_actors.stores.journal._memory_folder import is_memory
from telemetry_actors.stores.journal._record import framed
from telemetry_actors.stores.journal._writer import Writer
from telemetry_actors.stores.journal.folder import Folder
from telemetry_actors.stores.journal.segment import Segment


class Home:
    """One at a time; a new one is made if the folder has been removed under our feet.

    Args:
        settings: of the journal, with a directory.
        cases: names by row of the books.
        shards: where `emit()` counts; moved to the live page when there is one.
        index: knows what is in the segments.
        finished: told of a segment of which nothing is left.
    """

    def __init__(
        self,
        settings: JournalSettings,
        cases: Sequence[str],
        clock: Clock,
        shards: Shards,
        index: Index,
        finished: Callable[[Segment], None],
    ) -> None:
        self._settings = settings
        self._cases = cases
        self._shards = shards
        self._index = index
        self._finished = finished
        self._writer = Writer(settings, clock)
        self._page: LivePage | None = None
        self._in_memory = True
        self._number = 0
        self.folder: Folder | None = None
        self.current: Segment | None = None
        """What is appended to."""

    def is_there(self) -> bool:
        """There is a folder of ours, and nobody has removed it."""
        return self.folder is not None and (self.folder.path / "lock").exists()

    def leave(self) -> list[Segment]:
        """Forget a folder that is gone. The segments that it held."""
        folder, self.folder = self.folder, None
        if folder is None:
            return []
        self._let_page_go()
        folder.close()
        return [s for s in self._index.segments() if s.path.parent == folder.path]

    def settle(self) -> None:
        """Make a new folder, and count in its live page from now on."""
        assert self._settings.directory is not None
        folder = Folder.create(self._settings.directory)
        try:
            page = LivePage(folder.path, self._cases, self._settings.memory_directory)
        except OSError:  # a folder without a page would never count what a crash costs
            folder.remove()
            raise
        self.folder, self._page = folder, page
        self._in_memory = is_memory(self._settings.memory_directory)
        if problem := self.page_problem():
            warn("%s", problem, of=problem)
        self._shards.use(page)
        self.mark()

    def page_problem(self) -> str:
        """What is wrong with where the accepted are counted; "" = nothing."""
        chosen = self._settings.memory_directory
        if self._page is not None and not self._page.outlives_us:
            why = "nothing known to be memory" if chosen is None else f"{chosen} can't be used"
            return f"what a kill -9 costs will not be counted: journal.memory_directory: {why}"
        if not self._in_memory:
            return (
                f"journal.memory_directory: {chosen} is a disk's: emit() stands still when it does"
            )
        return ""

    def begin_segment(self) -> None:
        """Append to a new one from now on."""
        assert self.folder is not None
        self.seal()
        self._number += 1
        path = self.folder.path / f"{self._number:010}.seg"
        self._writer.begin(path)
        self.current = Segment(self._index.new_uid(adopted=False), self._number, path)
        self._index.put(self.current)

    def seal(self) -> None:
        """Append no more to the present one."""
        segment, self.current = self.current, None
        if segment is not None and self._index.seal(segment):
            self._finished(segment)

    def append(self, bodies: Sequence[bytes]) -> tuple[Segment, int]:
        """Write *bodies* as records of one segment. It, and their bytes in all."""
        assert self.current is not None
        size = sum(map(len, bodies))
        if self.current.states and self.current.size_bytes + size > self._settings.segment_bytes:
            self.begin_segment()
        segment = self.current
        first = len(segment.states)
        data = b"".join([framed(number, body) for number, body in enumerate(bodies, first)])
        self._writer.append(data)
        return segment, len(data)

    def take_back(self) -> None:
        """What was appended last is not to be in the journal after all."""
        self._writer.take_back()

    def sync_if_due(self) -> float | None:
        """See `Writer.sync_if_due`."""
        return self._writer.sync_if_due()

    def mark(self) -> None:
        """Say in the live page what is safe now. No system call."""
        if self._page is None:
            return
        self._shards.refresh(self._page)
        number, records = self._number + 1, 0
        if self.current is not None:
            number, records = self.current.number, len(self.current.states)
        with self._index.lock:
            self._page.mark(number, records, self._index.safe)

    def count_unheld(self, by_case: Mapping[int, int]) -> None:
        """Outcomes of events that are not in the journal. Any thread."""
        page = self._page
        if page is None or not by_case:
            return
        with self._index.lock:
            for case, n in by_case.items():
                page.ended[case] += n

    def close(self) -> None:
        """Finish the segment; give the folder back, or remove it if nothing is left in it."""
        try:
            self._writer.finish()
        finally:
            self.seal()
            self.mark()
            if self.folder is not None:
                self._leave_to_the_next(self.folder)

    def _leave_to_the_next(self, folder: Folder) -> None:
        if self._index.files_in(folder.path):
            try:
                if self._page is not None:
                    self._page.lay_down()
            finally:
                self.forsake()
        else:
            folder.remove()
            self._let_page_go()

    def _let_page_go(self) -> None:
        page, self._page = self._page, None
        if page is not None:
            page.remove()

    def forsake(self) -> None:
        """In the child of a fork: all of it is the parent's. Nothing is written."""
        if self._page is not None:
            self._page.forsake()
        if self.folder is not None:
            self.folder.close()
