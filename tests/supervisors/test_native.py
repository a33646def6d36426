"""Threads as the operating system has them; what is patched is tried in programs of its own."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from supervisors.system import native as _native
from supervisors.system.clock import new_token, release


def run_patched(program):
    """*program* in a process that gevent has patched before our import."""
    before = (
        "from gevent import monkey; monkey.patch_all()\n"
        "from supervisors.system import native as _native\n"
    )
    subprocess.run([sys.executable, "-c", before + program], check=True, timeout=60)


def test_without_gevent_everything_is_the_standard_librarys():
    assert _native.get_ident is threading.get_ident
    assert type(_native.Lock()) is type(threading.Lock())
    assert _native.gently(len) is len
    assert _native.call_host(threading.get_ident) == threading.get_ident()


def test_a_wait_ends_by_a_release_and_by_its_time():
    token = new_token()
    _native.wait(token, 0.0)
    _native.wait(token, 0.001)
    release(token)
    _native.wait(token, None)
    assert token.locked()
    assert not _native.acquire(token, 0.0)
    assert not _native.acquire(token, 0.001)
    release(token)
    assert _native.acquire(token, None)


def test_a_thread_that_is_begun_runs_and_leaves_nothing_behind():
    done, idents = new_token(), []
    _native.begin(lambda: (idents.append(_native.get_ident()), release(done)))
    _native.wait(done, 5)
    assert idents[0] != _native.get_ident()


@pytest.mark.timeout(70)
def test_a_wait_in_the_hub_itself_blocks_and_does_not_switch():
    """Signal handlers run there, and nobody can be let on."""
    run_patched("""
import gevent
token, seen = _native.allocate_lock(), []
token.acquire()
def in_the_hub():
    assert gevent.getcurrent() is gevent.get_hub()
    _native.wait(token, 0.05)
    seen.append(True)
gevent.get_hub().loop.run_callback(in_the_hub)
gevent.sleep(0.1)
assert seen
""")


@pytest.mark.timeout(70)
def test_the_hosts_code_is_called_in_its_hub_and_what_it_raises_comes_back():
    run_patched("""
import gevent
_native.note_hub()
mine, seen, done = _native.get_ident(), [], _native.allocate_lock()
done.acquire()
def call():
    gevent.sleep(0.01)
    return _native.get_ident()
def fail():
    raise LookupError("mine")
def work():
    seen.append(_native.call_host(call))
    try:
        _native.call_host(fail)
    except LookupError as error:
        seen.append(str(error))
    done.release()
_native.begin(work)
_native.wait(done, 5)
assert seen == [mine, "mine"], seen
""")


@pytest.mark.timeout(70)
def test_steps_beside_a_hub_let_go_of_the_gil_after_each_millisecond():
    run_patched("""
pauses = []
_native.sleep = pauses.append
def step(n):
    until_s = _native._now_s() + 0.0006
    while _native._now_s() < until_s:
        pass
    return n
gentle = _native.gently(step)
assert [gentle(n) for n in range(10)] == list(range(10))
assert 4 <= len(pauses) <= 9, pauses
""")


class Waited:
    """A token that is let go when it was waited for so often; and for how long each time."""

    def __init__(self, times):
        self.times = times
        self.waits: list[float] = []

    def acquire(self, blocking=True, timeout=-1):
        self.waits.append(timeout if blocking else 0)
        return len(self.waits) == self.times


@pytest.mark.parametrize("timeout_s", [None, 3600.0])
def test_a_wait_of_the_main_thread_looks_up_for_signals(timeout_s):
    """One that came as it was about to wait would go unnoticed for all of it."""
    token = Waited(3)

    assert _native.acquire(token, timeout_s) is True
    assert token.waits == [0.5] * 3


@pytest.mark.parametrize(("timeout_s", "waits"), [(None, [-1]), (3600.0, [3600.0])])
def test_no_other_thread_wakes_for_that(timeout_s, waits):
    token = Waited(1)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_native.acquire, token, timeout_s).result() is True

    assert token.waits == waits


def test_a_wait_of_the_main_thread_ends_in_time():
    assert _native.acquire(Waited(9), 0.0) is False
    assert _native.acquire(Waited(9), -1.0) is False
