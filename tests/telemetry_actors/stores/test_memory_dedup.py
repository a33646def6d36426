"""Claims in memory: exact within the window, bounded, and given up by nobody but their holder."""

import threading
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from supervisors.testing import FakeClock
from telemetry_actors.ports import DedupStore
from telemetry_actors.stores import MemoryDedupStore

TTL_S = 3600.0


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    """Remembers ids for an hour, a hundred at most."""
    return MemoryDedupStore(TTL_S, 100, clock)


def claim(store, event, serial=1, tenant="t"):
    return store.claim([(tenant, event, serial)])[0]


def test_the_first_serial_gets_the_claim_and_another_one_does_not(store):
    assert claim(store, "e", serial=1)
    assert not claim(store, "e", serial=2)


def test_the_same_serial_meets_its_own_claim_and_passes(store):
    """A stage that crashed after claiming redoes the step (g14)."""
    assert claim(store, "e", serial=1)
    assert claim(store, "e", serial=1)


def test_an_id_is_a_tenants_own(store):
    assert claim(store, "e", serial=1, tenant="acme")
    assert claim(store, "e", serial=2, tenant="other")


def test_repeats_within_one_batch_are_found(store):
    assert store.claim([("t", "e", 1), ("t", "e", 2), ("t", "f", 3), ("t", "e", 1)]) == [
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("later_s", "first"), [(TTL_S, False), (TTL_S + 0.001, True)])
def test_a_claim_exactly_as_old_as_the_window_still_counts(store, clock, later_s, first):
    claim(store, "e", serial=1)
    clock.advance(later_s)

    assert claim(store, "e", serial=2) is first


def test_a_repeat_does_not_prolong_the_window(store, clock):
    claim(store, "e", serial=1)
    clock.advance(TTL_S)
    claim(store, "e", serial=2)
    claim(store, "e", serial=1)
    clock.advance(1.0)

    assert claim(store, "e", serial=3)


def test_an_id_that_was_claimed_anew_counts_from_then_on(store, clock):
    claim(store, "e", serial=1)
    clock.advance(TTL_S + 1)
    claim(store, "e", serial=2)
    clock.advance(TTL_S)

    assert not claim(store, "e", serial=3)


def test_a_claim_survives_the_rotations_that_happen_within_its_window(store, clock):
    clock.advance(TTL_S * 0.9)
    claim(store, "early", serial=1)  # the young table is nearly a window old already
    clock.advance(TTL_S * 0.2)
    claim(store, "later", serial=2)  # rotates
    clock.advance(TTL_S * 0.8)

    assert not claim(store, "early", serial=3)


def test_old_claims_are_forgotten_with_time_and_not_only_overlooked(store, clock):
    for n in range(40):
        claim(store, f"e{n}", serial=n)
    for _ in range(2):
        clock.advance(TTL_S + 1)
        claim(store, "new", serial=100)

    assert len(store) == 1


def test_no_more_than_the_bound_are_kept_and_the_newest_half_for_certain(store):
    for n in range(1000):
        claim(store, f"e{n}", serial=n)
        assert len(store) <= 100

    assert not any(claim(store, f"e{n}", serial=-1) for n in range(950, 1000))


def test_a_released_claim_is_free(store):
    claim(store, "e", serial=1)
    store.release([("t", "e", 1)])

    assert claim(store, "e", serial=2)


def test_only_the_holder_can_release(store):
    claim(store, "e", serial=1)
    store.release([("t", "e", 2), ("other", "e", 1), ("t", "f", 1)])

    assert not claim(store, "e", serial=2)


def test_a_claim_of_the_old_table_is_released_as_well(store):
    claim(store, "e", serial=1)
    for n in range(60):
        claim(store, f"more{n}", serial=n + 10)
    assert not claim(store, "e", serial=2)
    store.release([("t", "e", 1)])

    assert claim(store, "e", serial=2)


def test_of_many_threads_one_is_first(store):
    start = threading.Barrier(8)
    firsts = []

    def work(serial):
        start.wait(5)
        firsts.extend(store.claim([("t", f"e{n}", serial) for n in range(40)]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(firsts) == [False] * 280 + [True] * 40


def test_it_is_a_dedup_store(store):
    typed: DedupStore = store
    assert typed.claim([]) == []


# -- against a reference --------------------------------------------------------------------------


class Reference:
    """Ten lines: every claim with its time, in the order in which they were made."""

    def __init__(self):
        self.claims = {}

    def claim(self, event, serial, now_s):
        held = self.claims.get(event)
        if held is not None and now_s - held[1] <= TTL_S:
            return held[0] == serial
        self.claims.pop(event, None)
        self.claims[event] = (serial, now_s)
        return True

    def release(self, event, serial):
        if event in self.claims and self.claims[event][0] == serial:
            del self.claims[event]


EVENTS = st.sampled_from("abcdefghij")
SERIALS = st.integers(1, 3)


class Exact(RuleBasedStateMachine):
    """With room enough the store is the reference."""

    max_ids = 1000

    @initialize()
    def begin(self):
        self.clock = FakeClock()
        self.store = MemoryDedupStore(TTL_S, self.max_ids, self.clock)
        self.reference = Reference()

    @rule(events=st.lists(st.tuples(EVENTS, SERIALS), min_size=1, max_size=6))
    def claim(self, events):
        now_s = self.clock.now_s()
        expected = [self.reference.claim(event, serial, now_s) for event, serial in events]
        assert self.store.claim([("t", *pair) for pair in events]) == expected

    @rule(event=EVENTS, serial=SERIALS)
    def release(self, event, serial):
        self.reference.release(event, serial)
        self.store.release([("t", event, serial)])

    @rule(share=st.sampled_from([0.1, 0.5, 1.0, 1.0001]))
    def advance(self, share):
        self.clock.advance(TTL_S * share)


class Bounded(RuleBasedStateMachine):
    """With little room it may forget: the oldest first, and never one of the newest half."""

    max_ids = 6

    @initialize()
    def begin(self):
        self.serials = count()
        self.clock = FakeClock()
        self.store = MemoryDedupStore(TTL_S, self.max_ids, self.clock)
        self.reference = Reference()
        self.made = []  # every claim that was the first, released later or not

    @rule(event=EVENTS)
    def claim(self, event):
        now_s, serial = self.clock.now_s(), next(self.serials)
        certain = self.made[-self.max_ids // 2 :]
        first = self.store.claim([("t", event, serial)])[0]
        if first:
            self.made.append(event)
        held = self.reference.claims.get(event)
        if event in certain or held is None:
            assert first is self.reference.claim(event, serial, now_s)
        elif first:  # too old, or forgotten: from now on it is the new one's
            del self.reference.claims[event]
            self.reference.claim(event, serial, now_s)

    @precondition(lambda self: self.reference.claims)
    @rule(data=st.data())
    def release(self, data):
        event = data.draw(st.sampled_from(sorted(self.reference.claims)))
        serial = self.reference.claims[event][0]
        self.reference.release(event, serial)
        self.store.release([("t", event, serial)])

    @rule(share=st.sampled_from([0.1, 0.5, 1.0001]))
    def advance(self, share):
        self.clock.advance(TTL_S * share)

    @invariant()
    def it_is_bounded(self):
        if hasattr(self, "store"):
            assert len(self.store) <= self.max_ids


TestWithRoomItIsTheReference = Exact.TestCase
TestWithLittleRoomItForgetsTheOldest = Bounded.TestCase
TestWithRoomItIsTheReference.settings = settings(max_examples=60)
TestWithLittleRoomItForgetsTheOldest.settings = settings(max_examples=60)
