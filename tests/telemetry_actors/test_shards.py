"""One shard per thread: no count is lost, whichever threads come and go."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from telemetry_actors.books import shards as _shards
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.shards import ADMISSIONS, Shards, column


@pytest.fixture
def shards(monkeypatch):
    """Shards of three cases, folded as soon as there are more than four."""
    monkeypatch.setattr(_shards, "_FOLD_ABOVE", 4)
    return Shards(3)


@contextmanager
def together(count: int, work) -> Iterator[None]:
    """So many threads that live at the same time (so each has an ident of its own)."""
    everyone_there = threading.Barrier(count + 1)

    def run(number):
        everyone_there.wait(5)
        work(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    yield everyone_there.wait(5)
    for thread in threads:
        thread.join()


def count_in_turn(shards, row, times):
    for _ in range(times):
        shard = shards.mine()
        shard.emitted[row] += 1
        shard.accepted[row] += 1
        shard.refused[column(row, Admission.PARKED)] += 1


def test_a_thread_always_has_the_same_shard_and_another_one_another(shards):
    seen = []
    with together(2, lambda _: seen.append((shards.mine(), shards.mine()))):
        seen.append((shards.mine(), shards.mine()))

    assert all(first is second for first, second in seen)
    assert len({id(first) for first, _ in seen}) == 3


def test_shards_of_dead_threads_are_folded_and_nothing_is_lost(shards):
    for round_ in range(1, 6):
        with together(10, lambda n: count_in_turn(shards, n % 3, times=100)):
            pass
        for _ in range(3):  # taken out, then folded, then neither
            total = shards.snapshot()
            assert sum(total.emitted) == sum(total.refused) == round_ * 1000
            assert total.accepted == total.emitted
            assert total.emitted == [round_ * 400, round_ * 300, round_ * 300]

    assert len(shards.by_thread) <= 4


def test_a_thread_that_got_its_shard_just_before_it_was_taken_out_loses_no_count(shards):
    """It has the ident of a dead one, and so its shard; it steps after a look, before the next."""
    held = []
    with together(6, lambda _: held.append(shards.mine())):
        pass

    for look in range(1, 4):
        if look == 2:
            held[0].emitted[1] += 1
        assert shards.snapshot().emitted == [0, int(look >= 2), 0]


def test_the_shards_of_living_threads_stay_theirs(shards):
    finished = threading.Event()

    def stay(_):
        shard = shards.mine()
        shard.emitted[0] += 1
        finished.wait(5)
        assert shards.mine() is shard
        shard.emitted[0] += 1

    with together(8, stay):
        pause = threading.Event()
        while shards.snapshot().emitted[0] < 8:
            pause.wait(0.001)
        finished.set()

    assert shards.snapshot().emitted[0] == 16


def test_a_first_call_that_is_interrupted_by_another_gets_the_same_shard(shards):
    """A signal handler emits between the look and the making."""

    class Interrupted(dict):
        inner = None

        def get(self, key):
            found = super().get(key)
            if self.inner is None:
                self.inner = "on its way"
                self.inner = shards.mine()
            return found

    shards.by_thread = Interrupted()

    assert shards.mine() is shards.by_thread.inner


def test_every_admission_of_every_case_has_a_cell_of_its_own(shards):
    cells = [column(row, admission) for row in range(3) for admission in Admission]

    assert sorted(cells) == list(range(3 * len(ADMISSIONS)))
    assert len(shards.mine().refused) == len(cells)


def test_trace_managers_are_summed_up_as_well(shards):
    with together(6, lambda n: shards.mine().given.__setitem__(0, n)):
        pass
    for _ in range(3):
        assert shards.snapshot().given == [0 + 1 + 2 + 3 + 4 + 5, 0]
