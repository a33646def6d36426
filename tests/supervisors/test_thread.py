"""A thread whose start ends, also where the new thread never says a word."""

import _thread
import threading

import pytest

from supervisors import _thread as tree_threads
from supervisors._thread import TreeThread, is_want_of_threads
from supervisors.errors import ChildStartError, ThreadRefused


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
