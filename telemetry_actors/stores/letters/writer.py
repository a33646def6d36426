"""LetterWriter: letters on their way to the disk, on a thread of its own.

Whoever books a drop hands its letter over and goes on; what the disk does, or doesn't, is
nobody's wait. The queue is bounded in bytes. What can't be written (a full, read-only or
missing disk) is said once, counted, and costs that letter alone. The thread is there while
there is something to write.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence

from supervisors import Clock
from supervisors.system.clock import new_token, release
from supervisors.system.native import Lock, begin
from telemetry_actors.base.inside import inside_the_tree
from telemetry_actors.base.log import warn
from telemetry_actors.base.outage import Outage
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.settings import DeadLetterSettings
from telemetry_actors.stores.advice import for_directory, then
from telemetry_actors.stores.letters.directory import LetterDirectory
from telemetry_actors.stores.letters.form import StoredLetter
from telemetry_actors.stores.status import LetterFilesStatus

_Job = tuple[DeadLetter, int] | None
"""A letter and when it was handed in; None: make the directory ready."""


class LetterWriter:
    """Writes letters in the background.

    Args:
        directory: used by this writer's thread alone.
        queue_bytes: bytes of letters that may wait.
    """

    def __init__(
        self, directory: LetterDirectory, *, queue_bytes: int, clock: Clock, process: str
    ) -> None:
        self._directory = directory
        self._queue_bytes = queue_bytes
        self._clock = clock
        self._outage = Outage(f"dead letters in {directory.path}")
        self._process = process
        self._lock = Lock()
        self._queue: deque[_Job] = deque()
        self._bytes = 0
        self._running = False
        self._closed = False
        self._idle = new_token()
        self._written = 0
        self._unwritten = 0
        self._errors = 0
        self._problem = ""

    # -- any thread of the tree -------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the directory and see what is there, so that what is wrong is said at the start."""
        with self._lock:
            self._queue.append(None)
        self._run_if_needed()

    def offer(self, letters: Sequence[DeadLetter]) -> None:
        """Take *letters* over. Never waits for the disk; what finds no room is counted."""
        now_ns = self._clock.now_ns()
        with self._lock:
            for letter in letters:
                if self._closed or self._bytes + letter.size_bytes > self._queue_bytes:
                    self._unwritten += 1
                else:
                    self._queue.append((letter, now_ns))
                    self._bytes += letter.size_bytes
        self._run_if_needed()

    def state(self) -> LetterFilesStatus:
        """At this instant. ``written + unwritten + waiting`` is all that was handed in."""
        with self._lock:
            directory = self._directory
            return LetterFilesStatus(
                directory=str(directory.path),
                written=self._written,
                unwritten=self._unwritten,
                waiting=self._waiting(),
                evicted=directory.evicted,
                problem=self._problem,
                waiting_bytes=self._bytes,
                errors=self._errors,
                letters=directory.count,
                directory_bytes=directory.size_bytes,
            )

    def close(self, timeout_s: float) -> LetterFilesStatus:
        """Take no more, and wait until all is written, or for so long. What is left is counted."""
        with self._lock:
            self._closed = True
        self._run_if_needed()
        with self._lock:
            running = self._running
        if running:
            self._clock.wait(self._idle, timeout_s)
        with self._lock:
            left = self._waiting()
            self._queue.clear()
            self._bytes = 0
            self._unwritten += left
        if left:
            warn("%d dead letters had not been written when the time to stop was over", left)
        return self.state()

    def _waiting(self) -> int:
        """The one in hand is among them."""
        return sum(job is not None for job in self._queue)

    def _run_if_needed(self) -> None:
        with self._lock:
            if self._running or not self._queue:
                return
            self._running = True
        try:
            begin(self._run)
        except RuntimeError:  # with the next letter, or at the end, it is tried again
            with self._lock:
                self._running = False

    # -- its own thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        with inside_the_tree():
            while self._has_work():
                job = self._queue[0]
                problem = self._do(job)
                self._done(job, problem)
                self._tell(problem)

    def _has_work(self) -> bool:
        """False: the thread ends, and whoever hands in the next letter starts another."""
        with self._lock:
            if not self._queue:
                self._running = False
                if self._closed:
                    release(self._idle)
            return self._running

    def _do(self, job: _Job) -> str:
        """Write, or prepare; what went wrong, if anything did."""
        try:
            if job is None:
                self._directory.prepare(self._clock.now_ns())
            else:
                self._write(*job)
        except OSError as error:
            advice = for_directory(error, "TELEMETRY_ACTORS__DEAD_LETTERS__DIRECTORY")
            return then(error.strerror or type(error).__name__, advice)
        except Exception as error:  # noqa: BLE001 -- costs this letter, whatever it is
            return type(error).__name__
        return ""

    def _write(self, letter: DeadLetter, at_ns: int) -> None:
        stored = StoredLetter(letter, at_ns, self._process, os.getpid())
        self._directory.write(stored, self._clock.now_ns())

    def _done(self, job: _Job, problem: str) -> None:
        with self._lock:
            self._errors += bool(problem)
            if not self._queue or self._queue[0] is not job:
                return  # a stop that did not wait any longer has counted it
            self._queue.popleft()
            if job is None:
                return
            self._bytes -= job[0].size_bytes
            if problem:
                self._unwritten += 1
            else:
                self._written += 1

    def _tell(self, problem: str) -> None:
        """Not for each: a disk that is full is full for every letter."""
        self._problem, path = problem, self._directory.path
        if problem:
            words = (
                "dead letters can't be written to %s: %s; they are counted, and the last ones kept"
                " in memory"
            )
            self._outage.failed(self._clock.now_s(), words, path, problem)
        else:
            self._outage.over("dead letters are written to %s again", path)


def letters_of(settings: DeadLetterSettings, clock: Clock, process: str) -> LetterWriter | None:
    """The writer that *settings* ask for; None: no directory is set."""
    if settings.directory is None:
        return None
    directory = LetterDirectory(
        settings.directory,
        max_files=settings.max_files,
        max_bytes=settings.max_directory_bytes,
        max_age_s=settings.max_age_s,
    )
    return LetterWriter(directory, queue_bytes=settings.queue_bytes, clock=clock, process=process)
