"""The tests' own stopwatch: it leaves out what the machine took, and nothing that we took."""

import signal
import threading
import time

import pytest

from tests.stopwatch import Stopwatch, witness

pytestmark = pytest.mark.timed


def freeze(seconds):
    witness().process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    witness().process.send_signal(signal.SIGCONT)


def test_what_the_machine_took_is_left_out():
    watch, began_s = Stopwatch(), time.monotonic()
    time.sleep(0.2)
    freeze(0.5)
    assert time.monotonic() - began_s > 0.7
    assert watch.took_s() < 0.5


def test_what_it_took_before_is_not():
    freeze(0.3)
    watch = Stopwatch()
    time.sleep(0.2)
    assert watch.took_s() == pytest.approx(0.2, abs=0.1)


def test_what_we_take_is_not():
    """Threads that keep the GIL from each other are late by our own fault."""
    over = threading.Event()

    def spin():
        while not over.is_set():
            pass

    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    watch, began_s = Stopwatch(), time.process_time()
    while time.process_time() - began_s < 0.5:
        pass
    took_s = watch.took_s()
    over.set()
    for thread in threads:
        thread.join()
    assert took_s > 0.4
