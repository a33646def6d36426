"""A thread whose start ends, also where the new thread never says a word."""

import _thread
import subprocess
import sys
import threading

import pytest

from supervisors import thread as tree_threads
from supervisors.errors import ChildStartError, ThreadRefused
from supervisors.thread import NativeThread, TreeThread, is_want_of_threads, new_thread


@pytest.fixture
def made(monkeypatch):
    """What was to run on a thread: it is not run."""
    made = []
    monkeypatch.setattr(tree_threads, "_BEGINS_WITHIN_S", 0.01)

    def make(run, *_args, **_kwargs):
        made.append(run)

    for name in ("_start_new_thread", "_start_joinable_thread"):  # the latter since 3.13
        monkeypatch.setattr(threading, name, make, raising=False)
    return made


def run_patched(program):
    """*program* in a process that gevent has patched before our import."""
    before = """
from gevent import monkey; monkey.patch_all()
from supervisors.system import native as _native
from supervisors.thread import new_thread
"""
    subprocess.run([sys.executable, "-c", before + program], check=True, timeout=60)


def test_a_thread_that_never_begins_is_not_waited_for_and_does_nothing_if_it_comes_late(made):
    ran = []
    thread = TreeThread("late", lambda: ran.append(1))
    with pytest.raises(ThreadRefused, match="never ran"):
        thread.start()
    assert not thread.is_alive()
    [bootstrap] = made
    over = _thread.allocate_lock()
    over.acquire()
    _thread.start_new_thread(lambda: (bootstrap(), over.release()), ())
    assert over.acquire(timeout=5)
    assert ran == []


@pytest.mark.parametrize(
    ("error", "at_exit"),
    [
        (RuntimeError("can't start new thread"), False),
        (RuntimeError("can't create new thread at interpreter shutdown"), True),
        (MemoryError(), False),
    ],
    ids=lambda value: str(value) or type(value).__name__,
)
def test_a_refusal_says_why(monkeypatch, error, at_exit):
    def no(_thread):
        raise error

    monkeypatch.setattr(threading.Thread, "start", no)
    with pytest.raises(ThreadRefused, match="no thread for mine: ") as caught:
        TreeThread("mine", lambda: None).start()
    start_error = ChildStartError("root", ChildStartError("child", caught.value))
    assert is_want_of_threads(start_error)
    assert is_want_of_threads(start_error, at_exit=True) is at_exit
    assert not is_want_of_threads(ChildStartError("root", ValueError("x")))
    assert not is_want_of_threads(None)


def test_it_runs_its_target_once_it_has_begun():
    ran = threading.Event()
    thread = TreeThread("mine", ran.set)
    thread.start()
    thread.join(5)
    assert ran.is_set()
    assert thread.daemon
    assert thread.name == "mine"


@pytest.mark.parametrize("kind", [TreeThread, NativeThread])
def test_one_that_has_not_begun_is_not_joined(kind):
    """Whoever ends a tree meets such a one while another thread starts it."""
    thread = kind("mine", lambda: None)
    thread.join(5)
    assert not thread.is_alive()


def test_without_gevent_a_new_thread_is_the_standard_librarys():
    thread = new_thread(lambda: None, "mine")
    assert isinstance(thread, TreeThread) and thread.daemon and thread.name == "mine"


# -- where gevent has patched ---------------------------------------------------------------------


@pytest.mark.timeout(70)
def test_g25_where_threads_are_greenlets_ours_are_not():
    run_patched("""
import gevent
idents = []
thread = new_thread(lambda: (idents.append(_native.get_ident()), _native.sleep(0.2)), "n")
assert not thread.is_alive()
thread.start()
assert thread.is_alive()
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)
gevent.spawn(tick)
thread.join(0.01)
assert thread.is_alive()
for _ in range(2):  # also of a thread that has ended
    thread.join()
assert not thread.is_alive() and thread.ident == idents[0] != _native.get_ident()
assert len(ticks) > 3, "the hub was held up by a join"
""")


def test_a_native_thread_that_never_begins_is_not_waited_for_and_does_nothing_if_it_comes_late(
    monkeypatch,
):
    made, ran = [], []
    monkeypatch.setattr(tree_threads, "_BEGINS_WITHIN_S", 0.01)
    monkeypatch.setattr(tree_threads, "begin", made.append)
    thread = NativeThread("late", lambda: ran.append(1))
    with pytest.raises(ThreadRefused, match="never ran"):
        thread.start()
    assert not thread.is_alive()
    thread.join()
    [live] = made
    live()
    assert ran == []


def test_a_refusal_of_a_native_thread_says_why(monkeypatch):
    def no(*_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(_thread, "start_new_thread", no)
    with pytest.raises(ThreadRefused, match="no thread for mine: ") as caught:
        NativeThread("mine", lambda: None).start()
    assert caught.value.at_exit


def test_a_native_thread_lives_from_its_start_to_its_end_and_is_joined_as_long():
    go, idents = _thread.allocate_lock(), []
    go.acquire()
    thread = NativeThread("mine", lambda: (idents.append(_thread.get_ident()), go.acquire()))
    assert not thread.is_alive()
    thread.start()
    assert thread.is_alive()
    thread.join(0.01)
    assert thread.is_alive()
    go.release()
    for _ in range(2):  # also of one that has ended
        thread.join(5)
        assert not thread.is_alive()
    assert [thread.ident] == idents


@pytest.mark.timeout(70)
def test_in_the_child_of_a_fork_no_native_thread_is_alive_and_none_is_taken_for_ours():
    run_patched("""
import os
fork = _native.original("os", "fork")  # gevent's own may miss the end of a quick child
waitpid = _native.original("os", "waitpid")
over = _native.allocate_lock()
over.acquire()
thread = new_thread(over.acquire, "parents")
thread.start()
assert thread.is_alive() and thread.ident in _native._OURS
child = fork()
if child == 0:
    thread.join()
    assert thread.ident not in _native._OURS
    mine = new_thread(over.release, "childs")
    mine.start()
    mine.join(5)
    os._exit(10 * thread.is_alive() + mine.is_alive() + over.locked())
assert waitpid(child, 0)[1] == 0
assert thread.is_alive()
over.release()
""")
