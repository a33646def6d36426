"""A fork waits for what must not be cut in two, and no longer than that."""

import logging
import os
import signal
import threading
from contextlib import contextmanager

import pytest

from supervisors import Exit
from supervisors.run.reports import Report, log_report
from supervisors.system import fork
from supervisors.system.fork import whole
from supervisors.system.process import of_this_process
from telemetry_actors.base import log
from telemetry_actors.sinks.console import ConsoleSink
from tests.chaos.storm import poll

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
]


def threads():
    return of_this_process(fork._Threads, fork._Threads)


def forked(run):
    """What *run* gives in a child, as its exit code; a child that hangs is ended (-14)."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            signal.alarm(10)
            code = run()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@contextmanager
def beside(run):
    """*run* on another thread, which has ended when the block has."""
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_fork_waits_until_another_thread_has_left_its_block():
    done, within = [], threading.Event()

    def work():
        with whole(30.0):
            within.set()
            assert poll(lambda: threads().forking, 10.0)
            done.append(True)

    with beside(work):
        assert within.wait(10.0)
        assert forked(lambda: len(done)) == 1
    assert not threads().within
    assert not threads().forking


def test_a_fork_waits_no_longer_than_a_block_may_take():
    go, within = threading.Event(), threading.Event()

    def work():
        with whole(0.05):
            within.set()
            assert go.wait(30.0)

    with beside(work):
        assert within.wait(10.0)
        try:
            assert forked(lambda: 7) == 7
        finally:
            go.set()


def test_who_is_within_may_fork_and_a_block_within_is_part_of_it():
    with whole(30.0), whole(30.0):
        assert forked(lambda: len(threads().within)) == 0  # the child begins anew
        assert len(threads().within) == 1
    assert not threads().within


def test_who_comes_in_while_another_forks_waits_for_it():
    begun, within = threading.Event(), threading.Event()

    def work():
        begun.set()
        with whole(30.0):
            within.set()

    with whole(0.0):
        pass  # so that hooks are there, as after any
    fork._before()
    with beside(work):
        assert begun.wait(10.0)
        assert not within.wait(0.05)
        fork._in_parent()
        assert within.wait(10.0)


def test_a_fork_in_the_hook_of_a_fork_is_one_of_two():
    fork._before()
    fork._before()
    fork._in_parent()
    assert len(threads().forking) == 1
    fork._in_parent()
    assert not threads().forking


def fork_and_wait():
    forked(lambda: 0)
    signal.pause()


def test_ctrl_c_in_the_middle_of_the_wait_comes_once_it_is_over():
    go, within = threading.Event(), threading.Event()

    def work():
        with whole(30.0):
            within.set()
            assert poll(lambda: threads().forking, 10.0)
            os.kill(os.getpid(), signal.SIGINT)
            assert poll(lambda: threads().interrupted, 10.0)
            go.set()

    with beside(work):
        assert within.wait(10.0)
        with pytest.raises(KeyboardInterrupt):
            fork_and_wait()
    assert go.is_set()


class Stream:
    """A host's log file that is just being written to when somebody forks."""

    def __init__(self):
        self.lock, self.within = threading.Lock(), threading.Event()

    def write(self, text):
        """Under a lock that a fork copies as it is, as that of Python's own files."""
        assert self.lock.acquire(timeout=5.0)
        try:
            if not self.within.is_set():
                self.within.set()
                poll(lambda: threads().forking, 5.0)
        finally:
            self.lock.release()

    def flush(self):
        """Nothing is kept back."""


REPORT = Report("crashed", logging.ERROR, "child a", "a", 1, "crashed", error=str(Exit.normal()))


@pytest.fixture(params=["telemetry_actors", "supervisors"])
def handler(request):
    stream = Stream()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger(request.param)
    logger.addHandler(handler)
    yield (
        handler,
        stream,
        {"supervisors": lambda: log_report(REPORT)}.get(
            request.param, lambda: log.warn("a line of ours")
        ),
    )
    logger.removeHandler(handler)


def test_no_child_is_born_with_the_lock_of_a_stream_to_which_we_write_a_line(
    handler,
):
    handler, stream, say = handler
    with beside(say):
        assert stream.within.wait(10.0)
        assert forked(lambda: int(stream.lock.locked())) == 0


def test_nor_with_that_of_a_stream_to_which_a_console_sink_writes():
    stream = Stream()
    with beside(lambda: ConsoleSink(stream)._write(["a line"])):
        assert stream.within.wait(10.0)
        assert forked(lambda: int(stream.lock.locked())) == 0
