"""A tree in a ``with`` block, and a wait for its end: by itself, by a stop, by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from supervisors import Exit, Supervisor, SupervisorSpec
from supervisors.run.deterministic import DeterministicRuntime
from tests.supervisors.live import WITHIN_S, child, tree_of


def test_at_the_end_of_the_block_the_tree_has_been_stopped():
    with Supervisor.start(SupervisorSpec(children=[child("c")])) as supervisor:
        assert supervisor.child("c").ask("hello", timeout=WITHIN_S) == "hello"

    assert supervisor.exit == Exit.shutdown()
    assert not supervisor.is_alive()


def test_an_error_in_the_block_stops_the_tree_and_gets_out():
    with pytest.raises(ValueError, match="in the block"), tree_of(child("c")) as supervisor:
        raise ValueError("in the block")

    assert not supervisor.is_alive()


def test_a_tree_that_has_ended_in_the_block_leaves_it_as_quietly():
    with tree_of(
        child("c", restart="temporary", significant=True), auto_shutdown="any_significant"
    ) as tree:
        tree.child("c").tell(Exit.normal())
        assert tree.wait(WITHIN_S)

    assert tree.exit == Exit.shutdown()


def test_all_who_wait_hear_of_the_end():
    with tree_of(child("c")) as tree, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(tree.wait) for _ in range(3)]
        assert tree.wait(0.0) is False
        assert tree.stop(WITHIN_S)
        assert [one.result(WITHIN_S) for one in waiting] == [True] * 3
    assert tree.wait() is True


def test_it_waits_by_the_clock_of_the_tree():
    runtime = DeterministicRuntime()
    with tree_of(child("c"), runtime=runtime) as tree:
        assert tree.wait(3600.0) is False
        assert runtime.clock.now_s() == 3600.0


def test_one_that_gives_up_ends_the_wait():
    with tree_of(child("c"), intensity=0) as tree:
        tree.child("c").tell(ValueError("x"))
        assert tree.wait(WITHIN_S)
    assert "more than 0 restarts" in str(tree.exit)


PROGRAM = """
import os, signal, sys, threading
from supervisors import ChildSpec, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.system import native as _native

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

class Child(SupervisedActor):
    def on_start(self):
        print("up", flush=True)
    def on_receive(self, main):
        while sys._current_frames()[main].f_code.co_filename != _native.__file__:
            pass  # it is not about to wait yet
        os.kill(os.getpid(), signal.SIGINT)
    def on_stop(self):
        print("stopped", flush=True)

with Supervisor.start(SupervisorSpec(children=[ChildSpec("c", Child)])) as supervisor:
    supervisor.child("c").tell(threading.get_ident())
    try:
        supervisor.wait({timeout})
    except KeyboardInterrupt:
        print("interrupted", supervisor.is_alive(), flush=True)
        raise
"""


@pytest.mark.parametrize("timeout", ["", "60"])
def test_ctrl_c_ends_the_wait_and_the_block_stops_the_tree(timeout):
    """In a process of its own, with a real signal that comes while it waits."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(timeout=timeout)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.stdout.splitlines() == ["up", "interrupted True", "stopped"]
    assert ran.returncode == -signal.SIGINT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_in_the_child_of_a_fork_there_is_nothing_to_wait_for():
    with tree_of(child("c")) as tree:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if tree.wait() is True and tree.exit == Exit.lost() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert threading.active_count() > 1
