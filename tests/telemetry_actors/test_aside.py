"""An errand on a thread of its own: done, refused, or never begun."""

import _thread
import threading

import pytest

from supervisors import SystemClock
from supervisors.errors import ChildStartError, ThreadRefused
from supervisors.thread import TreeThread
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.life.aside import Asked, run_aside
from telemetry_actors.lifecycle.exit import stop_all
from telemetry_actors.testing import RecordingSink

TENANT, APP = {"tenant_id": "acme"}, {"app_id": "a1"}
WITHIN_S = 5.0


@pytest.fixture
def no_memory(monkeypatch):
    """Threads that are started and find no memory for their first step."""

    def dies(run, args, *_more):
        return 1

    monkeypatch.setattr(_thread, "start_new_thread", dies)


@pytest.fixture
def refuse(monkeypatch):
    """Trees can't start threads of these names."""
    start, refused = TreeThread.start, set()

    def start_if_allowed(thread):
        if thread.name in refused:
            raise ThreadRefused(thread.name, "can't start new thread")
        start(thread)

    monkeypatch.setattr(TreeThread, "start", start_if_allowed)
    return refused


@pytest.fixture
def gateway():
    made = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    yield made
    made.stop(WITHIN_S)


def with_events(gateway, count=10):
    gateway._life.door.enqueuer.asleep = False  # as if the thread that builds it were at it
    assert all(gateway.emit("app_created", TENANT, APP) for _ in range(count))


def test_an_errand_that_is_under_way_or_done_has_come():
    go, over = threading.Event(), threading.Event()
    aside = run_aside(lambda: (go.wait(WITHIN_S), over.set()))
    assert not aside.never_came()
    go.set()
    assert over.wait(WITHIN_S)
    assert not aside.never_came()


def test_one_whose_thread_is_gone_has_never_come(no_memory):
    assert run_aside(lambda: None).never_came()


def test_what_is_asked_is_answered_where_it_was_asked_for():
    asked = Asked(threading.get_ident)
    asked.aside()

    assert asked.wait(SystemClock())
    assert asked.answer() != threading.get_ident()


@pytest.mark.parametrize("put", [Asked.aside, Asked.here])
def test_what_the_question_raises_is_raised_where_it_was_asked_for(put):
    asked = Asked(lambda: exec("raise SystemExit(3)"))
    put(asked)

    assert asked.wait(SystemClock())
    assert asked.given == []
    with pytest.raises(SystemExit, match="3"):
        asked.answer()


def test_it_is_waited_for_no_longer_than_until_the_deadline():
    clock, go = SystemClock(), threading.Event()
    asked = Asked(lambda: go.wait(WITHIN_S))
    asked.aside()

    assert not asked.wait(clock, clock.now_s())
    assert not asked.is_over
    go.set()
    assert asked.wait(clock, clock.now_s() + WITHIN_S)
    assert asked.answer() is True


def test_a_question_whose_thread_never_comes_is_waited_for_no_longer(no_memory):
    asked = Asked(lambda: 7)
    asked.aside()

    assert not asked.wait(SystemClock())
    asked.here()
    assert asked.answer() == 7


def test_whoever_wants_to_be_told_when_it_is_over_is():
    over = threading.Event()
    asked = Asked(lambda: 7, over.set)
    asked.aside()

    assert over.wait(WITHIN_S)
    assert asked.answer() == 7


@pytest.mark.timeout(30)
def test_a_start_whose_thread_never_comes_is_done_by_the_caller(gateway, no_memory):
    assert gateway.start() is gateway
    assert gateway.status().state == "running"


@pytest.mark.timeout(30)
def test_a_stop_whose_thread_never_comes_is_done_by_the_caller(gateway, no_memory):
    with_events(gateway)
    report = gateway.stop(WITHIN_S)
    assert report.drained
    assert gateway.status().state == "stopped"
    assert gateway.ledger().exported == 10
    assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["supervisors-watch", "supervisors", "root/sinks/logs"])
def test_g22_where_a_part_of_the_tree_is_refused_a_stop_delivers_on_the_callers_thread(
    gateway, refuse, name
):
    """There is a thread for the stop and for the building, and none for what is built."""
    refuse.add(name)
    with_events(gateway)
    with pytest.raises(ChildStartError, match="start new thread"):
        gateway.start()
    assert not gateway.flush(1)  # it goes on: with threads, some day
    assert gateway._life.running.given is None
    report = gateway.stop(WITHIN_S)
    assert report.drained
    assert gateway.ledger().exported == 10
    assert gateway.ledger().balanced()


@pytest.mark.timeout(30)
def test_the_thread_that_builds_rests_between_its_attempts_and_not_beyond_the_stop(gateway, refuse):
    refuse.add("supervisors")
    rests, over, stopping = threading.Event(), threading.Event(), gateway._stopping
    rest = stopping.rest

    def rest_for_long(_seconds):
        rests.set()
        rest(60)
        over.set()

    stopping.rest = rest_for_long
    assert gateway.emit("app_created", TENANT, APP)
    assert rests.wait(WITHIN_S)
    gateway.stop(WITHIN_S)
    assert over.wait(WITHIN_S)
    assert gateway.ledger().dropped == {"parked": 1}


# -- several at the end of the process ------------------------------------------------------------


class Ending:
    """Something to be stopped."""

    def __init__(self):
        self.given_s = []

    def _exit_timeout_s(self):
        return 10.0

    def _stop_at_exit(self, timeout_s):
        self.given_s.append(timeout_s)
        return timeout_s


def test_all_are_stopped_once_whichever_thread_is_refused(monkeypatch):
    """The second of three, for instance."""
    start, asked = TreeThread.start, []

    def all_but_the_first(thread):
        asked.append(thread)
        if len(asked) == 1:
            raise ThreadRefused(thread.name, "can't start new thread")
        start(thread)

    monkeypatch.setattr(TreeThread, "start", all_but_the_first)
    left = [Ending() for _ in range(4)]
    assert len(stop_all(left)) == 4
    assert [len(one.given_s) for one in left] == [1] * 4


def test_where_they_are_stopped_in_turn_the_first_has_its_share_and_no_more(monkeypatch):
    def none(thread):
        raise ThreadRefused(thread.name, "can't start new thread")

    monkeypatch.setattr(TreeThread, "start", none)
    left = [Ending(), Ending()]
    stop_all(left, 8.0)
    [first_s], [second_s] = (one.given_s for one in left)
    assert first_s <= 4.0
    assert 4.0 < second_s <= 8.0
