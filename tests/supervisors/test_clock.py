"""A wait ends when its token is released, from wherever, or when its time is up."""

import _thread
import gc
import signal
import threading

import pytest

from supervisors import Clock, SystemClock
from supervisors.system.clock import new_token, release, thread_cpu


@pytest.fixture
def clock():
    return SystemClock()


def test_it_is_a_clock(clock):
    assert isinstance(clock, Clock)


def test_it_tells_the_machines_times(clock):
    earlier_s, year_ns = clock.now_s(), 365 * 86_400 * 10**9

    assert earlier_s <= clock.now_s()
    assert 50 * year_ns < clock.now_ns() < 200 * year_ns


def test_a_wait_for_no_time_does_not_wait_and_takes_a_release_that_is_there(clock):
    token = new_token()
    clock.wait(token, 0.0)
    clock.wait(token, -1.0)
    release(token)
    clock.wait(token, 0.0)

    assert token.locked()


def test_a_release_before_the_wait_is_not_lost(clock):
    token = new_token()
    release(token)
    clock.wait(token, None)


def test_releases_do_not_add_up(clock):
    token = new_token()
    release(token)
    release(token)
    clock.wait(token, None)

    assert token.locked()


@pytest.mark.parametrize("timeout_s", [None, 5.0, _thread.TIMEOUT_MAX * 2])
def test_a_wait_ends_when_its_token_is_released(clock, timeout_s):
    token, done = new_token(), threading.Event()

    def work():
        clock.wait(token, timeout_s)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not done.is_set()
    release(token)

    assert done.wait(5)
    thread.join()


def test_a_wait_ends_when_its_time_is_up(clock):
    clock.wait(new_token(), 0.001)


def test_a_release_may_come_from_a_signal_handler_in_the_middle_of_a_wait(clock):
    token = new_token()
    before = signal.signal(signal.SIGALRM, lambda *_: release(token))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        clock.wait(token, None)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_release_may_come_from_a_finaliser(clock):
    class Dying:
        def __init__(self, token):
            self.me, self.token = self, token

        def __del__(self):
            release(self.token)

    token = new_token()
    Dying(token)
    gc.collect()
    clock.wait(token, None)


def test_the_cpu_time_of_a_thread_grows_with_its_work():
    native_id = threading.get_native_id()
    before = thread_cpu(native_id)
    while thread_cpu(native_id) == before:
        sum(range(100_000))

    assert thread_cpu(native_id) > before


@pytest.mark.parametrize("nobody", [None, 2**30])
def test_the_cpu_time_of_a_thread_that_is_not_there_is_unknown(nobody):
    assert thread_cpu(nobody) is None
