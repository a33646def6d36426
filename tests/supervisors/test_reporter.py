"""When reports are told: bounded per place and in all, on a thread that nobody waits for."""

import logging
import threading

import pytest

from supervisors import ChildSpec, Report, Runtime, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.errors import ThreadRefused
from supervisors.run._reporter import Reporter
from supervisors.testing import DeterministicRuntime, FakeClock, crash, settle

WITHIN_S = 5


class Told:
    """A runtime, for a `Reporter` without threads."""

    def __init__(self):
        self.clock, self.reports_at_once = FakeClock(), 5
        self.told = []
        self.reporter = Reporter(self, threaded=False)

    def report(self, report):
        self.told.append(report)

    def crash(self, kind="a", error=None):
        self.reporter.report(
            kind,
            lambda: Report("crashed", logging.ERROR, f"child {kind}", "a", 1, "crashed", "", error),
        )


def test_five_of_a_kind_are_told_and_then_how_many_there_were():
    tree = Told()
    for _ in range(5000):
        tree.crash()
    assert [report.kind for report in tree.told] == ["crashed"] * 5

    tree.clock.advance(60)
    tree.crash(error=ValueError("secret"))
    assert [str(report) for report in tree.told[5:]] == [
        "child a crashed (4995 more in the last minute, left out here)",
        "child a crashed: ValueError('secret')",
    ]


def test_a_count_names_the_type_and_keeps_no_error():
    tree = Told()
    for _ in range(7):
        tree.crash(error=ValueError("words"))
    tree.reporter.close(0)

    count = tree.told[-1]
    assert (count.kind, count.error) == ("left_out", "ValueError")
    assert "2 more" in str(count) and "words" not in str(count)


def test_many_kinds_are_bounded_together():
    """A hundred lines a minute for one tree, whatever its children think of."""
    tree = Told()
    for kind in range(100_000):
        tree.crash(str(kind))
    assert len(tree.told) == 100

    tree.reporter.close(0)
    assert [str(report) for report in tree.told[100:]] == [
        "the tree has more to report than is told (99900 more in the last minute, left out here)"
    ]


def test_kinds_are_forgotten():
    tree = Told()
    for kind in range(5000):
        tree.crash(str(kind))
        tree.clock.advance(1)
    assert len(tree.reporter._bounds) <= 1001


class Fragile(SupervisedActor):
    def on_receive(self, message):
        raise ValueError(message)


@pytest.fixture
def start():
    trees = []

    def start(report, *, intensity=1000, clock=None, child=Fragile, **options):
        spec = SupervisorSpec(children=[ChildSpec("a", child)], intensity=intensity, **options)
        trees.append(Supervisor.start(spec, runtime=Runtime(clock, report=report)))
        return trees[-1]

    yield start
    for tree in trees:
        assert tree.stop(WITHIN_S)


class Gone(BaseException):
    """Worse than an error."""


@pytest.mark.parametrize(
    "error", [RuntimeError, RecursionError, SystemExit, KeyboardInterrupt, Gone]
)
def test_what_is_raised_while_it_is_told_changes_nothing(start, error):
    def report(_report):
        raise error

    tree = start(report)
    for _ in range(3):
        tree.child("a").tell("x")
    settle(tree.child("a"), within_s=WITHIN_S)
    tree.runtime.reporter.flush(WITHIN_S)

    assert tree.which_child("a").starts == 4
    assert tree.runtime.reporter._thread.is_alive()


def test_a_host_whose_logging_raises_changes_nothing(start, monkeypatch):
    class Filter(logging.Filter):
        def filter(self, record):
            raise SystemExit("of the host's")

    logger, spoilt = logging.getLogger("supervisors"), Filter()
    logger.addFilter(spoilt)
    try:
        tree = start(Runtime().report)
        tree.child("a").tell("x")
        settle(tree.child("a"), within_s=WITHIN_S)
        tree.runtime.reporter.flush(WITHIN_S)
        assert tree.which_child("a").starts == 2
    finally:
        logger.removeFilter(spoilt)


def test_nobody_waits_for_who_is_told(start):
    """A handler that never returns: restarts, questions and a stop go on."""
    come, go = threading.Event(), threading.Event()

    def report(_report):
        come.set()
        go.wait(WITHIN_S)

    tree = start(report)
    tree.child("a").tell("x")
    assert come.wait(WITHIN_S)
    tree.child("a").tell("y")
    settle(tree.child("a"), within_s=WITHIN_S)
    assert tree.which_child("a").starts == 3
    go.set()


def test_a_handler_may_ask_an_actor_of_the_tree_even_the_one_that_crashed(start):
    """Told by the supervisor itself, it would wait for itself for ever."""
    answers = []

    class Sometimes(SupervisedActor):
        def on_receive(self, message):
            if message == "crash":
                raise ValueError
            return message

    tree = None
    tree = start(
        lambda _report: answers.append(tree.child("a").ask("?", timeout=5)), child=Sometimes
    )
    tree.child("a").tell("crash")
    settle(tree.child("a"), within_s=WITHIN_S)
    tree.runtime.reporter.flush(WITHIN_S)

    assert answers == ["?"]


def test_a_handler_that_is_an_actor_of_the_tree_and_crashes_of_it_makes_no_storm(start):
    """Each line makes a crash, and each crash a line: five a minute, and then it is quiet."""
    told = []

    def report(one):
        told.append(one)
        tree.child("a").tell(one)

    tree = start(report)
    tree.child("a").tell("the first")
    for _ in range(20):
        settle(tree.child("a"), within_s=WITHIN_S)
        tree.runtime.reporter.flush(WITHIN_S)

    assert [one.kind for one in told] == ["crashed"] * 5
    assert tree.which_child("a").starts == 7


def test_when_the_minute_is_over_the_count_is_told_without_another_crash(start):
    told, counted, clock = [], threading.Event(), FakeClock()

    def report(one):
        told.append(one)
        if one.kind == "left_out":
            counted.set()

    tree = start(report, clock=clock)
    for _ in range(8):
        tree.child("a").tell("x")
    settle(tree.child("a"), within_s=WITHIN_S)
    tree.runtime.reporter.flush(WITHIN_S)
    assert len(told) == 5
    while not counted.wait(0.01):  # its thread may be on its way to the wait
        clock.advance(61)

    assert "3 more" in str(told[-1])


def test_a_stop_tells_what_was_left_out(start):
    told = []
    tree = start(told.append)
    for _ in range(8):
        tree.child("a").tell("x")
    settle(tree.child("a"), within_s=WITHIN_S)
    assert tree.stop(WITHIN_S)

    assert [one.kind for one in told] == ["crashed"] * 5 + ["left_out"]


def test_where_no_thread_can_be_had_it_is_told_where_it_happens(start, monkeypatch):
    class Refused:
        def start(self):
            raise ThreadRefused("supervisors-reports", "none")

    told, heard = [], threading.Event()

    def report(one):
        told.append(threading.current_thread().name)
        heard.set()

    tree = start(report)
    monkeypatch.setattr("supervisors.run._reporter.new_thread", lambda *_: Refused())
    tree.child("a").tell("x")
    assert heard.wait(WITHIN_S)

    assert told == ["supervisors"]


def test_a_storm_makes_few_lines():
    """Thousands of crashes in no time: five lines and a count."""
    runtime = DeterministicRuntime()
    child = ChildSpec("a", Fragile)
    tree = Supervisor.start(SupervisorSpec(children=[child], intensity=200_000), runtime=runtime)
    told = []
    runtime.report = told.append
    for _ in range(5_000):
        tree.child("a").tell("x")
    runtime.run_until_idle()
    tree.stop()

    assert len(told) == 6
    assert "4995 more" in str(told[-1])


def test_a_tree_without_faults_has_no_thread_for_them(start):
    tree = start(lambda _report: None)

    assert "supervisors-reports" not in [thread.name for thread in threading.enumerate()]
    assert tree.runtime.reporter._thread is None


def test_a_listener_that_raises_worse_than_an_error_changes_nothing(start):
    def listen(event):
        raise SystemExit

    tree = start(lambda _report: None)
    tree.subscribe(listen)
    crash(tree.child("a"), ValueError())
    settle(tree.child("a"), within_s=WITHIN_S)

    assert tree.which_child("a").starts == 2
    assert tree.runtime.journal.listener_errors
