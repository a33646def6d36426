"""Hands do what may block, on few threads, and are gone when there is nothing to do."""

import threading

import pytest

from telemetry_actors.base.inside import THREADS
from telemetry_actors.stores import jobs as _hands
from telemetry_actors.stores.jobs import Errand, Hands
from tests.telemetry_actors.promises.stores import until


@pytest.fixture
def hands():
    made = Hands("test-hands", 2)
    yield made
    assert made.close(5.0) == 0


def done(errand):
    errand.done = True


def test_work_is_done_on_another_thread_inside_the_tree(hands):
    errand = Errand(lambda: (threading.get_ident(), set(THREADS)), done, 0.0)
    hands.give(errand)
    until(lambda: errand.done)
    ident, inside = errand.result

    assert ident != threading.get_ident()
    assert ident in inside


def test_whatever_is_raised_is_kept(hands):
    def leave():
        raise SystemExit(3)

    errand = Errand(leave, done, 0.0)
    hands.give(errand)
    until(lambda: errand.done)

    assert isinstance(errand.error, SystemExit)


def test_no_more_threads_than_allowed_and_none_without_work(hands):
    assert hands._threads == []
    release, names = threading.Event(), []

    def work():
        names.append(threading.current_thread().ident)
        release.wait(5)

    errands = [Errand(work, done, 0.0) for _ in range(5)]
    for errand in errands:
        hands.give(errand)
    until(lambda: len(names) == 2)
    release.set()
    until(lambda: all(errand.done for errand in errands))

    assert len(set(names)) == 2


def test_a_thread_without_work_leaves_and_another_comes_when_there_is_some(monkeypatch, hands):
    monkeypatch.setattr(_hands, "_IDLE_S", 0.01)
    for _ in range(3):
        errand = Errand(lambda: 1, done, 0.0)
        hands.give(errand)
        until(lambda: errand.done)  # noqa: B023 -- within its turn
        until(lambda: hands._threads == [])


def test_without_threads_it_is_done_at_once():
    errand = Errand(threading.get_ident, done, 0.0)
    Hands("none", 0).give(errand)

    assert errand.done
    assert errand.result == threading.get_ident()


def test_a_thread_that_is_stuck_is_left_behind_in_time():
    hands, release = Hands("stuck", 1), threading.Event()
    hands.give(Errand(lambda: release.wait(5), done, 0.0))

    assert hands.close(0.05) == 1
    release.set()


def test_where_no_thread_can_be_started_it_is_said(monkeypatch):
    def none(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(RuntimeError):
        Hands("none", 1).give(Errand(lambda: 1, done, 0.0))
