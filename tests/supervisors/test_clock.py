"""A wait ends when its token is released, from wherever, or when its time is up."""

import _thread
import gc
import signal
import threading

import pytest

from supervisors import Clock, SystemClock
from supervisors.system.clock import new_token, release, thread_cpu, wait_until


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


# -- wait_until ----------------------------------------------------------------------------------


class Stepping:
    """A clock whose waits take the time they are given, and are written down."""

    def __init__(self):
        self.time_s, self.waits = 0.0, []

    def now_s(self):
        return self.time_s

    def now_ns(self):
        return 0

    def wait(self, token, timeout_s):
        self.waits.append(timeout_s)
        self.time_s += 10.0 if timeout_s is None else timeout_s


@pytest.mark.parametrize(
    ("so_at_s", "until_s", "look_s", "found", "waits"),
    [
        (0.0, None, None, True, []),
        (0.0, -1.0, None, True, []),  # it is looked at first
        (5.0, None, None, True, [None]),
        (5.0, 3.0, None, False, [3.0]),
        (3.0, 3.0, None, True, [3.0]),  # and once more when time is up
        (5.0, 3.0, 2.0, False, [2.0, 1.0]),
        (5.0, None, 2.0, True, [2.0, 2.0, 2.0]),
    ],
)
def test_it_is_waited_for_until_it_is_so_or_time_is_up(so_at_s, until_s, look_s, found, waits):
    clock = Stepping()
    answer = wait_until(
        lambda: clock.time_s >= so_at_s, clock, new_token(), until_s=until_s, look_s=look_s
    )

    assert (answer, clock.waits) == (found, waits)


def test_whoever_makes_it_so_wakes_who_waits(clock):
    so, token = [], new_token()

    def make_it_so():
        so.append(1)
        release(token)

    thread = threading.Thread(target=make_it_so)
    thread.start()

    assert wait_until(lambda: bool(so), clock, token)
    thread.join()


def test_what_the_look_raises_ends_the_wait(clock):
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, clock, new_token())
