"""A journal with books and shards of its own, and no tree: the caller is the gateway's thread."""

import itertools
import shutil
from uuid import uuid4

from supervisors.testing import FakeClock
from telemetry_actors.books.books import Books, Listener
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ends import Drop, Ending
from telemetry_actors.books.ledger import Reason
from telemetry_actors.books.shards import Shards
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.settings import JournalSettings
from telemetry_actors.stores.journal import Journal
from telemetry_actors.stores.journal._memory_folder import files_called

CASES = ["app_created", "message_run", "unknown"]


class Rig:
    """One life of a process with a journal."""

    def __init__(self, directory, clock=None, *, opened=True, **settings):
        self.clock = clock or FakeClock()
        self.serials = itertools.count(1)
        self.shards = Shards(len(CASES))
        ended = Listener()
        self.books = Books(len(CASES), DeadLetters(10_000, 10**9), ended)
        settings = {"memory_directory": directory.parent / "memory", **settings}
        settings = JournalSettings(directory=directory, **settings)
        self.settings = settings
        self.journal = Journal(
            settings,
            process=uuid4().hex,
            cases=CASES,
            clock=self.clock,
            serials=self.serials.__next__,
            shards=self.shards,
            books=self.books,
        )
        ended.on_ended = self.journal.ended
        if opened:
            self.journal.open()

    def accept(self, *ids, case=0, payload=b"\x80"):
        """As `emit()` does."""
        items = []
        for event_id in ids:
            envelope = Envelope(
                CASES[case], "acme", event_id, self.clock.now_ns(), b"\x80", payload
            )
            items.append((Ticket(next(self.serials), case, 100), envelope))
            self.shards.mine().accepted[case] += 1
        return items

    def put(self, *ids, **options):
        """Accepted and durable."""
        return self.journal.append(self.accept(*ids, **options))

    def end(self, items, reason=None):
        """Outcomes: exported, or dropped."""
        drop = None if reason is None else Drop(Reason(reason), "test")
        self.books.end([Ending(item, drop) for item in items])
        self.journal._outcomes.note()  # the gateway's thread comes by

    def crash(self):
        """As far as the files are concerned this is ``kill -9``: nothing more is written."""
        self.journal.forsake()

    def adopt(self):
        """All that dead processes left. The ids, in the order of the replay."""
        while not self.journal.idle:
            self.journal.tick()
            if not self.journal._adopter.busy:
                break
        return self.replay()

    def replay(self):
        found = []
        while items := self.journal.next_replayed(3):
            self.journal.forwarded(items)
            found += items
        return found

    def read_back(self):
        found = []
        while items := self.journal.next_spilled(3):
            self.journal.forwarded(items)
            found += items
        return found

    @property
    def status(self):
        return self.journal.status()

    @property
    def dropped(self):
        return sum(self.books.dropped, start=type(self.books.dropped[0])())


def ids_of(items):
    return [envelope.event_id for _, envelope in items]


def left_by_a_crash(directory, ids, *, ended=(), lost=(), **settings):
    """A directory as ``kill -9`` leaves it."""
    rig = Rig(directory, **settings)
    items = rig.put(*ids)
    rig.end([item for item in items if item[1].event_id in ended])
    rig.accept(*lost)
    rig.crash()
    (folder,) = directory.iterdir()
    (page,) = files_called(rig.settings.memory_directory, folder.name)
    (folder / "live").write_bytes(page.read_bytes())  # where every version can read it
    return folder


def a_copy(directory, to):
    shutil.copytree(directory, to)
    (folder,) = to.iterdir()
    return folder
