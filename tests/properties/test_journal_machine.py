"""The journal against a model of ten lines: a list of ids, in order, and what became of them."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.telemetry_actors.stores.journal.rig import Rig, ids_of

SMALL = {"segment_bytes": 500, "max_bytes": 10**9}


class Machine(RuleBasedStateMachine):
    """Append, end, spill, read back, crash, adopt; now and then accept without appending."""

    caps = SMALL

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.rig = Rig(self.directory, **self.caps)
        self.number = 0
        self.in_memory = []
        self.on_disk = []
        self.lost = 0
        """Accepted, and neither durable nor ended."""

    def teardown(self):
        self.rig.crash()
        shutil.rmtree(self.directory)

    def ids(self, count):
        self.number += count
        return [f"{n:05}" for n in range(self.number - count, self.number)]

    @rule(count=st.integers(1, 6))
    def append(self, count):
        self.in_memory += self.rig.put(*self.ids(count))

    @rule(count=st.integers(1, 3))
    def accept_only(self, count):
        self.rig.accept(*self.ids(count))
        self.lost += count

    @rule(data=st.data())
    def end_some(self, data):
        ended = data.draw(st.sets(st.sampled_from(range(len(self.in_memory) or 1))))
        items = [item for n, item in enumerate(self.in_memory) if n in ended]
        self.in_memory = [item for n, item in enumerate(self.in_memory) if n not in ended]
        self.rig.end(items)

    @rule(count=st.integers(1, 6))
    def append_and_spill(self, count):
        items = self.rig.put(*self.ids(count))
        self.rig.journal.spill(items)
        self.on_disk += items

    @rule()
    def read_back(self):
        back = self.rig.read_back()
        assert ids_of(back) == ids_of(self.on_disk)
        self.in_memory += back
        self.on_disk = []

    @rule()
    def crash_and_adopt(self):
        expected = sorted(ids_of(self.in_memory + self.on_disk))
        self.rig.crash()
        self.rig = Rig(self.directory, **self.caps)
        adopted = self.rig.adopt()
        assert sorted(ids_of(adopted)) == expected
        assert self.rig.status.lost_on_crash == self.lost
        assert self.rig.dropped.get("lost_on_crash", 0) == self.lost
        self.in_memory, self.on_disk, self.lost = adopted, [], 0

    @invariant()
    def it_holds_what_the_model_holds(self):
        assert self.rig.status.held == len(self.in_memory) + len(self.on_disk)
        assert self.rig.journal.backlog == len(self.on_disk)


class CappedMachine(RuleBasedStateMachine):
    """The same with caps: what they cost is counted, and bytes stay within them."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.caps = {"segment_bytes": 400, "max_bytes": 1_500}
        self.rig = Rig(self.directory, **self.caps)
        self.items = []
        self.number = 0

    def teardown(self):
        self.rig.crash()
        shutil.rmtree(self.directory)

    @rule(count=st.integers(1, 5))
    def append(self, count):
        self.number += count
        self.items += self.rig.put(*(f"{self.number - n}" for n in range(count)))

    @rule(data=st.data())
    def end_some(self, data):
        count = data.draw(st.integers(0, len(self.items)))
        ended, self.items = self.items[:count], self.items[count:]
        self.rig.end(ended)

    @rule()
    def crash_and_adopt(self):
        held = [i for i in self.items if self.rig.journal.holds(i[0].place)]
        self.rig.crash()
        self.rig = Rig(self.directory, **self.caps)
        adopted = self.rig.adopt()
        assert sorted(ids_of(adopted)) == sorted(ids_of(held))
        own = [i for i in self.items if not (i[0].place or 0) >> 62]
        lost = [i for i in own if i not in held]
        assert self.rig.status.lost_on_crash == len(lost)
        self.items = adopted

    @invariant()
    def it_stays_within_its_caps(self):
        assert self.rig.status.journal_bytes <= 1_500 + 2 * 800
        held = sum(self.rig.journal.holds(i[0].place) for i in self.items)
        assert self.rig.status.held == held


pytestmark = pytest.mark.timeout(60)
TestJournal = Machine.TestCase
TestJournal.settings = settings(max_examples=40, stateful_step_count=30)
TestCappedJournal = CappedMachine.TestCase
TestCappedJournal.settings = settings(max_examples=30, stateful_step_count=30)
